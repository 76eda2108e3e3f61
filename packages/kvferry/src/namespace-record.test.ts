import {
  bufferPool,
  type Kv1Options,
  type KvCache,
  kv1KeyFormat,
  kvCache,
  memoryBackend,
  type PutResult,
  type RemoteBackend,
} from '@kvferry/core';
import { lmcacheChunker } from '@kvferry/lmcache';
import { expect, test } from 'vitest';
import { recordNamespaces } from './namespace-record.ts';

const options: Kv1Options = {
  layout: { format: 'KV_2LTD', layers: 1, kvHeads: 1, headSize: 8, chunkTokens: 4 },
  hash: { name: 'python', seed: '0' },
};
const scope = { modelName: 'm', worldSize: 1, workerId: 0, dtype: 'float16', tags: [] } as const;
const layout = { format: 'KV_2LTD', dtype: 'float16', layers: 1, tokens: 4, hidden: 8 } as const;
const chunk = { layout, bytes: new Uint8Array(128) };

/** A backend over a Map whose `put`s are seen, and may fail. */
function watched(
  capabilities: { readonly create: boolean },
  fail: (key: string) => PutResult | undefined = () => undefined,
) {
  const inner = memoryBackend();
  const puts: string[] = [];
  const backend: RemoteBackend = {
    info: inner.info,
    capabilities: { ...inner.capabilities, ...capabilities },
    get state() {
      return inner.state;
    },
    open: (given) => inner.open(given),
    stat: (keys, given) => inner.stat(keys, given),
    get: (items, given) => inner.get(items, given),
    async put(items, given) {
      const [item] = items;
      const failure = item === undefined ? undefined : fail(item.key);
      if (item?.key.startsWith('kv1/_ns/')) puts.push(`${given?.mode} ${item.key}`);
      return failure === undefined ? inner.put(items, given) : [failure];
    },
    delete: (keys, given) => inner.delete(keys, given),
    list: (given) => inner.list(given),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
  return { backend, puts };
}

function cacheOver(backend: RemoteBackend): KvCache {
  const keyFormat = kv1KeyFormat(options);
  const hash = {
    algorithm: 'builtin',
    vllm: false,
    pythonHashSeed: null,
    python: 'from-3.11',
    era: 'current',
  } as const;
  const chunker = lmcacheChunker({ chunkTokens: 4, hash });
  const pool = bufferPool({ maxBytes: 1024 ** 2 });
  const cache = kvCache({ backend, chunker, keyFormat, scope, layout, pool, local: 'staging-only' });
  return recordNamespaces(cache, { backend, keyFormat, scope, answerMs: 10_000 });
}

const { id, key, json } = kv1KeyFormat(options).namespace(scope);

test.each([true, false])('is written by the first store of something, create %s', async (create) => {
  const { backend, puts } = watched({ create });
  await using cache = cacheOver(backend);
  await cache.open();
  await cache.store([1, 2, 3], []);
  expect(puts).toEqual([]);
  await cache.store([1, 2, 3, 4], [chunk]);
  await cache.store([5, 6, 7, 8], [chunk]);
  expect(puts).toEqual([`${create ? 'create' : 'replace'} kv1/_ns/${id}.json`]);
  const into = new Uint8Array(json.length);
  expect(await backend.get([{ key, into }])).toMatchObject([{ status: 'hit' }]);
  expect(Buffer.from(into).toString()).toBe(json);
});

test('is left as it is where another has written it', async () => {
  const { backend, puts } = watched({ create: false });
  await using cache = cacheOver(backend);
  await cache.open();
  await backend.put([{ key, parts: [Buffer.from(json)] }]);
  puts.length = 0;
  await cache.store([1, 2, 3, 4], [chunk]);
  expect(puts).toEqual([]);
});

test('is tried again by the next store where it failed, and no chunk is lost over it', async () => {
  let failures = 1;
  const failed: PutResult = { status: 'failed', error: expect.anything() };
  const { backend, puts } = watched({ create: true }, (name) => {
    return name === key && failures-- > 0 ? failed : undefined;
  });
  await using cache = cacheOver(backend);
  await cache.open();
  expect(await cache.store([1, 2, 3, 4], [chunk])).toMatchObject([{ result: { status: 'stored' } }]);
  expect(await cache.store([5, 6, 7, 8], [chunk])).toMatchObject([{ result: { status: 'stored' } }]);
  expect(puts).toHaveLength(2);
  expect(await backend.stat([key])).toMatchObject([{ status: 'hit' }]);
});
