import { describe, expect, test, vi } from 'vitest';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import { KvferryError } from '../errors.ts';
import { forwardTo } from '../layers/forward.ts';
import { naiveSerde } from '../serde.ts';
import { chainChunker, fill, openCache, settled, tensorsOf, tokensOf } from '../testing/cache-parts.ts';

const views = (count: number, byteLength = 4096): Uint8Array[] =>
  Array.from({ length: count }, () => new Uint8Array(byteLength));

function expectBytes(into: readonly Uint8Array[], tokens: readonly number[], count: number): void {
  for (const [index, { bytes }] of tensorsOf(tokens).slice(0, count).entries()) {
    expect(Buffer.compare(into[index] as Uint8Array, bytes)).toBe(0);
  }
}

describe('retrieveInto', () => {
  test("loads straight into the caller's views, without memory of its own", async () => {
    const { cache, store, pool } = await openCache({ local: 'staging-only', budget: 1 });
    const tokens = tokensOf(40);
    fill(store, tokens.slice(0, 128));
    const into = views(40);
    expect(await cache.retrieveInto(tokens, into)).toEqual({
      hitTokens: 128,
      end: { status: 'miss' },
      chunks: undefined,
    });
    expectBytes(into, tokens, 32);
    expect(cache.stats).toMatchObject({ copiedBytes: 0, remoteHits: 32 });
    expect(pool.leasedBytes).toBe(0);
  });

  test('copies what is in memory, once, and keeps a copy of what it loads', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    fill(store, tokens);
    await cache.store(tokens.slice(0, 8), tensorsOf(tokens.slice(0, 8)));
    expect(cache.stats.copiedBytes).toBe(2 * 4096);
    const into = views(5);
    expect((await cache.retrieveInto(tokens, into)).hitTokens).toBe(20);
    expectBytes(into, tokens, 5);
    // Two out of memory, three into it.
    expect(cache.stats).toMatchObject({ copiedBytes: 7 * 4096, localHits: 2, remoteHits: 3, localEntries: 5 });
    store.forgetCalls();
    const again = views(5);
    await cache.retrieveInto(tokens, again);
    expectBytes(again, tokens, 5);
    expect(store.gets).toEqual([]);
    expect(cache.stats.pinnedEntries).toBe(0);
  });

  test('joins what is on its way into memory', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(3);
    fill(store, tokens);
    const release = store.hold('get');
    const retrieving = cache.retrieve(tokens);
    await settled();
    const into = views(3);
    const filling = cache.retrieveInto(tokens, into);
    await settled();
    release();
    using retrieved = await retrieving;
    expect((await filling).hitTokens).toBe(12);
    expect(retrieved.hitTokens).toBe(12);
    expectBytes(into, tokens, 3);
    expect(store.gets).toHaveLength(1);
  });

  test('asks for no more chunks than there are views', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    const keys = fill(store, tokens);
    expect(await cache.retrieveInto(tokens, views(2))).toMatchObject({ hitTokens: 8, end: { status: 'complete' } });
    expect(store.stats).toEqual([keys.slice(0, 2)]);
    expect((await cache.retrieveInto(tokens, [])).hitTokens).toBe(0);
    expect((await cache.retrieveInto(tokens, views(9))).hitTokens).toBe(20);
  });

  test("refuses views that are not a chunk's bytes, or that overlap", async () => {
    const { cache, store } = await openCache({ chunker: chainChunker(true) });
    const tokens = tokensOf(2, 1, 2);
    fill(store, tokens.slice(0, 8));
    for (const into of [views(2, 4095), [new Uint8Array(4096), 'x'], 'x', views(3)]) {
      await expect(cache.retrieveInto(tokens, into as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await cache.store(tokens.slice(0, 4), tensorsOf(tokens.slice(0, 4)));
    const memory = new Uint8Array(6000);
    const overlapping = [new Uint8Array(4096), memory.subarray(0, 4096), memory.subarray(1000, 5096)];
    const more = tokensOf(3);
    fill(store, more);
    await expect(cache.retrieveInto(more, overlapping)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(cache.stats.pinnedEntries).toBe(0);
  });

  test('ends at a bad chunk, and ends what was begun behind it', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(60);
    const keys = fill(store, tokens);
    store.corrupt.add(keys[2] as string);
    store.hold('get', keys.slice(3));
    const into = views(60);
    expect(await cache.retrieveInto(tokens, into)).toMatchObject({
      hitTokens: 8,
      end: { status: 'failed', error: { code: 'CORRUPT', key: keys[2] } },
    });
    expectBytes(into, tokens, 2);
    expect(store.aborted.toSorted()).toEqual(keys.slice(3).toSorted());
  });

  test('ends calls behind a missing chunk before the prefix is complete', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    store.values.delete(keys[2] as string);
    store.hold('get', [keys[0] as string, ...keys.slice(3)]);
    const controller = new AbortController();
    const filling = cache.retrieveInto(tokens, views(40), { signal: controller.signal });
    await settled();
    expect(store.aborted.toSorted()).toEqual(keys.slice(16).toSorted());
    controller.abort();
    await expect(filling).rejects.toMatchObject({ code: 'ABORTED' });
    expect(cache.stats.pinnedEntries).toBe(0);
  });

  test.each([true, false])('an abort while it copies rejects, with nothing held: loads joined %s', async (joins) => {
    // With scratch memory of its own, a serde's tensors come by the cache's memory.
    const { cache, store, pool } = await openCache(
      joins ? { local: 'staging-only' } : { local: 'staging-only', serde: { ...naiveSerde, scratchBytes: () => 64 } },
    );
    const tokens = tokensOf(3);
    fill(store, tokens);
    const release = store.hold('get');
    const retrieving = joins ? cache.retrieve(tokens) : undefined;
    await settled();
    const controller = new AbortController();
    const into = views(3);
    const [first] = into as [Uint8Array];
    first.set = (bytes) => {
      Uint8Array.prototype.set.call(first, bytes);
      controller.abort();
    };
    const filling = cache.retrieveInto(tokens, into, { signal: controller.signal });
    await settled();
    release();
    await expect(filling).rejects.toMatchObject({ code: 'ABORTED' });
    expect(into[1]).toEqual(new Uint8Array(4096));
    (await retrieving)?.[Symbol.dispose]();
    expect(cache.stats.pinnedEntries).toBe(0);
    expect(pool.leasedBytes).toBe(0);
  });

  test('keeps one copy, however many load the same', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(3);
    fill(store, tokens);
    const into = [views(3), views(3), views(3)];
    await Promise.all(into.map((some) => cache.retrieveInto(tokens, some)));
    for (const some of into) expectBytes(some, tokens, 3);
    expect(cache.stats).toMatchObject({ copiedBytes: 3 * 4096, localEntries: 3, leasedBytes: 3 * 4096 });
  });

  test('keeps no copy of what is being loaded into memory meanwhile', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(2);
    fill(store, tokens);
    const release = store.hold('get');
    const filling = cache.retrieveInto(tokens, views(2));
    await settled();
    const retrieving = cache.retrieve(tokens);
    await settled();
    release();
    expect((await filling).hitTokens).toBe(8);
    using retrieved = await retrieving;
    expect(retrieved.hitTokens).toBe(8);
    expect(cache.stats).toMatchObject({ copiedBytes: 0, localEntries: 2, leasedBytes: 2 * 4096 });
  });

  test('what it keeps goes in the order of the sequence, the end first', async () => {
    const { cache, store } = await openCache({ budget: 3 });
    const tokens = tokensOf(3);
    fill(store, tokens);
    fill(store, tokensOf(1, 2));
    await cache.retrieveInto(tokens, views(3));
    using other = await cache.retrieve(tokensOf(1, 2));
    expect(other.hitTokens).toBe(4);
    const { chunks } = await cache.lookup(tokens, { exact: true });
    expect(chunks?.map(({ found }) => found.status === 'hit' && found.tier)).toEqual(['local', 'local', 'remote']);
  });

  test.each(['an abort', 'the deadline', 'close'] as const)(
    '%s settles once the last writer is quiet',
    async (ending) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const late = Promise.withResolvers<void>();
        const inner = memoryBackend();
        let lateView: Uint8Array | undefined;
        const backend = defineBackend(
          Object.assign(forwardTo(inner), {
            get: async (batch: Parameters<ReturnType<typeof forwardTo>['get']>[0]) => {
              lateView = batch.items[0]?.into;
              await late.promise;
              lateView?.fill(7);
            },
          }),
        );
        const { cache } = await openCache({ backend, local: 'staging-only', answerMs: 50 });
        const tokens = tokensOf(1);
        await cache.store(tokens, tensorsOf(tokens));
        const controller = new AbortController();
        let isSettled = false;
        const into = views(1);
        const filling = cache.retrieveInto(tokens, into, { signal: controller.signal });
        filling.then(
          () => (isSettled = true),
          () => (isSettled = true),
        );
        await settled();
        let closing: Promise<void> | undefined;
        if (ending === 'an abort') controller.abort();
        if (ending === 'the deadline') vi.advanceTimersByTime(50);
        if (ending === 'close') closing = cache.close();
        await settled();
        expect(isSettled).toBe(false);
        late.resolve();
        if (ending === 'an abort') await expect(filling).rejects.toMatchObject({ code: 'ABORTED' });
        else expect(await filling).toMatchObject({ hitTokens: 0, end: { status: 'failed' } });
        expect(into[0]?.[0]).toBe(7);
        await closing;
      } finally {
        vi.useRealTimers();
      }
    },
  );

  test('an outage while it loads ends the prefix with its error', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    const keys = fill(store, tokens);
    store.before = (operation, key) => {
      if (operation === 'get' && key === keys[1]) throw new KvferryError('CONNECTION', 'reset');
    };
    expect(await cache.retrieveInto(tokens, views(5))).toMatchObject({
      hitTokens: 4,
      end: { status: 'failed', error: { code: 'CONNECTION', key: keys[1] } },
    });
  });
});
