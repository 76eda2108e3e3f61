import { describe, expect, test } from 'vitest';
import { fill, openCache, settled, tensorsOf, tokensOf } from '../testing/cache-parts.ts';
import type { KvCache, RetrieveOptions } from './kv-cache.ts';

const ways: Readonly<Record<string, (cache: KvCache, tokens: number[], options: RetrieveOptions) => Promise<unknown>>> =
  {
    retrieve: async (cache, tokens, options) => {
      using retrieved = await cache.retrieve(tokens, options);
      return { hitTokens: retrieved.hitTokens, end: retrieved.end };
    },
    retrieveInto: async (cache, tokens, options) => {
      const into = Array.from({ length: 100 }, () => new Uint8Array(4096));
      const { hitTokens, end } = await cache.retrieveInto(tokens, into, options);
      return { hitTokens, end };
    },
    prefetch: async (cache, tokens, options) => {
      using prefetch = cache.prefetch(tokens, options);
      const { hitTokens, end } = await prefetch.loaded;
      return { hitTokens, end };
    },
  };

describe.each(Object.keys(ways))('%s of what lies behind skipTokens', (name) => {
  const way = ways[name] as (typeof ways)[string];

  test('asks for and loads nothing before them, and counts them as hit', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    const keys = fill(store, tokens);
    // Whoever has their KV need not care whether the store has it.
    store.values.delete(keys[0] as string);
    store.values.delete(keys[1] as string);
    expect(await way(cache, tokens, { skipTokens: 8 })).toEqual({ hitTokens: 20, end: { status: 'complete' } });
    expect(store.stats.flat().toSorted()).toEqual(keys.slice(2).toSorted());
    expect(store.gets.flat()).toEqual(keys.slice(2));
  });

  test('hits at least them, whatever is stored', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    expect(await way(cache, tokens, { skipTokens: 8 })).toEqual({ hitTokens: 8, end: { status: 'miss' } });
    store.forgetCalls();
    expect(await way(cache, tokens, { skipTokens: 20 })).toEqual({ hitTokens: 20, end: { status: 'complete' } });
    expect(store.stats).toEqual([]);
  });

  test('loads nothing where fewer than the minimum lie behind them', async () => {
    const { cache, store } = await openCache({ minRetrieveTokens: 12 });
    const tokens = tokensOf(5);
    fill(store, tokens);
    const end = { status: 'below-minimum', hitTokens: 20 };
    expect(await way(cache, tokens, { skipTokens: 12 })).toEqual({ hitTokens: 12, end });
    expect(store.gets).toEqual([]);
    expect(await way(cache, tokens, { skipTokens: 8 })).toEqual({ hitTokens: 20, end: { status: 'complete' } });
  });

  test.each([-4, 3, 24, 4.5, Number.NaN, '4'])('refuses %j, with a sequence of 5 chunks of 4', async (skipTokens) => {
    const { cache, store } = await openCache();
    const calling = async (): Promise<unknown> => way(cache, tokensOf(5), { skipTokens: skipTokens as number });
    await expect(calling()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('skipTokens'),
    });
    expect(store.stats).toEqual([]);
  });
});

test('a retrieval gives the chunks behind them, each with its own place and bytes', async () => {
  const { cache, store } = await openCache();
  const tokens = tokensOf(4);
  fill(store, tokens);
  using retrieved = await cache.retrieve(tokens, { skipTokens: 8 });
  expect(retrieved.chunks.map(({ start, end }) => [start, end])).toEqual([
    [8, 12],
    [12, 16],
  ]);
  for (const [index, { bytes }] of retrieved.chunks.entries()) {
    expect(Buffer.compare(bytes, tensorsOf(tokens)[index + 2]?.bytes as Uint8Array)).toBe(0);
  }
  const into = [new Uint8Array(4096)];
  expect((await cache.retrieveInto(tokens, into, { skipTokens: 8 })).hitTokens).toBe(12);
  expect(Buffer.compare(into[0] as Uint8Array, tensorsOf(tokens)[2]?.bytes as Uint8Array)).toBe(0);
});

test('a sequence longer than the budget goes through it window by window', async () => {
  const { cache, store, pool } = await openCache({ local: 'staging-only', budget: 2 });
  const tokens = tokensOf(7);
  fill(store, tokens);
  const starts: number[] = [];
  for (let skipTokens = 0; skipTokens < tokens.length; skipTokens += 8) {
    using retrieved = await cache.retrieve(tokens.slice(0, skipTokens + 8), { skipTokens });
    expect(retrieved.end.status).toBe('complete');
    starts.push(...retrieved.chunks.map(({ start }) => start));
  }
  expect(starts).toEqual([0, 4, 8, 12, 16, 20, 24]);
  expect(pool.leasedBytes).toBe(0);
});

describe('what was loaded ahead', () => {
  test('and lies before them waits no longer once the rest is retrieved', async () => {
    const { cache, store, pool } = await openCache({ asyncLoading: true, local: 'staging-only' });
    const tokens = tokensOf(4);
    fill(store, tokens);
    await cache.lookup(tokens);
    expect(pool.leasedBytes).toBe(4 * 4096);
    const retrieved = await cache.retrieve(tokens, { skipTokens: 8 });
    expect(retrieved.chunks.map(({ tier }) => tier)).toEqual(['local', 'local']);
    expect(pool.leasedBytes).toBe(2 * 4096);
    retrieved[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
  });

  test.each([
    ['nothing lies behind them', 4, 4],
    ['what lies behind them was not loaded ahead', 2, 4],
  ])('and lies before them waits no longer where %s', async (_, aheadChunks, chunks) => {
    const { cache, store, pool } = await openCache({ asyncLoading: true, local: 'staging-only' });
    const tokens = tokensOf(chunks);
    fill(store, tokens);
    const skipTokens = aheadChunks * 4;
    await cache.lookup(tokens.slice(0, skipTokens));
    expect(pool.leasedBytes).toBe(aheadChunks * 4096);
    (await cache.retrieve(tokens, { skipTokens }))[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
    await cache.lookup(tokens.slice(0, skipTokens));
    await cache.retrieveInto(tokens, [new Uint8Array(4096)].slice(0, chunks - aheadChunks), { skipTokens });
    expect(pool.leasedBytes).toBe(0);
  });

  test('for somebody else still waits', async () => {
    const { cache, store } = await openCache({ asyncLoading: true, local: 'staging-only' });
    const tokens = tokensOf(4);
    fill(store, tokens);
    await cache.lookup(tokens);
    await cache.lookup(tokens);
    (await cache.retrieve(tokens, { skipTokens: 8 }))[Symbol.dispose]();
    store.forgetCalls();
    (await cache.retrieve(tokens))[Symbol.dispose]();
    expect(store.gets).toEqual([]);
    expect(cache.stats).toMatchObject({ localEntries: 0, pinnedEntries: 0 });
  });

  test('and still loads is told of all the same', async () => {
    const { cache, store } = await openCache({ asyncLoading: true });
    const tokens = tokensOf(4);
    const keys = fill(store, tokens);
    const release = store.hold('get', keys.slice(0, 2));
    const looking = cache.lookup(tokens);
    await settled();
    (await cache.retrieve(tokens, { skipTokens: 8 }))[Symbol.dispose]();
    release();
    expect(await looking).toMatchObject({ hitTokens: 16, end: { status: 'complete' } });
    expect(cache.stats.pinnedEntries).toBe(2);
  });

  test('a prefetch of the rest leaves nothing pinned once it was retrieved', async () => {
    const { cache, store, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(4);
    fill(store, tokens);
    await cache.prefetch(tokens, { skipTokens: 4 }).loaded;
    (await cache.retrieve(tokens, { skipTokens: 8 }))[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
  });
});
