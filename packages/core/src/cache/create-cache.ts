import { types } from 'node:util';
import type { BackendState, CallOptions } from '../backend.ts';
import { type Chunk, type ChunkLayout, type ChunkTensor, layoutBytes, type Tokens } from '../chunks.ts';
import { KvferryError } from '../errors.ts';
import type { Key } from '../keys.ts';
import type { StoredPrefix } from '../longest-prefix.ts';
import { assertKnownOptions, assertWholeNumber } from '../options.ts';
import { type CacheCore, cacheCore, type KeyedChunk } from './core.ts';
import { findEach, findPrefix, prefixOf } from './find-prefix.ts';
import type { Gathering } from './gathering.ts';
import type {
  CacheInfo,
  CacheRequestOptions,
  CacheStats,
  ChunkPresence,
  HitEnd,
  KvCache,
  KvCacheOptions,
  LoadedChunk,
  Lookup,
  LookupOptions,
  Prefetch,
  Retrieved,
  RetrieveOptions,
  StoredChunk,
} from './kv-cache.ts';
import { loadPrefix, rejectIfLeft } from './load-prefix.ts';
import type { Entry, LocalTier } from './local-tier.ts';
import { CacheRequest, MAX_TIMER_MS } from './request.ts';
import { retrieveInto } from './retrieve-into.ts';
import { type ChunkToStore, storeChunks, storeMs } from './store.ts';
import { WaitingRoom } from './waiting.ts';

/**
 * Makes a cache of a remote, of memory, and of what says how tokens become keys and tensors become values. Opening it opens the remote, closing it closes the
 * remote. Throws CONFIG_INVALID, naming the option.
 */
export function kvCache(options: KvCacheOptions): KvCache {
  checkOptions(options);
  return cacheOver(options, cacheCore(options));
}

/** For tests, which look into what the parts of a cache share. */
export function cacheOver(options: KvCacheOptions, core: CacheCore): KvCache {
  return new Cache(options, core);
}

class Cache implements KvCache {
  readonly info: CacheInfo;
  readonly #options: KvCacheOptions;
  readonly #core: CacheCore;
  readonly #waiting: WaitingRoom;
  readonly #running = new Set<CacheRequest>();
  #state: BackendState = 'new';
  #closed: Promise<void> | undefined;

  constructor(options: KvCacheOptions, core: CacheCore) {
    this.#options = options;
    this.#core = core;
    this.#waiting = new WaitingRoom(options.pinMs ?? 300_000);
    this.info = {
      chunker: options.chunker.id,
      keyFormat: options.keyFormat.id,
      serde: this.#core.serde.id,
      remote: this.#core.remote,
      chunkBytes: layoutBytes(options.layout),
      local: options.local,
      asyncLoading: options.asyncLoading ?? false,
      budgetBytes: options.pool.maxBytes,
    };
  }

  get stats(): CacheStats {
    const { counts, tier, pool, loads } = this.#core;
    const { entries, pinned, evictions } = tier.counts;
    return {
      ...counts,
      evictions,
      localEntries: entries,
      pinnedEntries: pinned,
      leasedBytes: pool.leasedBytes,
      loading: loads.count,
    };
  }

  async open(options: CallOptions = {}): Promise<void> {
    if (this.#state === 'open') return;
    if (this.#state !== 'new') throw this.#notOpen();
    if (options.signal?.aborted) throw aborted(options.signal);
    await this.#core.backend?.open(options);
    // It may have been closed meanwhile.
    if (this.#closed !== undefined) throw this.#notOpen();
    this.#state = 'open';
  }

  async store(
    tokens: Tokens,
    tensors: readonly (ChunkTensor | undefined)[],
    options: CacheRequestOptions = {},
  ): Promise<readonly StoredChunk[]> {
    const chunks = this.#withTensors(this.#cut(tokens, options), tensors);
    return this.#during(
      options,
      (request) => storeChunks(this.#core, request, chunks),
      storeMs(this.#core.answerMs, chunks),
    );
  }

  async lookup(tokens: Tokens, options: LookupOptions = {}): Promise<Lookup> {
    const chunks = this.#cut(tokens, options);
    return this.#during(options, async (request) => {
      let named: readonly ChunkPresence[] | undefined;
      let found: StoredPrefix;
      if (options.exact === true) {
        named = await findEach(this.#core, request, chunks);
        found = prefixOf(named);
      } else {
        found = await findPrefix(this.#core, request, chunks);
      }
      if (request.hasCallerLeft()) throw request.rejection();
      if (!this.info.asyncLoading) return this.#told(chunks[found.length - 1]?.end ?? 0, found.end, named);
      const gathering = await loadPrefix(this.#core, request, chunks, found, 'wait');
      this.#waiting.add(gathering);
      return this.#told(gathering.hitTokens, gathering.end, named);
    });
  }

  async retrieve(tokens: Tokens, options: RetrieveOptions = {}): Promise<Retrieved> {
    const skipTokens = this.#skipTokens(tokens, options);
    const { chunks, before } = this.#cutBehind(tokens, options, skipTokens);
    return this.#during(options, async (request) => {
      const found = await findPrefix(this.#core, request, chunks);
      const gathering = await loadPrefix(this.#core, request, chunks, found, 'hand-out');
      const { hitTokens, end } = this.#told(Math.max(skipTokens, gathering.hitTokens), gathering.end, undefined);
      return new RetrievedPrefix(this.#core.tier, gathering, hitTokens, end, this.#handOver(gathering, before));
    });
  }

  async retrieveInto(tokens: Tokens, into: readonly Uint8Array[], options: RetrieveOptions = {}): Promise<Lookup> {
    const skipTokens = this.#skipTokens(tokens, options);
    const { chunks, before } = this.#cutBehind(tokens, options, skipTokens);
    checkViews(chunks, into);
    return this.#during(options, async (request) => {
      const wanted = chunks.slice(0, into.length);
      const gathering = await retrieveInto(this.#core, request, wanted, into);
      this.#core.tier.unpin(this.#handOver(gathering, before));
      return this.#told(Math.max(skipTokens, gathering.hitTokens), gathering.end, undefined);
    });
  }

  prefetch(tokens: Tokens, options: RetrieveOptions = {}): Prefetch {
    const skipTokens = this.#skipTokens(tokens, options);
    const { chunks } = this.#cutBehind(tokens, options, skipTokens);
    const request = this.#begin(options);
    let waiting: Gathering | undefined;
    const load = async (): Promise<Lookup> => {
      try {
        if (request.hasCallerLeft()) throw request.rejection();
        const found = await findPrefix(this.#core, request, chunks);
        const gathering = await loadPrefix(this.#core, request, chunks, found, 'wait');
        // Disposed of in the very turn in which it was done.
        rejectIfLeft(request, gathering);
        waiting = gathering;
        this.#waiting.add(waiting);
        return this.#told(Math.max(skipTokens, waiting.hitTokens), waiting.end, undefined);
      } finally {
        this.#end(request);
      }
    };
    const loaded = this.#core.background.add(load());
    const dispose = (): void => {
      request.end('caller', 'the prefetch was disposed of');
      if (waiting !== undefined) this.#waiting.dismiss(waiting);
    };
    return { loaded, [Symbol.dispose]: dispose };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#state = 'closing';
    const { backend, tier, background } = this.#core;
    for (const request of this.#running) request.end('closed');
    this.#waiting.dismissAll();
    try {
      await backend?.close();
    } finally {
      await background.quiet();
      this.#waiting.dismissAll();
      tier.close();
      this.#state = 'closed';
    }
  }

  /** One call, from valid arguments to its answer. */
  #during<Answer>(
    options: CallOptions,
    work: (request: CacheRequest) => Promise<Answer>,
    limitMs = this.#core.answerMs,
  ): Promise<Answer> {
    const request = this.#begin(options, limitMs);
    const answer = async (): Promise<Answer> => {
      try {
        if (request.hasCallerLeft()) throw request.rejection();
        return await work(request);
      } finally {
        this.#end(request);
      }
    };
    return this.#core.background.add(answer());
  }

  #begin(options: CallOptions, limitMs = this.#core.answerMs): CacheRequest {
    if (this.#state !== 'open') throw this.#notOpen();
    const request = new CacheRequest(limitMs, options);
    this.#running.add(request);
    return request;
  }

  #end(request: CacheRequest): void {
    request.release();
    this.#running.delete(request);
  }

  #cut(tokens: Tokens, options: CacheRequestOptions): readonly KeyedChunk[] {
    return this.#cutBehind(tokens, options, 0).chunks;
  }

  /** The chunks of a sequence from a token on, which begins one, and the key of the chunk before it. */
  #cutBehind(
    tokens: Tokens,
    options: CacheRequestOptions,
    from: number,
  ): { readonly chunks: readonly KeyedChunk[]; readonly before: Key | undefined } {
    const { chunker, keyFormat, layout } = this.#options;
    assertTokens(tokens);
    const scope = options.tags === undefined ? this.#options.scope : { ...this.#options.scope, tags: options.tags };
    const cut = chunker.chunk(tokens);
    const skipped = from / chunker.tokensPerChunk;
    const last = cut[skipped - 1];
    const chunks = cut.slice(skipped).map((chunk: Chunk): KeyedChunk => {
      const { start, end, hash } = chunk;
      const isFull = end - start === layout.tokens;
      return {
        start,
        end,
        hash,
        key: keyFormat.key(chunk, scope),
        layout: isFull ? layout : { ...layout, tokens: end - start },
        isFull,
      };
    });
    return { chunks, before: last === undefined ? undefined : keyFormat.key(last, scope) };
  }

  #skipTokens(tokens: Tokens, { skipTokens = 0 }: RetrieveOptions): number {
    assertTokens(tokens);
    const { tokensPerChunk } = this.#options.chunker;
    if (Number.isSafeInteger(skipTokens) && skipTokens >= 0 && skipTokens <= tokens.length) {
      if (skipTokens % tokensPerChunk === 0) return skipTokens;
    }
    const rule = `a multiple of the ${tokensPerChunk} tokens of a chunk, at most the ${tokens.length} tokens there are`;
    throw new KvferryError('INVALID_ARGUMENT', `skipTokens is ${rule}, not ${String(skipTokens)}`);
  }

  /** The chunks that are given, each with its tensor. */
  #withTensors(chunks: readonly KeyedChunk[], tensors: readonly (ChunkTensor | undefined)[]): ChunkToStore[] {
    if (!Array.isArray(tensors) || tensors.length !== chunks.length) {
      const count = Array.isArray(tensors) ? `${tensors.length} tensors` : 'no array of tensors';
      throw new KvferryError('INVALID_ARGUMENT', `the tokens make ${chunks.length} chunks, and there are ${count}`);
    }
    const first = tensors.findIndex((tensor) => tensor !== undefined);
    if (first === -1) return [];
    return chunks.slice(first).map((chunk, position) => {
      const tensor: ChunkTensor | undefined = tensors[first + position];
      const problem = tensorProblem(tensor, chunk.layout);
      if (problem === undefined) return { ...chunk, tensor: tensor as ChunkTensor };
      throw new KvferryError('INVALID_ARGUMENT', `chunk ${first + position}: ${problem}`);
    });
  }

  /** The entries of a prefix, which count as used and as retrieved. `before`: the chunk that was skipped last. */
  #handOver(gathering: Gathering, before: Key | undefined): Entry[] {
    for (let index = 0; index < gathering.length; index += 1) {
      if (gathering.wasInMemory(index)) this.#core.counts.localHits += 1;
    }
    const entries = gathering.handOver(before);
    this.#core.tier.use(entries);
    return entries;
  }

  #told(hitTokens: number, end: HitEnd, chunks: readonly ChunkPresence[] | undefined): Lookup {
    if (end.status === 'miss') this.#core.counts.misses += 1;
    if (end.status === 'failed') this.#core.counts.failures += 1;
    return { hitTokens, end, chunks };
  }

  #notOpen(): KvferryError {
    const wayOut = this.#state === 'new' ? 'await open() first' : 'a closed cache stays closed; make a new one';
    return new KvferryError('NOT_OPEN', `the cache is ${this.#state}: ${wayOut}`);
  }
}

/** A prefix on loan. */
class RetrievedPrefix implements Retrieved {
  readonly hitTokens: number;
  readonly end: HitEnd;
  readonly chunks: readonly LoadedChunk[];
  readonly #tier: LocalTier;
  #entries: readonly Entry[];

  constructor(tier: LocalTier, gathering: Gathering, hitTokens: number, end: HitEnd, entries: readonly Entry[]) {
    this.#tier = tier;
    this.#entries = entries;
    this.hitTokens = hitTokens;
    this.end = end;
    this.chunks = entries.map((entry, index) => {
      const { start, end: endToken, hash, key } = gathering.chunks[index] as KeyedChunk;
      const { layout, bytes } = entry.tensor as ChunkTensor;
      return {
        start,
        end: endToken,
        hash,
        key,
        layout,
        bytes,
        tier: gathering.wasInMemory(index) ? 'local' : 'remote',
      };
    });
  }

  [Symbol.dispose](): void {
    const entries = this.#entries;
    this.#entries = [];
    this.#tier.unpin(entries);
  }
}

const optionNames: Readonly<Record<keyof KvCacheOptions, true>> = {
  backend: true,
  chunker: true,
  keyFormat: true,
  scope: true,
  layout: true,
  serde: true,
  pool: true,
  local: true,
  stores: true,
  answerMs: true,
  pinMs: true,
  minRetrieveTokens: true,
  asyncLoading: true,
};

const localChoices: readonly string[] = ['LRU', 'LFU', 'FIFO', 'MRU', 'staging-only'];

function checkOptions(options: KvCacheOptions): void {
  assertKnownOptions('kvCache', options, Object.keys(optionNames));
  for (const name of ['chunker', 'keyFormat', 'scope', 'layout', 'pool'] as const) {
    if (typeof options[name] !== 'object' || options[name] === null) {
      throw new KvferryError('CONFIG_INVALID', `kvCache: ${name} is missing`);
    }
  }
  const { chunker, layout, local, answerMs = 1, pinMs = 1, minRetrieveTokens = 0 } = options;
  if (!localChoices.includes(local)) {
    throw new KvferryError(
      'CONFIG_INVALID',
      `kvCache: local is one of ${localChoices.join(', ')}, not ${String(local)}`,
    );
  }
  if (layout.tokens !== chunker.tokensPerChunk) {
    throw new KvferryError(
      'CONFIG_INVALID',
      `kvCache: layout.tokens is ${layout.tokens}, and the chunker cuts chunks of ${chunker.tokensPerChunk}`,
    );
  }
  assertWholeNumber('kvCache', 'the bytes of a chunk by layout', layoutBytes(layout), 1, Number.MAX_SAFE_INTEGER);
  assertWholeNumber('kvCache', 'answerMs', answerMs, 1, MAX_TIMER_MS);
  assertWholeNumber('kvCache', 'pinMs', pinMs, 1, MAX_TIMER_MS);
  assertWholeNumber('kvCache', 'minRetrieveTokens', minRetrieveTokens, 0, Number.MAX_SAFE_INTEGER);
  for (const name of ['stores', 'asyncLoading'] as const) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'boolean') {
      throw new KvferryError('CONFIG_INVALID', `kvCache: ${name} is true or false, not ${String(value)}`);
    }
  }
}

function assertTokens(tokens: unknown): void {
  if (Array.isArray(tokens) || types.isUint32Array(tokens)) return;
  throw new KvferryError('INVALID_ARGUMENT', 'tokens are a Uint32Array or an array of numbers');
}

function checkViews(chunks: readonly KeyedChunk[], into: readonly Uint8Array[]): void {
  if (!Array.isArray(into)) throw new KvferryError('INVALID_ARGUMENT', 'into is an array of Uint8Array');
  for (const [index, chunk] of chunks.slice(0, into.length).entries()) {
    const view: unknown = into[index];
    const expected = layoutBytes(chunk.layout);
    if (types.isUint8Array(view) && view.byteLength === expected) continue;
    const what = types.isUint8Array(view) ? `${view.byteLength} bytes` : 'no Uint8Array';
    throw new KvferryError('INVALID_ARGUMENT', `view ${index} is ${what}; its chunk has ${expected} bytes`);
  }
}

function tensorProblem(tensor: ChunkTensor | undefined, layout: ChunkLayout): string | undefined {
  if (typeof tensor !== 'object' || tensor === null)
    return 'its tensor is missing; only chunks before the first one given are left out';
  if (!types.isUint8Array(tensor.bytes) || typeof tensor.layout !== 'object') return 'a tensor is { layout, bytes }';
  for (const name of ['format', 'dtype', 'layers', 'tokens', 'hidden'] as const) {
    if (tensor.layout[name] === layout[name]) continue;
    return `its tensor's ${name} is ${tensor.layout[name]}, and that of this chunk ${layout[name]}`;
  }
  const expected = layoutBytes(layout);
  return tensor.bytes.byteLength === expected
    ? undefined
    : `its tensor has ${tensor.bytes.byteLength} bytes, and its layout needs ${expected}`;
}

function aborted(signal: AbortSignal): KvferryError {
  return new KvferryError('ABORTED', 'the caller aborted', { cause: signal.reason });
}
