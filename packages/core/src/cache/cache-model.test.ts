import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bufferPool } from '../buffer-pool.ts';
import type { ChunkTensor } from '../chunks.ts';
import { KvferryError } from '../errors.ts';
import type { Key } from '../keys.ts';
import {
  bytesOf,
  CHUNK_BYTES,
  cacheOptions,
  chainChunker,
  keyFormat,
  layout,
  scope,
  settled,
} from '../testing/cache-parts.ts';
import { type HeldOperation, TestStore } from '../testing/test-store.ts';
import { type CacheCore, cacheCore } from './core.ts';
import { cacheOver } from './create-cache.ts';
import type { HitEnd, KvCache, KvCacheOptions, Lookup, Prefetch, Retrieved } from './kv-cache.ts';

/** Time is the test's own: a request that waits in vain ends when the test says so. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const BUDGET_CHUNKS = 4;
const ANSWER_MS = 1000;
const PIN_MS = 100_000;
const BELIEF_MS = 30_000;

/** Sequences of up to 6 chunks that share their first 2 or all: branches of one tree. */
interface Sequence {
  readonly branch: number;
  readonly chunks: number;
}
interface Place extends Sequence {
  readonly index: number;
}
type Fault = 'fail' | 'stall';

type Step =
  | {
      readonly do: 'store' | 'lookup' | 'exact' | 'retrieve' | 'retrieveInto' | 'prefetch';
      readonly of: Sequence;
      readonly keep: boolean;
    }
  | { readonly do: 'dispose' | 'dispose-prefetch'; readonly which: number }
  | { readonly do: 'delete' | 'put' | 'corrupt' | 'shorten'; readonly at: Place }
  | { readonly do: 'fault'; readonly operation: HeldOperation; readonly fault: Fault; readonly at: Place }
  | { readonly do: 'fill'; readonly with: Sequence }
  | { readonly do: 'mend' }
  | { readonly do: 'wait'; readonly ms: number }
  | {
      readonly do: 'burst';
      readonly of: readonly {
        readonly call: BurstCall;
        readonly of: Sequence;
        readonly abortAfterTurns: number | undefined;
      }[];
    };

type BurstCall = 'store' | 'lookup' | 'retrieve' | 'retrieveInto' | 'prefetch';

const sequence = fc.record({ branch: fc.nat(2), chunks: fc.integer({ min: 1, max: 6 }) });
const place = fc.record({ branch: fc.nat(2), chunks: fc.constant(6), index: fc.nat(5) });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom('store', 'lookup', 'exact', 'retrieve', 'retrieveInto', 'prefetch'),
      of: sequence,
      keep: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('dispose', 'dispose-prefetch'), which: fc.nat(9) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('delete', 'put', 'corrupt', 'shorten'), at: place }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fault'),
      operation: fc.constantFrom('stat', 'get', 'put'),
      fault: fc.constantFrom('fail', 'stall'),
      at: place,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('fill'), with: sequence }) },
  { weight: 2, arbitrary: fc.constant({ do: 'mend' }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(10, 20_000, 31_000, 101_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('burst'),
      of: fc.array(
        fc.record({
          call: fc.constantFrom('store', 'lookup', 'retrieve', 'retrieveInto', 'prefetch'),
          of: sequence,
          abortAfterTurns: fc.option(fc.nat(4), { nil: undefined }),
        }),
        { minLength: 2, maxLength: 4 },
      ),
    }),
  },
) as fc.Arbitrary<Step>;

/** Chunks 0 and 1 are common to all branches. */
const tokensOf = ({ branch, chunks }: Sequence): number[] =>
  Array.from({ length: chunks * 4 }, (_, index) => (index < 8 ? index : 1000 * (branch + 1) + index));

/** What the world outside of the cache is, and what the cache must make of it. */
class Model {
  readonly store = new TestStore();
  readonly pool = bufferPool({ maxBytes: BUDGET_CHUNKS * CHUNK_BYTES });
  readonly cache: KvCache;
  readonly #core: CacheCore;
  readonly #faults = new Map<string, { readonly fault: Fault; readonly release: () => void }>();
  /** When each key was last in the remote at its full size, for all that the cache can know. */
  readonly #lastThereMs = new Map<Key, number>();
  /** Values that the cache was seen to meet as bad ones, and that nobody has replaced since. */
  readonly #suspects = new Set<Key>();
  readonly #held: {
    readonly retrieved: Retrieved;
    readonly keys: readonly Key[];
    readonly bytes: readonly Uint8Array[];
  }[] = [];
  readonly #prefetches: { readonly handle: Prefetch; readonly id: number }[] = [];
  /** Who waits for each key, in order, and until when. */
  #reserved: { readonly id: number; readonly key: Key; readonly untilMs: number }[] = [];
  #prefetchCount = 0;
  /** Views that were lent and given back, as they were then. */
  readonly #views: { readonly view: Uint8Array; readonly bytes: Uint8Array }[] = [];

  constructor(local: KvCacheOptions['local'], asyncLoading: boolean) {
    const options = cacheOptions({
      backend: this.store.backend,
      pool: this.pool,
      local,
      asyncLoading,
      answerMs: ANSWER_MS,
      pinMs: PIN_MS,
    });
    this.#core = cacheCore(options);
    this.cache = cacheOver(options, this.#core);
    this.store.before = (operation, key) => {
      const fault = this.#faults.get(`${operation} ${key}`);
      if (fault?.fault === 'fail') throw new KvferryError('UNAVAILABLE', 'told to fail');
      return (fault as { readonly held?: Promise<void> } | undefined)?.held;
    };
  }

  async run(next: Step): Promise<void> {
    if (next.do === 'store') await this.#storeChunks(next.of);
    else if (next.do === 'lookup' || next.do === 'exact') await this.#lookup(next.of, next.do === 'exact');
    else if (next.do === 'retrieve') await this.#retrieve(next.of, next.keep);
    else if (next.do === 'retrieveInto') await this.#retrieveInto(next.of);
    else if (next.do === 'prefetch') await this.#prefetch(next.of);
    else if (next.do === 'dispose') this.#dispose(next.which);
    else if (next.do === 'dispose-prefetch') this.#disposePrefetch(next.which);
    else if (next.do === 'fault') this.#setFault(next.operation, next.fault, next.at);
    else if ('at' in next) this.#change(next.do, next.at);
    else if (next.do === 'fill')
      for (const index of keysOf(next.with).keys()) this.#change('put', { ...next.with, index });
    else if (next.do === 'mend') this.#mend();
    else if (next.do === 'wait') this.#wait(next.ms);
    else if (next.do === 'burst') await this.#burst(next.of);
    await settled();
    this.#check();
  }

  /** Everything that is held is given back; then nothing is left. */
  async end(): Promise<void> {
    this.#mend();
    while (this.#held.length > 0) this.#dispose(0);
    while (this.#prefetches.length > 0) this.#disposePrefetch(0);
    this.#wait(PIN_MS);
    await settled();
    this.#check();
    expect(this.cache.stats).toMatchObject({ pinnedEntries: 0, loading: 0 });
    await this.cache.close();
    expect(this.pool.leasedBytes).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  }

  // ── what is there ──

  #nowMs(): number {
    return performance.now();
  }

  #isLocal(key: Key): boolean {
    return this.#core.tier.get(key) !== undefined;
  }

  #isFullSize(key: Key): boolean {
    return this.store.values.get(key)?.byteLength === CHUNK_BYTES;
  }

  #isGood(key: Key): boolean {
    return this.#isFullSize(key) && !this.store.corrupt.has(key);
  }

  #faultOf(operation: HeldOperation, key: Key): Fault | undefined {
    return this.#faults.get(`${operation} ${key}`)?.fault;
  }

  /** The remote changed: what was there until now may be believed in for a while. */
  #noteThere(): void {
    for (const key of this.store.values.keys()) if (this.#isFullSize(key)) this.#lastThereMs.set(key, this.#nowMs());
  }

  #mayBeBelieved(key: Key): boolean {
    const lastMs = this.#lastThereMs.get(key);
    return lastMs !== undefined && this.#nowMs() - lastMs < BELIEF_MS;
  }

  #pinnedKeys(): Set<Key> {
    return new Set([...this.#held.flatMap(({ keys }) => keys), ...this.#reserved.map(({ key }) => key)]);
  }

  /** How an answer came about, from what was so when it was asked for. */
  #situation(of: Sequence): Situation {
    const keys = keysOf(of);
    const isLocal = keys.map((key) => this.#isLocal(key));
    const isThere = keys.map((key, index) => isLocal[index] === true || this.#isGood(key));
    const pinned = this.#pinnedKeys();
    const together = new Set([...pinned, ...keys.slice(0, BUDGET_CHUNKS)]);
    const firstMissing = isThere.indexOf(false);
    return {
      keys,
      isLocal,
      truth: firstMissing === -1 ? keys.length : firstMissing,
      hasRoom: together.size <= BUDGET_CHUNKS,
    };
  }

  /** The prefix that was loaded must end where, and as, what was so says. */
  #checkLoaded(of: Sequence, before: Situation, hitTokens: number, end: HitEnd, needsMemory: boolean): void {
    const { keys, isLocal, truth, hasRoom } = before;
    const length = hitTokens / 4;
    const key = keys[length] as Key;
    const isRemote = isLocal[length] === false;
    expect(length).toBeLessThanOrEqual(truth);
    if (end.status === 'complete') {
      expect(length).toBe(of.chunks);
    } else if (end.status === 'miss') {
      expect(length).toBe(truth);
      expect(this.#isFullSize(key)).toBe(false);
    } else {
      if (end.status !== 'failed') throw new Error(`ends ${end.status}`);
      const { error } = end;
      expect(error.key).toBe(key);
      if (error.code === 'CORRUPT') expect([isRemote, this.store.corrupt.has(key)]).toEqual([true, true]);
      else if (error.code === 'UNAVAILABLE') expect([isRemote, this.#isFailing(key)]).toEqual([true, true]);
      else if (error.code === 'TOO_LARGE') expect([needsMemory, length]).toEqual([true, BUDGET_CHUNKS]);
      else if (error.code === 'TIMEOUT') expect((needsMemory && !hasRoom) || this.#isStalled(keys)).toBe(true);
      else throw error;
    }
    // What is bad was met, or was seen by the search.
    if (end.status === 'miss' && this.store.values.has(key)) this.#suspects.add(key);
    if (end.status === 'failed' && end.error.code === 'CORRUPT') this.#suspects.add(key);
  }

  #isFailing(key: Key): boolean {
    return this.#faultOf('stat', key) === 'fail' || this.#faultOf('get', key) === 'fail';
  }

  #isStalled(keys: readonly Key[]): boolean {
    return keys.some((key) => this.#faultOf('stat', key) === 'stall' || this.#faultOf('get', key) === 'stall');
  }

  // ── what is done ──

  /** Waits for an answer; what waits in vain gets to its deadline: a store after its questions have got to theirs. */
  async #answered<Answer>(answer: Promise<Answer>): Promise<Answer> {
    let isDone = false;
    const end = (): void => {
      isDone = true;
    };
    answer.then(end, end);
    for (let waits = 0; waits < 3; waits += 1) {
      await settled();
      if (isDone) return answer;
      this.#wait(ANSWER_MS);
    }
    throw new Error('there is no answer');
  }

  async #storeChunks(of: Sequence): Promise<void> {
    this.#noteThere();
    const keys = keysOf(of);
    const wasThere = keys.map((key) => this.#isFullSize(key));
    const believed = keys.map((key) => this.#mayBeBelieved(key));
    const stored = await this.#answered(this.cache.store(tokensOf(of), tensorsFor(of)));
    for (const [index, { key, result }] of stored.entries()) {
      expect(key).toBe(keys[index]);
      if (result.status === 'failed') {
        expect(this.#faultOf('stat', key) ?? this.#faultOf('put', key)).toBeDefined();
        continue;
      }
      if (result.status === 'skipped') {
        expect(result.reason).toBe('present');
        expect(wasThere[index] || believed[index]).toBe(true);
        expect(this.#suspects.has(key)).toBe(false);
        continue;
      }
      expect(result.status).toBe('stored');
      expect(this.#isGood(key)).toBe(true);
      this.#suspects.delete(key);
    }
    this.#noteThere();
  }

  async #lookup(of: Sequence, exact: boolean): Promise<void> {
    this.#noteThere();
    const before = this.#situation(of);
    const { keys, isLocal } = before;
    const { hitTokens, end, chunks } = await this.#answered(this.cache.lookup(tokensOf(of), { exact }));
    if (exact) this.#checkNamed(keys, isLocal, chunks);
    if (this.cache.info.asyncLoading) {
      this.#checkLoaded(of, before, hitTokens, end, true);
      this.#reserve(keys.slice(0, hitTokens / 4));
      return;
    }
    const length = hitTokens / 4;
    for (let index = 0; index < length; index += 1) {
      const key = keys[index] as Key;
      expect(isLocal[index] || this.#isFullSize(key) || (!exact && this.#mayBeBelieved(key))).toBe(true);
    }
    const key = keys[length] as Key;
    if (end.status === 'complete') expect(length).toBe(of.chunks);
    else expect(isLocal[length]).toBe(false);
    if (end.status === 'miss') expect(this.#isFullSize(key)).toBe(false);
    if (end.status === 'failed') expect([end.error.key, this.#faultOf('stat', key)]).toEqual([key, expect.any(String)]);
    if (end.status === 'miss' && this.store.values.has(key)) this.#suspects.add(key);
  }

  #checkNamed(keys: readonly Key[], isLocal: readonly boolean[], chunks: Lookup['chunks']): void {
    expect(chunks).toHaveLength(keys.length);
    for (const [index, { key, found }] of (chunks ?? []).entries()) {
      expect(key).toBe(keys[index]);
      const byteLength = this.store.values.get(key)?.byteLength;
      if (isLocal[index]) expect(found).toEqual({ status: 'hit', tier: 'local' });
      else if (found.status === 'failed') expect(this.#faultOf('stat', key)).toBeDefined();
      else if (byteLength === undefined) expect(found).toEqual({ status: 'miss' });
      else if (byteLength === CHUNK_BYTES) expect(found).toEqual({ status: 'hit', tier: 'remote' });
      else expect(found).toEqual({ status: 'wrong-size', byteLength });
      if (found.status === 'wrong-size') this.#suspects.add(key);
    }
  }

  async #retrieve(of: Sequence, keep: boolean): Promise<void> {
    this.#noteThere();
    const before = this.#situation(of);
    const retrieved = await this.#answered(this.cache.retrieve(tokensOf(of)));
    this.#checkLoaded(of, before, retrieved.hitTokens, retrieved.end, true);
    const keys = before.keys.slice(0, retrieved.hitTokens / 4);
    expect(retrieved.chunks.map(({ key }) => key)).toEqual(keys);
    expect(retrieved.chunks.map(({ tier }) => tier === 'local')).toEqual(before.isLocal.slice(0, keys.length));
    this.#take(retrieved, keys);
    if (!keep) this.#dispose(this.#held.length - 1);
  }

  #take(retrieved: Retrieved, keys: readonly Key[]): void {
    const bytes = keys.map((key) => goodBytes(key));
    this.#held.push({ retrieved, keys, bytes });
    this.#consume(keys);
    this.#checkHeld();
  }

  async #retrieveInto(of: Sequence): Promise<void> {
    this.#noteThere();
    const before = this.#situation(of);
    const into = before.keys.map(() => new Uint8Array(CHUNK_BYTES));
    const { hitTokens, end } = await this.#answered(this.cache.retrieveInto(tokensOf(of), into));
    this.#checkLoaded(of, before, hitTokens, end, false);
    this.#takeViews(into, before.keys, hitTokens);
    this.#consume(before.keys.slice(0, hitTokens / 4));
  }

  #takeViews(into: readonly Uint8Array[], keys: readonly Key[], hitTokens: number): void {
    for (const [index, view] of into.entries()) {
      if (index < hitTokens / 4) expectSame(view, goodBytes(keys[index] as Key));
      this.#views.push({ view, bytes: view.slice() });
    }
    this.#views.splice(0, Math.max(0, this.#views.length - 20));
  }

  async #prefetch(of: Sequence): Promise<void> {
    this.#noteThere();
    const before = this.#situation(of);
    const handle = this.cache.prefetch(tokensOf(of));
    const { hitTokens, end } = await this.#answered(handle.loaded);
    this.#checkLoaded(of, before, hitTokens, end, true);
    this.#prefetches.push({ handle, id: this.#reserve(before.keys.slice(0, hitTokens / 4)) });
  }

  #reserve(keys: readonly Key[]): number {
    this.#prefetchCount += 1;
    const id = this.#prefetchCount;
    for (const key of keys) this.#reserved.push({ id, key, untilMs: this.#nowMs() + PIN_MS });
    return id;
  }

  #consume(keys: readonly Key[]): void {
    for (const key of keys) {
      const first = this.#reserved.find((one) => one.key === key);
      this.#reserved = this.#reserved.filter((one) => one !== first);
    }
  }

  #dispose(which: number): void {
    const [held] = this.#held.splice(which % Math.max(1, this.#held.length), 1);
    held?.retrieved[Symbol.dispose]();
  }

  #disposePrefetch(which: number): void {
    const [prefetch] = this.#prefetches.splice(which % Math.max(1, this.#prefetches.length), 1);
    prefetch?.handle[Symbol.dispose]();
    this.#reserved = this.#reserved.filter(({ id }) => id !== prefetch?.id);
  }

  #change(how: 'delete' | 'put' | 'corrupt' | 'shorten', at: Place): void {
    this.#noteThere();
    const key = keysOf(at)[at.index] as Key;
    const good = goodBytes(key);
    this.store.corrupt.delete(key);
    if (how === 'delete') this.store.values.delete(key);
    else this.store.values.set(key, how === 'shorten' ? good.slice(1) : good);
    if (how === 'corrupt') this.store.corrupt.add(key);
    this.#noteThere();
  }

  #setFault(operation: HeldOperation, fault: Fault, at: Place): void {
    const key = keysOf(at)[at.index] as Key;
    this.#faults.get(`${operation} ${key}`)?.release();
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = fault === 'stall' ? { held: promise } : {};
    this.#faults.set(`${operation} ${key}`, { fault, release: resolve, ...held });
  }

  #mend(): void {
    for (const { release } of this.#faults.values()) release();
    this.#faults.clear();
  }

  #wait(ms: number): void {
    this.#noteThere();
    vi.advanceTimersByTime(ms);
    this.#reserved = this.#reserved.filter(({ untilMs }) => untilMs > this.#nowMs());
  }

  /** Calls at the same time, some of them aborted: of their answers less can be said. */
  async #burst(calls: Extract<Step, { do: 'burst' }>['of']): Promise<void> {
    this.#noteThere();
    const running = calls.map(({ call, of, abortAfterTurns }) => {
      const controller = new AbortController();
      if (abortAfterTurns !== undefined) void afterTurns(abortAfterTurns).then(() => controller.abort());
      return { of, abortAfterTurns, answer: this.#burstCall(call, of, controller.signal) };
    });
    const all = Promise.allSettled(running.map(({ answer }) => answer));
    await this.#answered(all);
    for (const [index, outcome] of (await all).entries()) {
      const isAborted = running[index]?.abortAfterTurns !== undefined;
      if (outcome.status === 'rejected') expect([isAborted, outcome.reason.code]).toEqual([true, 'ABORTED']);
      // A chunk is taken up when all calls have had their answers, so that they do not count as held during them.
      else outcome.value();
    }
    this.#reconcile(calls.filter(({ call }) => call === 'retrieve' || call === 'retrieveInto').length);
    // An aborted store may have replaced what was bad.
    for (const { call, of } of calls) if (call === 'store') for (const key of keysOf(of)) this.#suspects.delete(key);
    this.#noteThere();
  }

  async #burstCall(call: BurstCall, of: Sequence, signal: AbortSignal): Promise<() => void> {
    const tokens = tokensOf(of);
    const keys = keysOf(of);
    if (call === 'store') {
      await this.cache.store(tokens, tensorsFor(of), { signal });
      return () => {};
    }
    if (call === 'retrieveInto') {
      const into = keys.map(() => new Uint8Array(CHUNK_BYTES));
      try {
        const { hitTokens } = await this.cache.retrieveInto(tokens, into, { signal });
        this.#takeViews(into, keys, hitTokens);
      } catch (thrown) {
        this.#takeViews(into, keys, 0);
        throw thrown;
      }
      return () => {};
    }
    if (call === 'retrieve') {
      const retrieved = await this.cache.retrieve(tokens, { signal });
      for (const [index, { bytes, key }] of retrieved.chunks.entries()) {
        expect(key).toBe(keys[index]);
        expectSame(bytes, goodBytes(key));
      }
      return () => retrieved[Symbol.dispose]();
    }
    if (call === 'prefetch') {
      const handle = this.cache.prefetch(tokens, { signal });
      await handle.loaded;
      return () => handle[Symbol.dispose]();
    }
    const { hitTokens } = await this.cache.lookup(tokens, { signal });
    return () => {
      if (this.cache.info.asyncLoading) this.#reserve(keys.slice(0, hitTokens / 4));
    };
  }

  /** Whether a retrieval came before or after a load ahead of the same burst, nobody can tell: so many are left as are left. */
  #reconcile(retrievals: number): void {
    for (const key of new Set(this.#reserved.map((one) => one.key))) {
      const known = this.#reserved.filter((one) => one.key === key);
      const left = this.#core.tier.get(key)?.reservers.length ?? 0;
      expect(left).toBeLessThanOrEqual(known.length);
      expect(left).toBeGreaterThanOrEqual(known.length - retrievals);
      for (let gone = known.length - left; gone > 0; gone -= 1) this.#consume([key]);
    }
  }

  // ── what always holds ──

  #check(): void {
    const { leasedBytes, localEntries, loading, pinnedEntries } = this.cache.stats;
    expect(leasedBytes).toBeLessThanOrEqual(BUDGET_CHUNKS * CHUNK_BYTES);
    expect(loading).toBe(0);
    expect(leasedBytes).toBe(localEntries * CHUNK_BYTES);
    expect(pinnedEntries).toBe(this.#pinnedKeys().size);
    if (this.cache.info.local === 'staging-only') expect(localEntries).toBe(pinnedEntries);
    this.#checkHeld();
    for (const { view, bytes } of this.#views) expectSame(view, bytes);
  }

  #checkHeld(): void {
    for (const { retrieved, bytes } of this.#held) {
      for (const [index, chunk] of retrieved.chunks.entries()) {
        expectSame(chunk.bytes, bytes[index] as Uint8Array);
      }
    }
  }
}

interface Situation {
  readonly keys: readonly Key[];
  readonly isLocal: readonly boolean[];
  /** Chunks before the first that lies neither in memory nor, good, in the remote. */
  readonly truth: number;
  /** Whether what is held leaves room for as much of the prefix as the budget has at all. */
  readonly hasRoom: boolean;
}

const keys = new Map<string, readonly Key[]>();
function keysOf(of: Sequence): readonly Key[] {
  return known(keys, `${of.branch} ${of.chunks}`, () =>
    chainChunker()
      .chunk(tokensOf(of))
      .map((chunk) => keyFormat.key(chunk, scope)),
  );
}

const values = new Map<Key, Uint8Array>();
/** The bytes that belong to a key. */
function goodBytes(key: Key): Uint8Array {
  return known(values, key, () => bytesOf(key.slice(key.lastIndexOf('/') + 1)));
}

function tensorsFor(of: Sequence): ChunkTensor[] {
  return keysOf(of).map((key) => ({ layout, bytes: goodBytes(key) }));
}

function known<Value>(memory: Map<string, Value>, name: string, make: () => Value): Value {
  const value = memory.get(name) ?? make();
  memory.set(name, value);
  return value;
}

/** An assertion of its own: it is made some hundred thousand times. */
function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) !== 0) throw new Error('bytes differ');
}

async function afterTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
}

describe('10,000 random operations with faults, evictions and memory for 4 chunks', () => {
  const caches = [
    { local: 'LRU', asyncLoading: false, seed: 1 },
    { local: 'LFU', asyncLoading: true, seed: 2 },
    { local: 'FIFO', asyncLoading: false, seed: 3 },
    { local: 'MRU', asyncLoading: true, seed: 4 },
    { local: 'staging-only', asyncLoading: true, seed: 5 },
  ] as const;

  test.each(caches)(
    '$local (asynchronous loading: $asyncLoading) never disagree with a model',
    async ({ local, asyncLoading, seed }) => {
      const seen = { steps: 0, localHits: 0, remoteHits: 0, corrupt: 0, failures: 0, evictions: 0, storedChunks: 0 };
      await fc.assert(
        fc.asyncProperty(fc.noBias(fc.array(step, { minLength: 1, maxLength: 100, size: 'max' })), async (plan) => {
          const model = new Model(local, asyncLoading);
          await model.cache.open();
          for (const next of plan) {
            await model.run(next);
            seen.steps += 1;
          }
          const { stats } = model.cache;
          for (const name of ['localHits', 'remoteHits', 'corrupt', 'failures', 'evictions', 'storedChunks'] as const) {
            seen[name] += stats[name];
          }
          await model.end();
        }),
        { numRuns: 60, seed },
      );
      // Enough of everything was met to mean something.
      expect(seen.steps).toBeGreaterThanOrEqual(2000);
      if (local === 'staging-only') expect(seen.evictions).toBe(0);
      else expect(seen.evictions).toBeGreaterThan(50);
      for (const name of ['localHits', 'remoteHits', 'corrupt', 'failures', 'storedChunks'] as const) {
        expect(seen[name], name).toBeGreaterThan(20);
      }
    },
  );
});
