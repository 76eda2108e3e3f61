import { afterEach, describe, expect, test, vi } from 'vitest';
import { CHUNK_BYTES, fill, keysOf, openCache, settled, tensorsOf, tokensOf } from '../testing/cache-parts.ts';
import type { CachePolicy, Retrieved } from './kv-cache.ts';

afterEach(() => void vi.useRealTimers());

const dispose = (retrieved: Retrieved): void => retrieved[Symbol.dispose]();

describe('memory', () => {
  test.each(['LRU', 'LFU', 'FIFO', 'MRU'] as const)(
    '%s: what nobody holds makes room, the suffix before the prefix',
    async (local) => {
      const { cache, store, pool } = await openCache({ budget: 4, local });
      fill(store, tokensOf(3, 1));
      fill(store, tokensOf(2, 2));
      dispose(await cache.retrieve(tokensOf(3, 1)));
      dispose(await cache.retrieve(tokensOf(2, 2)));
      expect(cache.stats).toMatchObject({ evictions: 1, localEntries: 4, leasedBytes: 4 * CHUNK_BYTES });
      expect(pool.leasedBytes).toBeLessThanOrEqual(pool.maxBytes);
      const first = await cache.lookup(tokensOf(3, 1), { exact: true });
      expect(first.chunks?.map(({ found }) => found.status === 'hit' && found.tier)).toEqual([
        'local',
        'local',
        'remote',
      ]);
    },
  );

  test.each([
    { local: 'LRU', kept: [1] },
    { local: 'LFU', kept: [1] },
    { local: 'FIFO', kept: [2] },
    { local: 'MRU', kept: [2] },
  ] as const satisfies readonly { local: CachePolicy; kept: number[] }[])(
    '$local decides which sequence goes',
    async ({ local, kept }) => {
      const { cache, store } = await openCache({ budget: 4, local });
      for (const seed of [1, 2, 3]) fill(store, tokensOf(2, seed));
      for (const seed of [1, 2, 1]) dispose(await cache.retrieve(tokensOf(2, seed)));
      dispose(await cache.retrieve(tokensOf(2, 3)));
      const local12 = [];
      for (const seed of [1, 2]) {
        const { chunks } = await cache.lookup(tokensOf(2, seed), { exact: true });
        if (chunks?.every(({ found }) => found.status === 'hit' && found.tier === 'local')) local12.push(seed);
      }
      expect(local12).toEqual(kept);
    },
  );

  test('a prefix that can never fit ends with TOO_LARGE at once, and what fits is there', async () => {
    const { cache, store } = await openCache({ budget: 4 });
    const tokens = tokensOf(6);
    const keys = fill(store, tokens);
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved).toMatchObject({
      hitTokens: 16,
      end: { status: 'failed', error: { code: 'TOO_LARGE', key: keys[4] } },
    });
    expect(retrieved.end.status === 'failed' && retrieved.end.error.message).toContain('max_local_cpu_size');
    expect(store.gets.flat()).toEqual(keys.slice(0, 4));
  });

  test('who waits is served in order of asking', async () => {
    const { cache, store } = await openCache({ budget: 4, local: 'staging-only' });
    for (const seed of [1, 2, 3]) fill(store, tokensOf(3, seed));
    const first = await cache.retrieve(tokensOf(3, 1));
    const order: number[] = [];
    const waiting = [2, 3].map(async (seed) => {
      const retrieved = await cache.retrieve(tokensOf(3, seed));
      order.push(seed);
      return retrieved;
    });
    // Small enough for what is left, but it has asked last.
    fill(store, tokensOf(1, 4));
    const small = cache.retrieve(tokensOf(1, 4)).then((retrieved) => {
      order.push(4);
      return retrieved;
    });
    await settled();
    expect(order).toEqual([]);
    dispose(first);
    const [second] = await Promise.all([waiting[0]]);
    expect(order).toEqual([2]);
    if (second !== undefined) dispose(second);
    const [third, last] = await Promise.all([waiting[1], small]);
    expect(order).toEqual([2, 3, 4]);
    expect([third?.hitTokens, last.hitTokens]).toEqual([12, 4]);
  });

  test('of two requests that need more than half each, none waits with a half for the other', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { cache, store } = await openCache({ budget: 4, local: 'staging-only' });
    for (const seed of [1, 2]) fill(store, tokensOf(3, seed));
    const retrievals = [1, 2].map((seed) => cache.retrieve(tokensOf(3, seed)));
    const first = await retrievals[0];
    expect(first?.hitTokens).toBe(12);
    if (first !== undefined) dispose(first);
    expect((await retrievals[1])?.hitTokens).toBe(12);
  });

  test('who waits in vain gets at its deadline what it has in order, and gives way to the next', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { cache, store } = await openCache({ budget: 4, local: 'staging-only', answerMs: 100 });
    for (const seed of [1, 2]) fill(store, tokensOf(3, seed));
    const held = await cache.retrieve(tokensOf(3, 1));
    const waiting = cache.retrieve(tokensOf(3, 2));
    await settled();
    vi.advanceTimersByTime(50);
    const next = cache.retrieve(tokensOf(1, 1));
    const behind = cache.retrieve(tokensOf(3, 2));
    // All in memory: it needs no turn.
    expect((await next).hitTokens).toBe(4);
    await settled();
    vi.advanceTimersByTime(50);
    using partial = await waiting;
    expect(partial).toMatchObject({
      hitTokens: 4,
      end: { status: 'failed', error: { code: 'TIMEOUT', operation: 'get' } },
    });
    expect(partial.end.status === 'failed' && partial.end.error.message).toContain('blocking_timeout_secs');
    dispose(held);
    dispose(await next);
    expect((await behind).hitTokens).toBe(12);
  });

  test('what lies in memory in order counts at the deadline, also for who never had a turn', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { cache, store } = await openCache({ budget: 4, answerMs: 100 });
    for (const seed of [1, 2, 3]) fill(store, tokensOf(3, seed));
    using kept = await cache.retrieve(tokensOf(2, 1));
    using pinned = await cache.retrieve(tokensOf(1, 3));
    const first = cache.retrieve(tokensOf(3, 2));
    const second = cache.retrieve(tokensOf(3, 1));
    await settled();
    vi.advanceTimersByTime(100);
    using one = await first;
    using two = await second;
    expect([kept.hitTokens, pinned.hitTokens, one.hitTokens, two.hitTokens]).toEqual([8, 4, 4, 8]);
    expect(two.end).toMatchObject({ status: 'failed', error: { code: 'TIMEOUT' } });
  });

  test('who gives up leaves its place', async () => {
    const { cache, store } = await openCache({ budget: 2, local: 'staging-only' });
    for (const seed of [1, 2, 3]) fill(store, tokensOf(2, seed));
    const held = await cache.retrieve(tokensOf(2, 1));
    const controller = new AbortController();
    const waiting = [2, 3].map((seed) =>
      cache.retrieve(tokensOf(2, seed), seed === 2 ? { signal: controller.signal } : {}),
    );
    await settled();
    controller.abort();
    await expect(waiting[0]).rejects.toMatchObject({ code: 'ABORTED' });
    dispose(held);
    expect((await waiting[1])?.hitTokens).toBe(8);
    expect(store.gets.flat()).toHaveLength(4);
  });

  test('a hole that is met while it waits ends the waiting', async () => {
    const { cache, store } = await openCache({ budget: 4, local: 'staging-only' });
    const tokens = tokensOf(30);
    const keys = fill(store, tokens);
    fill(store, tokensOf(2, 2));
    using held = await cache.retrieve(tokensOf(2, 2));
    store.values.delete(keys[1] as string);
    const wanted = tokens.slice(0, 16);
    // It believes in all 4, has memory for 2, and waits for more.
    await cache.lookup(tokens);
    const release = store.hold('get', keys.slice(0, 1));
    const waiting = cache.retrieve(wanted);
    await settled();
    release();
    using retrieved = await waiting;
    expect(retrieved).toMatchObject({ hitTokens: 4, end: { status: 'miss' } });
    fill(store, tokensOf(1, 3));
    using next = await cache.retrieve(tokensOf(1, 3));
    expect([held.hitTokens, next.hitTokens]).toEqual([8, 4]);
  });

  test('memory that comes in the very turn in which its request ends goes back', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { cache, store, pool } = await openCache({ budget: 1, local: 'staging-only', answerMs: 100 });
    for (const seed of [1, 2]) fill(store, tokensOf(1, seed));
    for (const ending of ['caller', 'deadline']) {
      const held = await cache.retrieve(tokensOf(1, 1));
      const controller = new AbortController();
      const waiting = cache.retrieve(tokensOf(1, 2), { signal: controller.signal });
      await settled();
      dispose(held);
      if (ending === 'caller') {
        controller.abort();
        await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
      } else {
        vi.advanceTimersByTime(100);
        expect((await waiting).end).toMatchObject({ status: 'failed', error: { code: 'TIMEOUT' } });
      }
      await settled();
      expect(pool.leasedBytes).toBe(0);
      expect(cache.stats.loading).toBe(0);
    }
  });

  test('of an aborted load goes to who waits, once its last writer is quiet', async () => {
    const { cache, store } = await openCache({ budget: 2, local: 'staging-only' });
    for (const seed of [1, 2]) fill(store, tokensOf(2, seed));
    const controller = new AbortController();
    store.hold('get', keysOf(tokensOf(2, 1)));
    const first = cache.retrieve(tokensOf(2, 1), { signal: controller.signal });
    const second = cache.retrieve(tokensOf(2, 2));
    await settled();
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await second).hitTokens).toBe(8);
  });

  test('of a load that failed goes to who waits', async () => {
    const { cache, store } = await openCache({ budget: 1, local: 'staging-only' });
    const [key] = fill(store, tokensOf(1, 1));
    fill(store, tokensOf(1, 2));
    const release = store.hold('get', [key as string]);
    const first = cache.retrieve(tokensOf(1, 1));
    await settled();
    const second = cache.retrieve(tokensOf(1, 2));
    await settled();
    store.values.delete(key as string);
    release();
    expect((await first).end).toEqual({ status: 'miss' });
    expect((await second).hitTokens).toBe(4);
  });

  test('is not made of the rest of the same prefix', async () => {
    const { cache, store } = await openCache({ budget: 3, local: 'FIFO' });
    const tokens = tokensOf(3);
    const keys = fill(store, tokens);
    // Chunk 2 lies in memory alone, taken in first; another sequence fills the rest.
    await cache.store(
      tokens,
      tensorsOf(tokens).map((tensor, index) => (index < 2 ? undefined : tensor)),
    );
    store.values.delete(keys[2] as string);
    await cache.store(tokensOf(2, 2), tensorsOf(tokensOf(2, 2)));
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved).toMatchObject({ hitTokens: 12, end: { status: 'complete' } });
    expect(retrieved.chunks.map(({ tier }) => tier)).toEqual(['remote', 'remote', 'local']);
  });

  test('is not held a second time for a chunk that was retrieved meanwhile', async () => {
    const { cache, store } = await openCache({ budget: 3 });
    const tokens = tokensOf(3);
    fill(store, tokens);
    fill(store, tokensOf(2, 2));
    await cache.store(
      tokens,
      tensorsOf(tokens).map((tensor, index) => (index < 2 ? undefined : tensor)),
    );
    const held = await cache.retrieve(tokensOf(2, 2));
    // It holds chunk 2, and waits for memory for the others.
    const prefetch = cache.prefetch(tokens);
    await settled();
    const into = tokens.slice(0, 3).map(() => new Uint8Array(CHUNK_BYTES));
    expect((await cache.retrieveInto(tokens, into)).hitTokens).toBe(12);
    dispose(held);
    expect((await prefetch.loaded).hitTokens).toBe(12);
    expect(cache.stats.pinnedEntries).toBe(2);
    prefetch[Symbol.dispose]();
    expect(cache.stats.pinnedEntries).toBe(0);
  });

  test('a store takes no memory that somebody waits for', async () => {
    const { cache, store } = await openCache({ budget: 3 });
    for (const seed of [1, 2]) fill(store, tokensOf(3, seed));
    const held = await cache.retrieve(tokensOf(2, 1));
    const waiting = cache.retrieve(tokensOf(3, 2));
    await settled();
    await cache.store(tokensOf(1, 3), tensorsOf(tokensOf(1, 3)));
    expect(cache.stats.copiedBytes).toBe(0);
    dispose(held);
    expect((await waiting).hitTokens).toBe(12);
  });
});

describe('a chunk that is being loaded', () => {
  test('is loaded once, however many wait for it, and lies in memory once', async () => {
    const { cache, store, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(4);
    fill(store, tokens);
    const release = store.hold('get');
    const retrievals = Array.from({ length: 10 }, (_, index) => cache.retrieve(tokens.slice(0, index < 5 ? 8 : 16)));
    await settled();
    expect(store.gets.flat()).toHaveLength(4);
    release();
    const retrieved = await Promise.all(retrievals);
    expect(retrieved.map(({ hitTokens }) => hitTokens)).toEqual([8, 8, 8, 8, 8, 16, 16, 16, 16, 16]);
    expect(retrieved[3]?.chunks[0]?.bytes.buffer).toBe(retrieved[9]?.chunks[0]?.bytes.buffer);
    expect(pool.leasedBytes).toBe(4 * CHUNK_BYTES);
    for (const one of retrieved) dispose(one);
    expect(pool.leasedBytes).toBe(0);
  });

  test('fails for all who wait, and is loaded anew for the next', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(2);
    const keys = fill(store, tokens);
    store.corrupt.add(keys[1] as string);
    const release = store.hold('get');
    const retrievals = [cache.retrieve(tokens), cache.retrieve(tokens)];
    await settled();
    release();
    for (const one of await Promise.all(retrievals)) {
      expect(one).toMatchObject({ hitTokens: 4, end: { status: 'failed', error: { code: 'CORRUPT' } } });
    }
    store.corrupt.clear();
    expect((await cache.retrieve(tokens)).hitTokens).toBe(8);
  });

  test('that was aborted is loaded anew, also while its last writer is not quiet yet', async () => {
    const { cache, store } = await openCache({ budget: 4 });
    const tokens = tokensOf(2);
    fill(store, tokens);
    store.hold('get');
    const controller = new AbortController();
    const first = cache.retrieve(tokens, { signal: controller.signal });
    await settled();
    store.before = () => undefined;
    controller.abort();
    const second = cache.retrieve(tokens);
    await expect(first).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await second).hitTokens).toBe(8);
    await settled();
    expect(cache.stats.leasedBytes).toBe(2 * CHUNK_BYTES);
  });

  test('is aborted when the last of its call that somebody waited for has come', async () => {
    const { cache, store, pool } = await openCache();
    const tokens = tokensOf(10);
    const keys = fill(store, tokens);
    store.hold('get', keys.slice(5));
    const release = store.hold('get', keys.slice(0, 5));
    const prefetch = cache.prefetch(tokens);
    await settled();
    const first = cache.retrieve(tokens.slice(0, 20));
    await settled();
    prefetch[Symbol.dispose]();
    await settled();
    expect(store.aborted).toEqual([]);
    release();
    using retrieved = await first;
    await settled();
    expect(retrieved.hitTokens).toBe(20);
    expect(store.aborted.toSorted()).toEqual(keys.slice(5).toSorted());
    expect(pool.leasedBytes).toBe(5 * CHUNK_BYTES);
  });

  test('that nobody wanted any more is wanted again by the next', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(10);
    const keys = fill(store, tokens);
    const releaseLast = store.hold('get', keys.slice(5));
    const releaseFirst = store.hold('get', keys.slice(0, 5));
    const prefetch = cache.prefetch(tokens);
    await settled();
    const first = cache.retrieve(tokens.slice(0, 20));
    await settled();
    prefetch[Symbol.dispose]();
    const second = cache.retrieve(tokens);
    await settled();
    releaseFirst();
    using five = await first;
    releaseLast();
    using ten = await second;
    expect([five.hitTokens, ten.hitTokens]).toEqual([20, 40]);
    expect(store.gets).toHaveLength(1);
  });

  test('of no more use, since the prefix ended before it, is aborted', async () => {
    const { cache, store, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    store.values.delete(keys[2] as string);
    store.hold('get', keys.slice(3));
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved.hitTokens).toBe(8);
    await settled();
    expect(store.aborted.toSorted()).toEqual(keys.slice(3).toSorted());
    expect(pool.leasedBytes).toBe(2 * CHUNK_BYTES);
    expect(cache.stats.loading).toBe(0);
  });

  test('by a later call than the missing one is aborted before the prefix is complete', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    store.values.delete(keys[2] as string);
    store.hold('get', [keys[0] as string, ...keys.slice(3)]);
    const controller = new AbortController();
    const retrieving = cache.retrieve(tokens, { signal: controller.signal });
    await settled();
    expect(store.aborted.toSorted()).toEqual(keys.slice(16).toSorted());
    controller.abort();
    await expect(retrieving).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
