import type { RemoteBackend } from '@kvferry/core';
import { expect, test } from 'vitest';
import { BUCKET, openBackend, startZone } from './testing/open.ts';

async function keysOf(backend: RemoteBackend, prefix?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of backend.list(prefix === undefined ? {} : { prefix })) keys.push(key);
  return keys.toSorted();
}

test('any prefix finds its keys, though the store takes only whole folders', async () => {
  const simulator = await startZone();
  const keys = ['kv/model-a/1', 'kv/model-a/2', 'kv/model-b/1', 'kv/x', 'kw/1', 'top', 'model@1@0@49bc@half'];
  for (const key of keys) await simulator.putObject(BUCKET, key, Buffer.from(key));
  const backend = await openBackend(simulator);
  for (const prefix of [
    '',
    'k',
    'kv',
    'kv/',
    'kv/m',
    'kv/model-a',
    'kv/model-a/',
    'kv/model-a/2',
    'to',
    'model@1@0@',
    'absent/x',
  ]) {
    const due = keys.filter((key) => key.startsWith(prefix)).toSorted();
    expect(await keysOf(backend, prefix), `prefix ${JSON.stringify(prefix)}`).toEqual(due);
  }
  expect(await keysOf(backend)).toEqual(keys.toSorted());
  const asked = simulator.requests.flatMap(({ url }) => new URL(url, 'http://x').searchParams.get('prefix') ?? []);
  expect([...new Set(asked)].toSorted()).toEqual(['absent/', 'kv/', 'kv/model-a/']);
});

test('pages hold every key once', async () => {
  const simulator = await startZone();
  const keys = Array.from({ length: 2500 }, (_, index) => `pages/${index}`);
  for (const key of keys) await simulator.putObject(BUCKET, key, Buffer.from('x'));
  const backend = await openBackend(simulator);
  expect(await keysOf(backend, 'pages/')).toEqual(keys.toSorted());
  expect(simulator.requests.filter(({ url }) => url.includes('list-type'))).toHaveLength(3);
  // Of a prefix within the folder all pages are read, and some have nothing to give.
  expect(await keysOf(backend, 'pages/249')).toEqual(keys.filter((key) => key.startsWith('pages/249')).toSorted());
});
