import { afterEach, describe, expect, test, vi } from 'vitest';
import { KvferryError } from '../errors.ts';
import { chainChunker, fill, keysOf, openCache, tensorsOf, tokensOf } from '../testing/cache-parts.ts';
import { TestStore } from '../testing/test-store.ts';

afterEach(() => void vi.useRealTimers());

describe('lookup', () => {
  test('finds the stored prefix and says why it ends', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(20);
    fill(store, tokens.slice(0, 48));
    expect(await cache.lookup(tokens)).toEqual({ hitTokens: 48, end: { status: 'miss' }, chunks: undefined });
    fill(store, tokens);
    expect(await cache.lookup(tokens)).toEqual({ hitTokens: 80, end: { status: 'complete' }, chunks: undefined });
    expect(store.gets).toEqual([]);
  });

  test('of tokens that fill no chunk is complete', async () => {
    const { cache } = await openCache();
    for (const tokens of [[], [1, 2, 3], new Uint32Array(3)]) {
      expect(await cache.lookup(tokens)).toMatchObject({ hitTokens: 0, end: { status: 'complete' } });
    }
  });

  test('of 512 chunks asks at most 24 times in 3 rounds, whatever the length of the hit', async () => {
    const tokens = tokensOf(512);
    const keys = keysOf(tokens);
    // Cut once: this is about the search.
    const chunks = chainChunker().chunk(tokens);
    const chunker = { ...chainChunker(), chunk: () => chunks };
    const store = new TestStore();
    const value = new Uint8Array(4096);
    const worst = { probes: 0, rounds: 0 };
    for (let length = 0; length <= 512; length += 1) {
      if (length > 0) store.values.set(keys[length - 1] as string, value);
      store.forgetCalls();
      const { cache } = await openCache({ store, chunker });
      expect((await cache.lookup(tokens)).hitTokens).toBe(length * 4);
      worst.probes = Math.max(worst.probes, store.stats.flat().length);
      worst.rounds = Math.max(worst.rounds, store.stats.length);
      expect(cache.stats).toMatchObject({ probes: store.stats.flat().length, probeRounds: store.stats.length });
    }
    expect(worst).toEqual({ probes: 22, rounds: 3 });
  });

  test('remembers what it found: the next one asks where the prefix ended, in one round', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(512);
    const keys = fill(store, tokens.slice(0, 4 * 300));
    await cache.lookup(tokens);
    store.forgetCalls();
    expect((await cache.lookup(tokens)).hitTokens).toBe(1200);
    expect(store.stats).toHaveLength(1);
    expect(store.stats[0]?.[0]).toBe(keysOf(tokens)[300]);
    expect(store.stats[0]).not.toContain(keys[299]);
    store.forgetCalls();
    expect((await cache.lookup(tokens.slice(0, 800))).end).toEqual({ status: 'complete' });
    expect(store.stats).toEqual([]);
  });

  test('sees at once what another process stores behind a prefix', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(100);
    fill(store, tokens.slice(0, 40));
    expect((await cache.lookup(tokens)).hitTokens).toBe(40);
    fill(store, tokens.slice(0, 44));
    expect((await cache.lookup(tokens)).hitTokens).toBe(44);
    fill(store, tokens);
    expect((await cache.lookup(tokens)).end).toEqual({ status: 'complete' });
  });

  test('believes in nothing for longer than 30 s', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    fill(store, tokens);
    await cache.lookup(tokens);
    store.values.clear();
    vi.advanceTimersByTime(29_999);
    expect((await cache.lookup(tokens)).hitTokens).toBe(20);
    vi.advanceTimersByTime(1);
    expect((await cache.lookup(tokens)).hitTokens).toBe(0);
  });

  test('compares sizes: a chunk of another size ends the prefix as a miss', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    const keys = fill(store, tokens);
    store.values.set(keys[2] as string, new Uint8Array(4000));
    expect(await cache.lookup(tokens)).toMatchObject({ hitTokens: 8, end: { status: 'miss' } });
  });

  test('an outage is told with its error and never remembered', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    fill(store, tokens);
    store.fail(new KvferryError('UNAVAILABLE', 'down'));
    expect(await cache.lookup(tokens)).toMatchObject({
      hitTokens: 0,
      end: { status: 'failed', error: { code: 'UNAVAILABLE' } },
    });
    store.before = () => undefined;
    expect((await cache.lookup(tokens)).hitTokens).toBe(20);
  });

  test('needs no remote for what is in memory, even while that is down', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    await cache.store(tokens, tensorsOf(tokens));
    store.fail(new KvferryError('CONNECTION', 'refused'));
    expect(await cache.lookup(tokens)).toMatchObject({ hitTokens: 20, end: { status: 'complete' } });
  });

  test('goes on behind a hole of the remote that memory fills', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(8);
    const keys = keysOf(tokens);
    // Only chunk 2 lies in memory, and only it is not in the remote.
    const sole = tensorsOf(tokens).map((tensor, index) => (index >= 2 ? tensor : undefined));
    const limited = await openCache({ store, budget: 1 });
    await limited.cache.store(tokens, sole);
    store.values.clear();
    fill(store, tokens);
    store.values.delete(keys[2] as string);
    expect((await cache.lookup(tokens, { exact: true })).hitTokens).toBe(8);
    expect(await limited.cache.lookup(tokens)).toMatchObject({ hitTokens: 32, end: { status: 'complete' } });
  });

  test('without a remote knows what is in memory', async () => {
    const { cache } = await openCache({ backend: undefined });
    const tokens = tokensOf(5);
    await cache.store(tokens.slice(0, 8), tensorsOf(tokens.slice(0, 8)));
    expect(await cache.lookup(tokens)).toMatchObject({ hitTokens: 8, end: { status: 'miss' } });
    expect(cache.stats.probes).toBe(0);
  });

  test('counts a short tail only where memory has it', async () => {
    const chunker = chainChunker(true);
    const { cache, store } = await openCache({ chunker });
    const tokens = tokensOf(2, 1, 3);
    await cache.store(tokens, tensorsOf(tokens, true));
    expect(await cache.lookup(tokens)).toMatchObject({ hitTokens: 11, end: { status: 'complete' } });
    const other = await openCache({ chunker, store });
    expect(await other.cache.lookup(tokens)).toMatchObject({ hitTokens: 8, end: { status: 'miss' } });
    expect((await other.cache.lookup(tokens, { exact: true })).chunks?.[2]?.found).toEqual({ status: 'miss' });
    expect(store.stats.flat()).not.toContain(keysOf(tokens)[2]);
  });
});

describe('an exact lookup', () => {
  test('asks for every chunk in one call, and names holes and bad sizes', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    store.values.delete(keys[3] as string);
    store.values.set(keys[7] as string, new Uint8Array(10));
    const { hitTokens, end, chunks } = await cache.lookup(tokens, { exact: true });
    expect({ hitTokens, end }).toEqual({ hitTokens: 12, end: { status: 'miss' } });
    expect(store.stats).toEqual([keys]);
    expect(chunks?.map(({ found }) => found.status)).toEqual(
      keys.map((_, index) => (index === 3 ? 'miss' : index === 7 ? 'wrong-size' : 'hit')),
    );
    expect(chunks?.[7]).toMatchObject({ start: 28, end: 32, key: keys[7], found: { byteLength: 10 } });
  });

  test('ends at a short chunk as a miss, and at a failed one with its error', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    const keys = fill(store, tokens);
    store.before = (_, key) => {
      if (key === keys[4]) throw new KvferryError('THROTTLED', 'slow down');
    };
    expect(await cache.lookup(tokens, { exact: true })).toMatchObject({
      hitTokens: 16,
      end: { status: 'failed', error: { code: 'THROTTLED', key: keys[4], operation: 'stat' } },
    });
    store.values.set(keys[1] as string, new Uint8Array(10));
    expect(await cache.lookup(tokens, { exact: true })).toMatchObject({ hitTokens: 4, end: { status: 'miss' } });
  });

  test('says which tier has a chunk, and does not ask for what is in memory', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(4);
    await cache.store(tokens.slice(0, 8), tensorsOf(tokens.slice(0, 8)));
    const keys = fill(store, tokens);
    store.forgetCalls();
    const { chunks, end } = await cache.lookup(tokens, { exact: true });
    expect(end).toEqual({ status: 'complete' });
    expect(chunks?.map(({ found }) => (found.status === 'hit' ? found.tier : found.status))).toEqual([
      'local',
      'local',
      'remote',
      'remote',
    ]);
    expect(store.stats).toEqual([keys.slice(2)]);
  });

  test('makes sure of what it sees: a store asks for none of it, and a lookup believes in none that is bad', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(40);
    const keys = fill(store, tokens);
    await cache.lookup(tokens);
    await cache.lookup(tokens, { exact: true });
    store.forgetCalls();
    await cache.store(tokens, tensorsOf(tokens));
    expect(store.stats).toEqual([]);
    store.values.set(keys[1] as string, new Uint8Array(10));
    expect((await cache.lookup(tokens)).hitTokens).toBe(160);
    expect((await cache.lookup(tokens, { exact: true })).hitTokens).toBe(4);
    expect((await cache.lookup(tokens)).hitTokens).toBe(4);
  });

  test('does not trust what is remembered', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(4);
    const keys = fill(store, tokens);
    await cache.lookup(tokens);
    store.values.delete(keys[1] as string);
    expect((await cache.lookup(tokens, { exact: true })).hitTokens).toBe(4);
    expect((await cache.lookup(tokens)).hitTokens).toBe(4);
  });
});
