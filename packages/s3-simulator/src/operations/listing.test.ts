import { ListObjectsV2Command, type ListObjectsV2CommandInput, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { BUCKET, openSimulator } from '../testing/open.ts';
import { send } from '../testing/raw.ts';
import { sdkClient } from '../testing/sdk.ts';
import type { Simulator } from '../types.ts';
import { listPage } from './listing.ts';

async function withKeys(keys: readonly string[]): Promise<Simulator> {
  const simulator = await openSimulator();
  for (const key of keys) await simulator.putObject(BUCKET, key, Buffer.from(key));
  return simulator;
}

async function listAll(
  simulator: Simulator,
  input: Omit<ListObjectsV2CommandInput, 'Bucket'>,
): Promise<{ keys: string[]; prefixes: string[]; pages: number }> {
  const keys: string[] = [];
  const prefixes: string[] = [];
  let pages = 0;
  for await (const page of paginateListObjectsV2({ client: sdkClient(simulator) }, { Bucket: BUCKET, ...input })) {
    pages++;
    for (const { Key = '' } of page.Contents ?? []) keys.push(Key);
    for (const { Prefix = '' } of page.CommonPrefixes ?? []) prefixes.push(Prefix);
  }
  return { keys, prefixes, pages };
}

test('pages hold every key once, in order', async () => {
  const keys = Array.from({ length: 25 }, (_, i) => `k/${String(i).padStart(2, '0')}`);
  const simulator = await withKeys([...keys].reverse());
  expect(await listAll(simulator, { MaxKeys: 10 })).toEqual({ keys, prefixes: [], pages: 3 });
});

test('a page that is just full is the last', async () => {
  const simulator = await withKeys(['a', 'b']);
  expect(await listAll(simulator, { MaxKeys: 2 })).toMatchObject({ keys: ['a', 'b'], pages: 1 });
});

test('the order is that of UTF-8 bytes', async () => {
  // U+FF5E comes before U+1F98A in UTF-8, and behind its surrogates in UTF-16.
  const keys = ['A', 'a', 'ü', '\uff5e', '🦊'];
  expect((await listAll(await withKeys([...keys].reverse()), {})).keys).toEqual(keys);
});

test('a prefix, a start and a delimiter choose and roll up', async () => {
  const simulator = await withKeys(['a/1', 'a/2', 'a/b/3', 'a/c/4', 'a/c/5', 'b/6', 'top']);
  expect(await listAll(simulator, { Prefix: 'a/' })).toMatchObject({ keys: ['a/1', 'a/2', 'a/b/3', 'a/c/4', 'a/c/5'] });
  expect(await listAll(simulator, { Delimiter: '/' })).toMatchObject({ keys: ['top'], prefixes: ['a/', 'b/'] });
  expect(await listAll(simulator, { Prefix: 'a/', Delimiter: '/', MaxKeys: 1 })).toEqual({
    keys: ['a/1', 'a/2'],
    prefixes: ['a/b/', 'a/c/'],
    pages: 4,
  });
  expect(await listAll(simulator, { StartAfter: 'a/c/4' })).toMatchObject({ keys: ['a/c/5', 'b/6', 'top'] });
});

test('an entry tells size, tag and time', async () => {
  const simulator = await openSimulator();
  const lastModified = new Date('2026-01-01T00:00:00Z');
  await simulator.putObject(BUCKET, 'k', Buffer.from('hello'), { lastModified });
  const { Contents } = await sdkClient(simulator).send(new ListObjectsV2Command({ Bucket: BUCKET }));
  const etag = (await simulator.getObject(BUCKET, 'k'))?.etag;
  expect(Contents?.[0]).toMatchObject({ Key: 'k', Size: 5, ETag: etag, LastModified: lastModified });
});

test('keys that XML would change arrive as they are, and encoding-type=url encodes them', async () => {
  const keys = ['a&b<c>"\'', ' padded ', 'cr\rlf\n', '007', 'plus+space %'];
  const simulator = await withKeys(keys);
  expect((await listAll(simulator, {})).keys.sort()).toEqual([...keys].sort());
  const answer = await send(simulator, { method: 'GET', path: `/${BUCKET}?encoding-type=url&list-type=2&prefix=plus` });
  expect(answer.body.toString()).toContain('<Key>plus%2Bspace+%25</Key>');
  expect(answer.body.toString()).toContain('<EncodingType>url</EncodingType>');
});

test.each(['max-keys=x', 'continuation-token=x', 'encoding-type=xml'])('%s is InvalidArgument', async (query) => {
  const answer = await send(await openSimulator(), { method: 'GET', path: `/${BUCKET}?list-type=2&${query}` });
  expect(answer.status).toBe(400);
  expect(answer.body.toString()).toContain('<Code>InvalidArgument</Code>');
});

describe('listPage', () => {
  test('with no room gives nothing and promises nothing', () => {
    expect(listPage(['a'], { prefix: '', delimiter: '', after: '', maxEntries: 0 })).toEqual({
      keys: [],
      prefixes: [],
      next: undefined,
    });
  });

  test('behind a common prefix leaves out what it stands for', () => {
    const page = listPage(['a/1', 'a/2', 'b'], { prefix: '', delimiter: '/', after: 'a/', maxEntries: 10 });
    expect(page).toEqual({ keys: ['b'], prefixes: [], next: undefined });
  });
});
