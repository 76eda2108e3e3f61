import { expect, test } from 'vitest';
import { memoryBackend } from '../backends/memory.ts';
import { KvferryError } from '../errors.ts';
import { keyPrefix } from './key-prefix.ts';
import { withLayers } from './with-layers.ts';

const value = Buffer.from('value');

test('keys lie under the prefix inside, and do not show it outside', async () => {
  const inner = memoryBackend();
  const outer = withLayers(inner, keyPrefix({ prefix: 'kv/prod' }));
  await outer.open();
  await inner.put([{ key: 'kv/other', parts: [value] }]);
  expect(await outer.put([{ key: 'a/b', parts: [value] }])).toEqual([{ status: 'stored' }]);
  expect(await inner.stat(['kv/prod/a/b'])).toMatchObject([{ status: 'hit', byteLength: 5 }]);
  expect(await outer.stat(['a/b', 'other'])).toMatchObject([{ status: 'hit' }, { status: 'miss' }]);
  const into = new Uint8Array(5);
  expect(await outer.get([{ key: 'a/b', into }])).toMatchObject([{ status: 'hit', byteLength: 5 }]);
  expect(Buffer.from(into).toString()).toBe('value');
  expect(await Array.fromAsync(outer.list({ prefix: 'a' }))).toEqual([{ key: 'a/b', byteLength: 5 }]);
  expect(await outer.delete(['a/b'])).toEqual([{ status: 'deleted' }]);
  expect(await Array.fromAsync(inner.list())).toEqual([{ key: 'kv/other', byteLength: 5 }]);
  expect(outer.info.namespace).toBe(`${inner.info.namespace}/kv/prod`);
  await outer.close();
});

test('a key that is too long under the prefix fails alone', async () => {
  const outer = withLayers(memoryBackend(), keyPrefix({ prefix: 'p'.repeat(100) }));
  await outer.open();
  const long = Array.from({ length: 5 }, () => 'x'.repeat(99)).join('/');
  const results = await outer.put(['a', long, 'b'].map((key) => ({ key, parts: [value] })));
  expect(results).toMatchObject([
    { status: 'stored' },
    { error: { code: 'INVALID_ARGUMENT', key: long } },
    { status: 'stored' },
  ]);
  await outer.close();
});

test('a prefix that is no key is refused', () => {
  expect(() => keyPrefix({ prefix: 'ends/with/' })).toThrow(KvferryError);
});
