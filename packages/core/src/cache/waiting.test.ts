import { afterEach, describe, expect, test, vi } from 'vitest';
import { fill, openCache, settled, tensorsOf, tokensOf } from '../testing/cache-parts.ts';
import type { KvCache } from './kv-cache.ts';

afterEach(() => void vi.useRealTimers());

describe('prefetch', () => {
  test('loads ahead; the chunks wait, pinned, until they are retrieved', async () => {
    const { cache, store, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(4);
    fill(store, tokens);
    using prefetch = cache.prefetch(tokens);
    expect(await prefetch.loaded).toMatchObject({ hitTokens: 16, end: { status: 'complete' } });
    expect(cache.stats).toMatchObject({ pinnedEntries: 4, localEntries: 4, loading: 0 });
    store.forgetCalls();
    const retrieved = await cache.retrieve(tokens);
    expect(retrieved.chunks.map(({ tier }) => tier)).toEqual(Array(4).fill('local'));
    expect(store.gets).toEqual([]);
    retrieved[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
  });

  test('tells what was really loaded: a contiguous prefix', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    store.values.delete(keys[5] as string);
    using prefetch = cache.prefetch(tokens);
    expect(await prefetch.loaded).toMatchObject({ hitTokens: 20, end: { status: 'miss' } });
    expect(cache.stats.pinnedEntries).toBe(5);
  });

  test('disposed of while it loads, aborts what nobody else waits for', async () => {
    const { cache, store, pool } = await openCache();
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    store.hold('get');
    const prefetch = cache.prefetch(tokens);
    await settled();
    expect(cache.stats.loading).toBe(40);
    prefetch[Symbol.dispose]();
    await expect(prefetch.loaded).rejects.toMatchObject({ code: 'ABORTED' });
    await settled();
    expect(store.aborted.toSorted()).toEqual(keys.toSorted());
    expect(pool.leasedBytes).toBe(0);
    expect(cache.stats).toMatchObject({ loading: 0, pinnedEntries: 0 });
  });

  test('disposed of, leaves what others wait for', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    const release = store.hold('get');
    const prefetch = cache.prefetch(tokens);
    await settled();
    const retrieving = cache.retrieve(tokens.slice(0, 64));
    await settled();
    prefetch[Symbol.dispose]();
    await settled();
    // The chunks of later calls.
    expect(store.aborted.toSorted()).toEqual(keys.slice(16).toSorted());
    release();
    using retrieved = await retrieving;
    expect(retrieved.hitTokens).toBe(64);
    expect(store.gets.flat().filter((key) => key === keys[0])).toHaveLength(1);
  });

  test('disposed of when loaded, gives back what was not retrieved', async () => {
    const { cache, store, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(4);
    fill(store, tokens);
    const prefetch = cache.prefetch(tokens);
    await prefetch.loaded;
    const retrieved = await cache.retrieve(tokens.slice(0, 8));
    expect(pool.leasedBytes).toBe(4 * 4096);
    prefetch[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(2 * 4096);
    retrieved[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
  });

  test('ends with its signal', async () => {
    const { cache, store, pool } = await openCache();
    const tokens = tokensOf(4);
    fill(store, tokens);
    store.hold('get');
    const controller = new AbortController();
    const prefetch = cache.prefetch(tokens, { signal: controller.signal });
    await settled();
    controller.abort('gone');
    await expect(prefetch.loaded).rejects.toMatchObject({ code: 'ABORTED', cause: 'gone' });
    await settled();
    expect(pool.leasedBytes).toBe(0);
    const dead = cache.prefetch(tokens, { signal: controller.signal });
    await expect(dead.loaded).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('whose rejection nobody looks at is no unhandled one', async () => {
    const { cache, store } = await openCache();
    fill(store, tokensOf(4));
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    try {
      cache.prefetch(tokensOf(4))[Symbol.dispose]();
      await settled();
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });

  test('throws for what is no call at all', async () => {
    const { cache } = await openCache();
    expect(() => cache.prefetch('x' as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    await cache.close();
    expect(() => cache.prefetch(tokensOf(1))).toThrow(expect.objectContaining({ code: 'NOT_OPEN' }));
  });

  test('two prefetches of one prefix load it once, and each has its own retrieval', async () => {
    const { cache, store, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(4);
    fill(store, tokens);
    using first = cache.prefetch(tokens);
    using second = cache.prefetch(tokens);
    await Promise.all([first.loaded, second.loaded]);
    expect(store.gets).toHaveLength(1);
    (await cache.retrieve(tokens))[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(4 * 4096);
    (await cache.retrieve(tokens))[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
    expect(store.gets).toHaveLength(1);
  });

  test('what is retrieved while the rest still loads does not wait any longer', async () => {
    const { cache, store, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(4);
    const keys = fill(store, tokens);
    const release = store.hold('get', keys.slice(2));
    const prefetch = cache.prefetch(tokens);
    await settled();
    (await cache.retrieve(tokens.slice(0, 8)))[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(2 * 4096);
    release();
    expect((await prefetch.loaded).hitTokens).toBe(16);
    expect(cache.stats.pinnedEntries).toBe(2);
    prefetch[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
  });
});

describe('what waits to be retrieved', () => {
  test('waits for pinMs and no longer, by a timer that keeps no process alive', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { cache, store, pool } = await openCache({ local: 'staging-only', pinMs: 1000 });
    const tokens = tokensOf(4);
    fill(store, tokens);
    await cache.prefetch(tokens).loaded;
    vi.advanceTimersByTime(999);
    expect(pool.leasedBytes).toBe(4 * 4096);
    vi.advanceTimersByTime(1);
    expect(pool.leasedBytes).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('stays in the tier when its time is over, where one is kept', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { cache, store } = await openCache({ pinMs: 1000 });
    const tokens = tokensOf(4);
    fill(store, tokens);
    await cache.prefetch(tokens).loaded;
    vi.advanceTimersByTime(1000);
    expect(cache.stats).toMatchObject({ pinnedEntries: 0, localEntries: 4 });
  });

  test('keeps no process alive', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(2);
    fill(store, tokens);
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    await cache.prefetch(tokens).loaded;
    expect(cache.stats.pinnedEntries).toBe(2);
    expect(timers()).toBe(before);
    await cache.close();
  });

  test('goes, when its time is over, in the order of its sequence, the end first', async () => {
    const { cache, store } = await openCache({ budget: 3 });
    const tokens = tokensOf(3);
    fill(store, tokens);
    fill(store, tokensOf(1, 2));
    const prefetch = cache.prefetch(tokens);
    await prefetch.loaded;
    prefetch[Symbol.dispose]();
    using other = await cache.retrieve(tokensOf(1, 2));
    expect(other.hitTokens).toBe(4);
    const { chunks } = await cache.lookup(tokens, { exact: true });
    expect(chunks?.map(({ found }) => found.status === 'hit' && found.tier)).toEqual(['local', 'local', 'remote']);
  });

  test('leaves no timer behind once it was retrieved, given up, or the cache closed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { cache, store } = await openCache();
    for (const seed of [1, 2, 3]) fill(store, tokensOf(2, seed));
    await cache.prefetch(tokensOf(2, 1)).loaded;
    const second = cache.prefetch(tokensOf(2, 2));
    await second.loaded;
    await cache.prefetch(tokensOf(2, 3)).loaded;
    expect(vi.getTimerCount()).toBe(3);
    (await cache.retrieve(tokensOf(2, 1)))[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(2);
    second[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(1);
    await cache.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('asynchronous loading', () => {
  test('a lookup loads, and answers with what was really loaded', async () => {
    const { cache, store, pool } = await openCache({ asyncLoading: true, local: 'staging-only' });
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    store.values.delete(keys[7] as string);
    expect(await cache.lookup(tokens)).toMatchObject({ hitTokens: 28, end: { status: 'miss' } });
    await settled();
    expect(pool.leasedBytes).toBe(7 * 4096);
    store.forgetCalls();
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved.hitTokens).toBe(28);
    expect(store.gets).toEqual([]);
  });

  test('lookups of different prefixes load side by side, of the same one once', async () => {
    const { cache, store } = await openCache({ asyncLoading: true });
    for (const seed of [1, 2]) fill(store, tokensOf(4, seed));
    const release = store.hold('get');
    const lookups = [1, 2, 1].map((seed) => cache.lookup(tokensOf(4, seed)));
    await settled();
    expect(store.gets).toHaveLength(2);
    release();
    for (const lookup of await Promise.all(lookups)) expect(lookup.hitTokens).toBe(16);
    expect(cache.stats.remoteHits).toBe(8);
  });

  test('a lookup whose signal fires aborts what nobody else waits for', async () => {
    const { cache, store, pool } = await openCache({ asyncLoading: true });
    const tokens = tokensOf(4);
    const keys = fill(store, tokens);
    store.hold('get');
    const controller = new AbortController();
    const lookup = cache.lookup(tokens, { signal: controller.signal });
    await settled();
    controller.abort();
    await expect(lookup).rejects.toMatchObject({ code: 'ABORTED' });
    await settled();
    expect(store.aborted.toSorted()).toEqual(keys.toSorted());
    expect(pool.leasedBytes).toBe(0);
  });

  test('an exact lookup names the chunks and loads the prefix', async () => {
    const { cache, store } = await openCache({ asyncLoading: true });
    const tokens = tokensOf(4);
    const keys = fill(store, tokens);
    store.values.delete(keys[1] as string);
    const { hitTokens, chunks } = await cache.lookup(tokens, { exact: true });
    expect(hitTokens).toBe(4);
    expect(chunks?.map(({ found }) => found.status)).toEqual(['hit', 'miss', 'hit', 'hit']);
    expect(cache.stats).toMatchObject({ pinnedEntries: 1, remoteHits: 1 });
  });

  test('a hit below the minimum is not loaded, and said to be there', async () => {
    const { cache, store } = await openCache({ asyncLoading: true, minRetrieveTokens: 9 });
    const tokens = tokensOf(4);
    fill(store, tokens.slice(0, 8));
    const end = { status: 'below-minimum', hitTokens: 8 };
    expect(await cache.lookup(tokens)).toMatchObject({ hitTokens: 0, end });
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved).toMatchObject({ hitTokens: 0, end, chunks: [] });
    expect(await cache.retrieveInto(tokens, [new Uint8Array(4096), new Uint8Array(4096)])).toMatchObject({
      hitTokens: 0,
      end,
    });
    expect(store.gets).toEqual([]);
    fill(store, tokens);
    expect((await cache.lookup(tokens)).hitTokens).toBe(16);
  });
});

describe('an end at any moment leaves nothing held', () => {
  const calls = {
    retrieve: async (cache, tokens, signal) => (await cache.retrieve(tokens, { signal }))[Symbol.dispose](),
    retrieveInto: async (cache, tokens, signal) => {
      await cache.retrieveInto(tokens, [new Uint8Array(4096), new Uint8Array(4096)], { signal });
    },
    prefetch: async (cache, tokens, signal) => {
      const prefetch = cache.prefetch(tokens);
      signal.addEventListener('abort', () => prefetch[Symbol.dispose](), { once: true });
      await prefetch.loaded;
    },
    store: async (cache, tokens, signal) => {
      await cache.store(tokens, tensorsOf(tokens), { signal });
    },
  } as const satisfies Record<string, (cache: KvCache, tokens: number[], signal: AbortSignal) => Promise<void>>;

  test.each(['retrieve', 'retrieveInto', 'prefetch', 'store'] as const)('%s', async (name) => {
    for (let turns = 0; turns < 60; turns += 1) {
      for (const inMemory of [0, 1, 2]) {
        const { cache, store, pool } = await openCache({ budget: 2 });
        const tokens = tokensOf(2);
        const known = tokens.slice(0, 4 * inMemory);
        await cache.store(known, tensorsOf(known));
        fill(store, tokens);
        const controller = new AbortController();
        const running = calls[name](cache, tokens, controller.signal).catch((thrown: unknown) => {
          expect(thrown).toMatchObject({ code: 'ABORTED' });
        });
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        controller.abort();
        await running;
        await settled();
        expect(cache.stats).toMatchObject({ pinnedEntries: 0, loading: 0 });
        expect(pool.leasedBytes).toBe(cache.stats.localEntries * 4096);
      }
    }
  });
});
