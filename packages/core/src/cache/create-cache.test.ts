import { describe, expect, test } from 'vitest';
import { cacheOptions, fill, layout, openCache, settled, tensorsOf, tokensOf } from '../testing/cache-parts.ts';
import { TestStore } from '../testing/test-store.ts';
import { kvCache } from './create-cache.ts';
import type { KvCache } from './kv-cache.ts';

const operations: Readonly<Record<string, (cache: KvCache) => unknown>> = {
  store: (cache) => cache.store([], []),
  lookup: (cache) => cache.lookup([]),
  retrieve: (cache) => cache.retrieve([]),
  retrieveInto: (cache) => cache.retrieveInto([], []),
  prefetch: async (cache) => cache.prefetch([]).loaded,
};

describe('the life of a cache', () => {
  test.each(Object.keys(operations))('%s is refused before open and after close', async (name) => {
    const operation = operations[name] as (cache: KvCache) => Promise<unknown>;
    const cache = kvCache(cacheOptions());
    await expect(operation(cache)).rejects.toMatchObject({
      code: 'NOT_OPEN',
      message: expect.stringContaining('open()'),
    });
    await cache.open();
    await operation(cache);
    await cache.close();
    await expect(operation(cache)).rejects.toMatchObject({
      code: 'NOT_OPEN',
      message: expect.stringContaining('closed'),
    });
    await expect(cache.open()).rejects.toMatchObject({ code: 'NOT_OPEN' });
  });

  test.each(Object.keys(operations))('%s with a signal that has fired asks nobody', async (name) => {
    const { cache, store } = await openCache();
    const signal = AbortSignal.abort('left');
    const tokens = tokensOf(2);
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      store: () => cache.store(tokens, tensorsOf(tokens), { signal }),
      lookup: () => cache.lookup(tokens, { signal }),
      retrieve: () => cache.retrieve(tokens, { signal }),
      retrieveInto: () => cache.retrieveInto(tokens, [], { signal }),
      prefetch: () => cache.prefetch(tokens, { signal }).loaded,
    };
    await expect(calls[name]?.()).rejects.toMatchObject({ code: 'ABORTED', cause: 'left' });
    expect(store.stats).toEqual([]);
    expect(cache.stats.copiedBytes).toBe(0);
  });

  test('opens and closes the remote, and opens once', async () => {
    const store = new TestStore();
    const cache = kvCache(cacheOptions({ backend: store.backend }));
    await Promise.all([cache.open(), cache.open()]);
    expect(store.backend.state).toBe('open');
    await cache.open();
    await Promise.all([cache.close(), cache.close()]);
    expect(store.backend.state).toBe('closed');
  });

  test('an opening that is aborted may be tried again', async () => {
    const cache = kvCache(cacheOptions());
    await expect(cache.open({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    await cache.open();
    await cache[Symbol.asyncDispose]();
  });

  test('works without a remote', async () => {
    const cache = kvCache(cacheOptions({ backend: undefined }));
    await expect(cache.open({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    await cache.open();
    expect(cache.info.remote).toBeUndefined();
    await cache.close();
  });

  test('close ends what is under way, with what has come in order', async () => {
    const { cache, store, pool } = await openCache();
    const tokens = tokensOf(4);
    const keys = fill(store, tokens);
    store.hold('get', [keys[2] as string]);
    const retrieving = cache.retrieve(tokens);
    const prefetch = cache.prefetch(tokens);
    await settled();
    await cache.close();
    const retrieved = await retrieving;
    expect(retrieved).toMatchObject({
      hitTokens: 8,
      end: { status: 'failed', error: { code: 'ABORTED', key: keys[2] } },
    });
    expect(await prefetch.loaded).toMatchObject({
      hitTokens: 8,
      end: { status: 'failed', error: { code: 'ABORTED' } },
    });
    // On loan, so still there.
    expect(pool.leasedBytes).toBe(2 * 4096);
    expect(
      Buffer.compare(retrieved.chunks[0]?.bytes ?? new Uint8Array(0), tensorsOf(tokens)[0]?.bytes ?? new Uint8Array(0)),
    ).toBe(0);
    retrieved[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
  });

  test('close gives back all memory that nobody holds, and what a store was sending fails', async () => {
    const { cache, store, pool } = await openCache();
    const tokens = tokensOf(4);
    await cache.store(tokens, tensorsOf(tokens));
    const other = tokensOf(2, 2);
    store.hold('put');
    const storing = cache.store(other, tensorsOf(other));
    await settled();
    await cache.close();
    for (const { result } of await storing)
      expect(result).toMatchObject({ status: 'failed', error: { code: 'ABORTED' } });
    expect(pool.leasedBytes).toBe(0);
    expect(cache.stats).toMatchObject({ localEntries: 0, pinnedEntries: 0 });
  });

  test('close ends who waits for memory', async () => {
    const { cache, store } = await openCache({ budget: 1, local: 'staging-only' });
    for (const seed of [1, 2]) fill(store, tokensOf(1, seed));
    const held = await cache.retrieve(tokensOf(1, 1));
    const waiting = cache.retrieve(tokensOf(1, 2));
    await settled();
    await cache.close();
    expect((await waiting).end).toMatchObject({
      status: 'failed',
      error: { code: 'ABORTED', reason: 'the cache was closed' },
    });
    held[Symbol.dispose]();
  });

  test('close waits for what still reads memory of the caller', async () => {
    const { cache } = await openCache({ backend: undefined, budget: 8192 });
    const bytes = new Uint8Array(4096);
    const ended: string[] = [];
    const storing = cache.store(
      tokensOf(4096),
      Array.from({ length: 4096 }, () => ({ layout, bytes })),
    );
    await Promise.all([storing.then(() => ended.push('store')), cache.close().then(() => ended.push('close'))]);
    expect(ended).toEqual(['store', 'close']);
  });

  test('an opening during which the cache is closed is no opening', async () => {
    const cache = kvCache(cacheOptions({ backend: undefined }));
    const opening = cache.open();
    const closing = cache.close();
    await expect(opening).rejects.toMatchObject({ code: 'NOT_OPEN' });
    await closing;
  });

  test('a remote that was closed behind its back is no miss', async () => {
    const { cache, store } = await openCache();
    await store.backend.close();
    await expect(cache.lookup(tokensOf(2))).rejects.toMatchObject({ code: 'NOT_OPEN' });
  });
});

describe('what a cache tells', () => {
  test('of itself', () => {
    expect(kvCache(cacheOptions({ local: 'LFU', asyncLoading: true })).info).toEqual({
      chunker: 'test chain',
      keyFormat: 'test keys',
      serde: 'naive',
      remote: 'test://store',
      chunkBytes: 4096,
      local: 'LFU',
      asyncLoading: true,
      budgetBytes: 16 * 4096,
    });
  });

  test('counts what its requests came to', async () => {
    const { cache, store } = await openCache();
    fill(store, tokensOf(2));
    await cache.lookup(tokensOf(2));
    await cache.lookup(tokensOf(2, 9));
    using retrieved = await cache.retrieve(tokensOf(3));
    expect(retrieved.hitTokens).toBe(8);
    expect(cache.stats).toEqual({
      localHits: 0,
      remoteHits: 2,
      misses: 2,
      corrupt: 0,
      failures: 0,
      storedChunks: 0,
      copiedBytes: 0,
      evictions: 0,
      probes: 5,
      probeRounds: 3,
      localEntries: 2,
      pinnedEntries: 2,
      leasedBytes: 2 * 4096,
      loading: 0,
    });
  });
});

describe('the options', () => {
  test.each([
    { name: 'polcy', own: { polcy: 'LRU' } },
    { name: 'local', own: { local: 'lru' } },
    { name: 'chunker', own: { chunker: undefined } },
    { name: 'pool', own: { pool: null } },
    { name: 'layout.tokens', own: { layout: { ...layout, tokens: 5 } } },
    { name: 'layout', own: { layout: { ...layout, layers: 0 } } },
    { name: 'answerMs', own: { answerMs: 0 } },
    { name: 'answerMs', own: { answerMs: 2 ** 31 } },
    { name: 'pinMs', own: { pinMs: 1.5 } },
    { name: 'minRetrieveTokens', own: { minRetrieveTokens: -1 } },
    { name: 'asyncLoading', own: { asyncLoading: 'yes' } },
    { name: 'stores', own: { stores: 1 } },
  ])('are checked once: $name', ({ name, own }) => {
    expect(() => kvCache(cacheOptions(own as never))).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(name) }),
    );
  });

  test('tokens are numbers', async () => {
    const { cache } = await openCache();
    for (const tokens of ['1234', null, new Float32Array(4), { length: 4 }]) {
      await expect(cache.lookup(tokens as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect((await cache.lookup(Uint32Array.from(tokensOf(1)))).hitTokens).toBe(0);
  });
});
