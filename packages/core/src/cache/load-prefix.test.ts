import { describe, expect, test } from 'vitest';
import { KvferryError } from '../errors.ts';
import { fill, keysOf, openCache, settled, tensorsOf, tokensOf } from '../testing/cache-parts.ts';
import type { Retrieved } from './kv-cache.ts';

/** The prefix's bytes are those of the sequence. */
function expectBytes(retrieved: Retrieved, tokens: readonly number[]): void {
  const tensors = tensorsOf(tokens);
  for (const [index, chunk] of retrieved.chunks.entries()) {
    expect(Buffer.compare(chunk.bytes, tensors[index]?.bytes ?? new Uint8Array(0))).toBe(0);
  }
}

describe('retrieve', () => {
  test('gives the stored prefix, each chunk with its place, key, layout and bytes', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(6);
    const keys = fill(store, tokens.slice(0, 16));
    const retrieved = await cache.retrieve(tokens);
    expect(retrieved).toMatchObject({ hitTokens: 16, end: { status: 'miss' } });
    expect(retrieved.chunks.map(({ start, end, key, tier }) => ({ start, end, key, tier }))).toEqual(
      keys.map((key, index) => ({ start: index * 4, end: index * 4 + 4, key, tier: 'remote' })),
    );
    expectBytes(retrieved, tokens);
    expect(retrieved.chunks[0]?.layout).toEqual(tensorsOf(tokens)[0]?.layout);
    retrieved[Symbol.dispose]();
    await cache.close();
  });

  test('takes what leads in memory from there, without a question', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(3);
    await cache.store(tokens, tensorsOf(tokens));
    store.forgetCalls();
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved).toMatchObject({ hitTokens: 12, end: { status: 'complete' } });
    expect(retrieved.chunks.map(({ tier }) => tier)).toEqual(['local', 'local', 'local']);
    expectBytes(retrieved, tokens);
    expect([store.stats, store.gets]).toEqual([[], []]);
    expect(cache.stats).toMatchObject({ localHits: 3, remoteHits: 0, pinnedEntries: 3 });
  });

  test('keeps what it loaded, for the next', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(3);
    fill(store, tokens);
    (await cache.retrieve(tokens))[Symbol.dispose]();
    store.forgetCalls();
    using again = await cache.retrieve(tokens);
    expect(again.chunks.map(({ tier }) => tier)).toEqual(['local', 'local', 'local']);
    expect(store.gets).toEqual([]);
    expect(cache.stats).toMatchObject({ localHits: 3, remoteHits: 3, copiedBytes: 0 });
  });

  test.each(['missing', 'short', 'long', 'corrupt'] as const)('ends before a chunk that is %s', async (fault) => {
    const { cache, store, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(8);
    const keys = fill(store, tokens);
    const bad = keys[3] as string;
    if (fault === 'missing') store.values.delete(bad);
    if (fault === 'short') store.values.set(bad, new Uint8Array(4095));
    if (fault === 'long') store.values.set(bad, new Uint8Array(4097));
    if (fault === 'corrupt') store.corrupt.add(bad);
    // A search of 8 chunks asks for each, so it is made to believe in all of them.
    const values = new Map(store.values);
    for (const key of keys) store.values.set(key, new Uint8Array(4096));
    await cache.lookup(tokens);
    store.values.clear();
    for (const [key, value] of values) store.values.set(key, value);

    const retrieved = await cache.retrieve(tokens);
    expect(retrieved.hitTokens).toBe(12);
    expect(retrieved.end.status).toBe(fault === 'corrupt' ? 'failed' : 'miss');
    if (retrieved.end.status === 'failed') {
      expect(retrieved.end.error).toMatchObject({ code: 'CORRUPT', key: bad, operation: 'get' });
    }
    expectBytes(retrieved, tokens);
    await settled();
    expect(pool.leasedBytes).toBe(3 * 4096);
    retrieved[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
    expect(cache.stats.corrupt).toBe(fault === 'missing' ? 0 : 1);
    await cache.close();
  });

  test('once a chunk is missing, nothing is believed of its sequence but what was seen', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    store.values.delete(keys[5] as string);
    expect((await cache.lookup(tokens)).hitTokens).toBe(160);
    (await cache.retrieve(tokens))[Symbol.dispose]();
    expect((await cache.lookup(tokens)).hitTokens).toBe(20);
    expect(store.stats.at(-1)).toContain(keys[5]);
  });

  test('a chunk that is missing casts doubt on all of its sequence, however it comes again', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    await cache.lookup(tokens);
    for (const key of keys.slice(5)) store.values.delete(key);
    (await cache.retrieve(tokens))[Symbol.dispose]();
    const six = tokens.slice(0, 24);
    await cache.store(six, tensorsOf(six));
    expect((await cache.lookup(tokens)).hitTokens).toBe(24);
  });

  test('a chunk that is corrupt is not believed in', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    store.corrupt.add(keys[5] as string);
    await cache.lookup(tokens);
    (await cache.retrieve(tokens))[Symbol.dispose]();
    store.values.delete(keys[5] as string);
    store.values.delete(keys[6] as string);
    store.forgetCalls();
    await cache.lookup(tokens.slice(0, 24));
    expect(store.stats).toEqual([[keys[5]]]);
  });

  test('a chunk that is missing casts doubt on what the remote has of the chunks in memory', async () => {
    const { cache, store } = await openCache({ budget: 2 });
    fill(store, tokensOf(1, 2));
    const other = await cache.retrieve(tokensOf(1, 2));
    const tokens = tokensOf(2);
    // There is room for a copy of the first alone.
    await cache.store(tokens, tensorsOf(tokens));
    other[Symbol.dispose]();
    store.values.clear();
    (await cache.retrieve(tokens))[Symbol.dispose]();
    const stored = await cache.store(tokens, tensorsOf(tokens));
    expect(stored.map(({ result }) => result.status)).toEqual(['stored', 'stored']);
  });

  test('makes sure of what it loads: a store asks for none of it', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(40);
    fill(store, tokens);
    (await cache.retrieve(tokens))[Symbol.dispose]();
    store.forgetCalls();
    await cache.store(tokens, tensorsOf(tokens));
    expect([store.stats, store.puts]).toEqual([[], []]);
  });

  test('tells an outage as what it is, and works again after it', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    const keys = fill(store, tokens);
    store.fail(new KvferryError('CONNECTION', 'refused'));
    using down = await cache.retrieve(tokens);
    expect(down).toMatchObject({
      hitTokens: 0,
      end: { status: 'failed', error: { code: 'CONNECTION', key: keys[0] } },
    });
    store.before = () => undefined;
    using up = await cache.retrieve(tokens);
    expect(up).toMatchObject({ hitTokens: 20, end: { status: 'complete' } });
    expect(cache.stats.failures).toBe(1);
  });

  test('an outage that begins after the search ends the prefix with its error', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    const keys = fill(store, tokens);
    store.before = (operation, key) => {
      if (operation === 'get' && key === keys[2]) throw new KvferryError('THROTTLED', 'slow down');
    };
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved).toMatchObject({
      hitTokens: 8,
      end: { status: 'failed', error: { code: 'THROTTLED', key: keys[2] } },
    });
  });

  test('with nothing kept, memory goes back when the result is disposed of, once', async () => {
    const { cache, store, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(3);
    fill(store, tokens);
    const first = await cache.retrieve(tokens);
    const second = await cache.retrieve(tokens);
    // The second one shares what the first one holds.
    expect(pool.leasedBytes).toBe(3 * 4096);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(3 * 4096);
    second[Symbol.dispose]();
    expect(pool.leasedBytes).toBe(0);
    expect(cache.stats.localEntries).toBe(0);
  });

  test('tags of a request stand in place of those of the scope', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(1);
    const tags = [['user', 'a']] as const;
    await cache.store(tokens, tensorsOf(tokens), { tags });
    expect([...store.values.keys()]).toEqual(keysOf(tokens, tags));
    expect((await cache.lookup(tokens)).hitTokens).toBe(0);
    expect((await cache.lookup(tokens, { tags })).hitTokens).toBe(4);
  });
});
