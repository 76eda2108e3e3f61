import { describe, expect, test } from 'vitest';
import { layoutBytes } from '../chunks.ts';
import { KvferryError } from '../errors.ts';
import type { Serde } from '../serde.ts';
import { chainChunker, fill, keysOf, layout, openCache, settled, tensorsOf, tokensOf } from '../testing/cache-parts.ts';
import { TestStore } from '../testing/test-store.ts';
import { patterned } from '../testing/values.ts';

const statuses = (stored: readonly { readonly result: { readonly status: string; readonly reason?: string } }[]) =>
  stored.map(({ result }) => result.reason ?? result.status);

describe('store', () => {
  test('asks for each chunk in one call and creates what is missing, in another', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    const keys = keysOf(tokens);
    fill(store, tokens.slice(0, 8));
    store.values.delete(keys[0] as string);
    const stored = await cache.store(tokens, tensorsOf(tokens));
    expect(statuses(stored)).toEqual(['stored', 'present', 'stored', 'stored', 'stored']);
    expect(stored[2]).toMatchObject({ start: 8, end: 12, key: keys[2] });
    expect(store.stats).toEqual([keys]);
    expect(store.puts).toEqual([{ keys: [keys[0], ...keys.slice(2)], mode: 'create' }]);
    for (const [index, { bytes }] of tensorsOf(tokens).entries()) {
      expect(Buffer.compare(store.values.get(keys[index] as string) ?? new Uint8Array(0), bytes)).toBe(0);
    }
    expect(cache.stats.storedChunks).toBe(4);
  });

  test('asks for no chunk that it stored or saw, for a while', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(5);
    await cache.store(tokens.slice(0, 12), tensorsOf(tokens.slice(0, 12)));
    store.forgetCalls();
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual([
      'present',
      'present',
      'present',
      'stored',
      'stored',
    ]);
    expect(store.stats).toEqual([keysOf(tokens).slice(3)]);
  });

  test('never infers from a later chunk: what a search took for stored is asked for, and a hole filled', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(60);
    const keys = fill(store, tokens);
    store.values.delete(keys[5] as string);
    expect((await cache.lookup(tokens)).hitTokens).toBe(240);
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))[5]).toBe('stored');
    expect((await cache.lookup(tokens, { exact: true })).end).toEqual({ status: 'complete' });
  });

  test('replaces where the remote cannot create', async () => {
    const store = new TestStore(false);
    const { cache } = await openCache({ store });
    const tokens = tokensOf(2);
    await cache.store(tokens, tensorsOf(tokens));
    expect(store.puts).toEqual([{ keys: keysOf(tokens), mode: 'replace' }]);
  });

  test('says so when another was faster, and takes it for stored', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(1);
    const [key] = keysOf(tokens);
    store.before = (operation) => {
      if (operation === 'put') store.values.set(key as string, new Uint8Array(4096));
    };
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual(['exists']);
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual(['present']);
  });

  test('fills a hole, replaces what is short and what a retrieve found corrupt, and then all of it hits', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(6);
    const keys = fill(store, tokens);
    store.corrupt.add(keys[1] as string);
    using before = await cache.retrieve(tokens);
    expect(before).toMatchObject({ hitTokens: 4, end: { status: 'failed', error: { code: 'CORRUPT' } } });
    store.values.delete(keys[3] as string);
    store.values.set(keys[4] as string, new Uint8Array(17));
    const tensors = tensorsOf(tokens).map((tensor, index) => (index === 0 ? undefined : tensor));
    const found = await cache.lookup(tokens, { exact: true });
    expect(found.chunks?.map((chunk) => chunk.found.status)).toEqual([
      'hit',
      'hit',
      'hit',
      'miss',
      'wrong-size',
      'hit',
    ]);
    store.forgetCalls();
    expect(statuses(await cache.store(tokens, tensors))).toEqual(['stored', 'present', 'stored', 'stored', 'present']);
    expect(store.puts).toEqual([
      { keys: [keys[3]], mode: 'create' },
      { keys: [keys[1], keys[4]], mode: 'replace' },
    ]);
    using after = await cache.retrieve(tokens);
    expect(after).toMatchObject({ hitTokens: 24, end: { status: 'complete' } });
  });

  test('a corrupt chunk is replaced though the remote says it is there', async () => {
    const { cache, store } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(3);
    const keys = fill(store, tokens);
    store.corrupt.add(keys[1] as string);
    (await cache.retrieve(tokens))[Symbol.dispose]();
    store.forgetCalls();
    const stored = await cache.store(tokens, tensorsOf(tokens));
    expect(stored[1]?.result.status).toBe('stored');
    expect(store.puts.find(({ mode }) => mode === 'replace')?.keys).toEqual([keys[1]]);
    expect(store.stats.flat()).not.toContain(keys[1]);
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved).toMatchObject({ hitTokens: 12, end: { status: 'complete' } });
    store.forgetCalls();
    await cache.store(tokens, tensorsOf(tokens));
    expect(store.puts).toEqual([]);
  });

  test('does not send what it had no answer for', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(3);
    const keys = keysOf(tokens);
    store.before = (operation, key) => {
      if (operation === 'stat' && key === keys[1]) throw new KvferryError('THROTTLED', 'slow down');
    };
    const stored = await cache.store(tokens, tensorsOf(tokens));
    expect(statuses(stored)).toEqual(['stored', 'failed', 'stored']);
    expect(stored[1]?.result).toMatchObject({ error: { code: 'THROTTLED', key: keys[1] } });
    expect(cache.stats).toMatchObject({ storedChunks: 2, failures: 1 });
  });

  test('a chunk that could not be sent is asked for the next time', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(2);
    store.fail(new KvferryError('UNAVAILABLE', 'full'), ['put']);
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual(['failed', 'failed']);
    store.before = () => undefined;
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual(['stored', 'stored']);
  });

  test('leaves out leading chunks that are not given', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(4);
    const [, , third, fourth] = tensorsOf(tokens);
    const stored = await cache.store(tokens, [undefined, undefined, third, fourth]);
    expect(stored.map(({ start }) => start)).toEqual([8, 12]);
    expect(store.stats).toEqual([keysOf(tokens).slice(2)]);
    expect(await cache.store(tokens, [undefined, undefined, undefined, undefined])).toEqual([]);
  });

  test('refuses tensors that are not the chunks', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(2);
    const [first, second] = tensorsOf(tokens);
    const layout = first?.layout;
    if (layout === undefined) throw new Error('no layout');
    const bytes = new Uint8Array(4096);
    const wrong = [
      [first],
      [first, second, second],
      [first, undefined],
      [first, { layout: { ...layout, dtype: 'bfloat16' }, bytes }],
      [first, { layout: { ...layout, format: 'KV_MLA_FMT' }, bytes }],
      [first, { layout, bytes: new Uint8Array(4095) }],
      [first, { layout }],
      'no array',
    ];
    for (const tensors of wrong) {
      await expect(cache.store(tokens, tensors as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(store.stats).toEqual([]);
  });

  test('keeps a copy of each chunk in memory: one copy, and none of what is there', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(3);
    const tensors = tensorsOf(tokens);
    await cache.store(tokens, tensors);
    expect(cache.stats).toMatchObject({ localEntries: 3, pinnedEntries: 0, copiedBytes: 3 * 4096 });
    for (const { bytes } of tensors) bytes.fill(0);
    await cache.store(tokens, tensorsOf(tokens));
    expect(cache.stats.copiedBytes).toBe(3 * 4096);
    using retrieved = await cache.retrieve(tokens);
    expect(
      Buffer.compare(retrieved.chunks[1]?.bytes ?? new Uint8Array(0), tensorsOf(tokens)[1]?.bytes ?? new Uint8Array(1)),
    ).toBe(0);
    expect(store.gets).toEqual([]);
  });

  test('makes no copy of what is being loaded', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(2);
    fill(store, tokens);
    const release = store.hold('get');
    const retrieving = cache.retrieve(tokens);
    await settled();
    await cache.store(tokens, tensorsOf(tokens));
    release();
    using retrieved = await retrieving;
    expect(retrieved.hitTokens).toBe(8);
    expect(cache.stats).toMatchObject({ copiedBytes: 0, localEntries: 2, leasedBytes: 2 * 4096 });
  });

  test('keeps a copy even where the remote fails', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(3);
    store.fail(new KvferryError('CONNECTION', 'refused'));
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual(['failed', 'failed', 'failed']);
    expect((await cache.lookup(tokens)).hitTokens).toBe(12);
  });

  test('keeps no more copies than there is room for, the front of the sequence first, and does not wait', async () => {
    const { cache } = await openCache({ budget: 4 });
    const tokens = tokensOf(6);
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual(Array(6).fill('stored'));
    expect(cache.stats).toMatchObject({ localEntries: 4, evictions: 0, leasedBytes: 4 * 4096 });
    using held = await cache.retrieve(tokens.slice(0, 16));
    expect(held.chunks.map(({ tier }) => tier)).toEqual(Array(4).fill('local'));
    const others = tokensOf(2, 2);
    expect(statuses(await cache.store(others, tensorsOf(others)))).toEqual(['stored', 'stored']);
    expect(cache.stats).toMatchObject({ localEntries: 4, evictions: 0 });
  });

  test('makes no room of what is there of the same sequence', async () => {
    const { cache } = await openCache({ budget: 4 });
    const tokens = tokensOf(6);
    await cache.store(tokens.slice(0, 8), tensorsOf(tokens.slice(0, 8)));
    await cache.store(tokens, tensorsOf(tokens));
    const { chunks } = await cache.lookup(tokens, { exact: true });
    expect(chunks?.map(({ found }) => found.status === 'hit' && found.tier)).toEqual([
      ...Array(4).fill('local'),
      ...Array(2).fill('remote'),
    ]);
  });

  test('counts as a use of what is there of the sequence', async () => {
    const { cache } = await openCache({ budget: 4 });
    const tokens = tokensOf(3);
    await cache.store(tokens.slice(0, 8), tensorsOf(tokens.slice(0, 8)));
    await cache.store(tokensOf(1, 2), tensorsOf(tokensOf(1, 2)));
    await cache.store(tokens, tensorsOf(tokens));
    await cache.store(tokensOf(1, 3), tensorsOf(tokensOf(1, 3)));
    const { chunks } = await cache.lookup(tokens, { exact: true });
    expect(chunks?.map(({ found }) => found.status === 'hit' && found.tier)).toEqual(Array(3).fill('local'));
  });

  test('copies in turns, and stops when it is aborted', async () => {
    const { cache } = await openCache({ budget: 8192, backend: undefined });
    const tokens = tokensOf(4096);
    const bytes = new Uint8Array(4096);
    const tensors = Array.from({ length: 4096 }, () => ({ layout, bytes }));
    const controller = new AbortController();
    const storing = cache.store(tokens, tensors, { signal: controller.signal });
    await Promise.resolve();
    controller.abort();
    await expect(storing).rejects.toMatchObject({ code: 'ABORTED' });
    expect(cache.stats).toMatchObject({ copiedBytes: 8 * 1024 * 1024, pinnedEntries: 0 });
  });

  test('keeps nothing where the pool only stages', async () => {
    const { cache, pool } = await openCache({ local: 'staging-only' });
    const tokens = tokensOf(3);
    await cache.store(tokens, tensorsOf(tokens));
    expect(cache.stats).toMatchObject({ localEntries: 0, copiedBytes: 0 });
    expect(pool.leasedBytes).toBe(0);
  });

  test('sends nothing where another rank stores, and keeps its copy', async () => {
    const { cache, store } = await openCache({ stores: false });
    const tokens = tokensOf(3);
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual(Array(3).fill('other-rank'));
    expect([store.stats, store.puts]).toEqual([[], []]);
    expect((await cache.lookup(tokens)).hitTokens).toBe(12);
  });

  test('never sends a short tail, which memory keeps', async () => {
    const { cache, store } = await openCache({ chunker: chainChunker(true) });
    const tokens = tokensOf(2, 1, 3);
    expect(statuses(await cache.store(tokens, tensorsOf(tokens, true)))).toEqual(['stored', 'stored', 'short']);
    expect(store.values.size).toBe(2);
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved).toMatchObject({ hitTokens: 11, end: { status: 'complete' } });
    expect(retrieved.chunks[2]).toMatchObject({ start: 8, end: 11, tier: 'local', layout: { tokens: 3 } });
    expect(retrieved.chunks[2]?.bytes.byteLength).toBe(3072);
  });

  test('without a remote says so', async () => {
    const { cache } = await openCache({ backend: undefined });
    const tokens = tokensOf(2);
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual(['no-remote', 'no-remote']);
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved.hitTokens).toBe(8);
  });

  test('an abort settles when the remote no longer reads the tensors', async () => {
    const { cache, store } = await openCache();
    const tokens = tokensOf(2);
    store.hold('put');
    const controller = new AbortController();
    const storing = cache.store(tokens, tensorsOf(tokens), { signal: controller.signal });
    await settled();
    expect(store.puts).toHaveLength(1);
    controller.abort('changed my mind');
    await expect(storing).rejects.toMatchObject({ code: 'ABORTED', cause: 'changed my mind' });
    expect(store.aborted).toEqual(keysOf(tokens));
    expect(cache.stats.pinnedEntries).toBe(0);
  });
});

describe('a serde that changes the bytes', () => {
  /** Turns every bit round, in memory of its own. */
  const inverting: Serde = {
    id: 'inverting',
    serializedBytes: (layout) => ({ max: layoutBytes(layout) + 5, exact: true }),
    scratchBytes: (layout) => layoutBytes(layout),
    serialize({ bytes }, scratch) {
      for (const [index, byte] of bytes.entries()) scratch[index] = byte ^ 255;
      return [patterned(5, 0), scratch];
    },
    deserialize(bytes, layout, scratch) {
      if (bytes[0] !== patterned(5, 0)[0]) throw new KvferryError('CORRUPT', 'no header');
      for (let index = 5; index < bytes.byteLength; index += 1) scratch[index - 5] = (bytes[index] as number) ^ 255;
      return { layout, bytes: scratch.subarray(0, layoutBytes(layout)) };
    },
  };

  test('works in memory of the pool, and waits for it where there is little', async () => {
    const { cache, store, pool } = await openCache({ serde: inverting, budget: 6, local: 'staging-only' });
    const tokens = tokensOf(10);
    expect(statuses(await cache.store(tokens, tensorsOf(tokens)))).toEqual(Array(10).fill('stored'));
    expect(store.puts.map(({ keys }) => keys.length)).toEqual([6, 4]);
    expect(pool.leasedBytes).toBe(0);
    const two = tokens.slice(0, 8);
    const retrieved = await cache.retrieve(two);
    for (const [index, { bytes }] of tensorsOf(two).entries()) {
      expect(Buffer.compare(retrieved.chunks[index]?.bytes ?? new Uint8Array(0), bytes)).toBe(0);
    }
    retrieved[Symbol.dispose]();
    const into = [new Uint8Array(4096), new Uint8Array(4096)];
    expect(await cache.retrieveInto(two, into)).toMatchObject({ hitTokens: 8, end: { status: 'complete' } });
    for (const [index, { bytes }] of tensorsOf(two).entries()) {
      expect(Buffer.compare(into[index] as Uint8Array, bytes)).toBe(0);
    }
    expect(pool.leasedBytes).toBe(0);
  });

  test('gives its memory to who waits for it', async () => {
    const { cache, store } = await openCache({ serde: inverting, budget: 3, local: 'staging-only' });
    const tokens = tokensOf(2);
    await cache.store(tokens, tensorsOf(tokens));
    const other = tokensOf(1, 2);
    const release = store.hold('put');
    const storing = cache.store(other, tensorsOf(other));
    await settled();
    const retrieving = cache.retrieve(tokens.slice(0, 4));
    await settled();
    release();
    expect((await retrieving).hitTokens).toBe(4);
    await storing;
  });

  test('that is aborted takes the place in line of nobody else', async () => {
    const { cache, store } = await openCache({ serde: inverting, budget: 3, local: 'staging-only' });
    const tokens = tokensOf(1);
    await cache.store(tokens, tensorsOf(tokens));
    const held = await cache.retrieve(tokens);
    const other = tokensOf(1, 2);
    const controller = new AbortController();
    store.hold('put');
    const storing = cache.store(other, tensorsOf(other), { signal: controller.signal });
    await settled();
    // It has had to wait for its memory, has it now, and sends.
    held[Symbol.dispose]();
    await settled();
    expect(store.puts).toHaveLength(2);
    const waiting = cache.retrieve(tokens);
    await settled();
    controller.abort();
    await expect(storing).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await waiting).hitTokens).toBe(4);
  });

  test('leaves to who waits what is too little for it', async () => {
    const { cache, store } = await openCache({ serde: inverting, budget: 5 });
    const elsewhere = await openCache({ serde: inverting, store });
    for (const seed of [1, 2, 3]) await elsewhere.cache.store(tokensOf(1, seed), tensorsOf(tokensOf(1, seed)));
    const first = await cache.retrieve(tokensOf(1, 1));
    const waiting = cache.retrieve(tokensOf(1, 2));
    await settled();
    // Two pages are free, and three are waited for: none of them is for a copy.
    const stored = await cache.store(tokensOf(1, 3), tensorsOf(tokensOf(1, 3)));
    expect(stored[0]?.result).toMatchObject({ status: 'skipped', reason: 'present' });
    expect(cache.stats.copiedBytes).toBe(0);
    first[Symbol.dispose]();
    expect((await waiting).hitTokens).toBe(4);
  });

  test('a value that it cannot read is corrupt', async () => {
    const { cache, store } = await openCache({ serde: inverting });
    const tokens = tokensOf(1);
    const [key] = keysOf(tokens);
    store.values.set(key as string, new Uint8Array(4096 + 5));
    using retrieved = await cache.retrieve(tokens);
    expect(retrieved).toMatchObject({ hitTokens: 0, end: { status: 'failed', error: { code: 'CORRUPT', key } } });
    expect(cache.stats.corrupt).toBe(1);
  });

  test('that needs more memory than there is fails the chunks', async () => {
    const greedy: Serde = { ...inverting, scratchBytes: () => 10 * 4096 };
    const { cache } = await openCache({ serde: greedy, budget: 4 });
    const tokens = tokensOf(2);
    const stored = await cache.store(tokens, tensorsOf(tokens));
    expect(stored.map(({ result }) => result.status === 'failed' && result.error.code)).toEqual([
      'TOO_LARGE',
      'TOO_LARGE',
    ]);
  });
});
