import type { CallOptions, Failed, Miss, PutResult, RemoteBackend } from '../backend.ts';
import type { BufferPool } from '../buffer-pool.ts';
import type { Chunk, Chunker, ChunkLayout, ChunkTensor, KeyFormat, KeyScope, Tokens } from '../chunks.ts';
import type { Key } from '../keys.ts';
import type { PrefixEnd } from '../longest-prefix.ts';
import type { Serde } from '../serde.ts';

/** Options of every request to a cache. */
export interface CacheRequestOptions extends CallOptions {
  /** Tags of this request, in order, in place of those of the cache's scope. */
  readonly tags?: KeyScope['tags'] | undefined;
}

/** Options of what loads a prefix. */
export interface RetrieveOptions extends CacheRequestOptions {
  /**
   * So many tokens the caller has already, those of a whole number of chunks: they are neither asked for nor loaded nor given, and count as hit. What was
   * loaded ahead for the same retrieval and lies before them waits no longer. Default: 0.
   */
  readonly skipTokens?: number | undefined;
}

export interface LookupOptions extends CacheRequestOptions {
  /** Asks for every chunk, side by side, instead of searching, and names each: `Lookup.chunks`. Default: false. */
  readonly exact?: boolean | undefined;
}

/** Why a hit ends where it does, so that an outage never reads as a cold cache. */
export type HitEnd =
  | PrefixEnd
  /**
   * Of what loads: fewer tokens would be loaded than the cache's `minRetrieveTokens`, so nothing was; `hitTokens` are stored. Where an outage ends it, it
   * is `failed` nevertheless.
   */
  | { readonly status: 'below-minimum'; readonly hitTokens: number };

/** The stored prefix of a token sequence, in whole chunks. */
export interface Lookup {
  /** Tokens of the prefix: those of all chunks before the first that is missing, short, or not answered for. */
  readonly hitTokens: number;
  readonly end: HitEnd;
  /** Every chunk of the sequence, in order, holes included; `undefined` where it was not asked for by `exact`. */
  readonly chunks: readonly ChunkPresence[] | undefined;
}

/** One chunk, as the cache found it. */
export interface ChunkPresence extends Chunk {
  readonly key: Key;
  readonly found:
    | { readonly status: 'hit'; readonly tier: 'local' | 'remote' }
    /** Stored with another size than a full chunk's, so no hit. The next `store` replaces it. */
    | { readonly status: 'wrong-size'; readonly byteLength: number }
    | Miss
    | Failed;
}

/** A chunk in memory: its tensor's bytes are valid until the result that holds it is disposed of. */
export interface LoadedChunk extends Chunk, ChunkTensor {
  readonly key: Key;
  /** `local`: it lay in the cache's memory when it was asked for. `remote`: it was loaded for this request, or was on its way. */
  readonly tier: 'local' | 'remote';
}

/**
 * A loaded prefix. Its memory is the cache's, on loan: whoever asked disposes of the result when it is done with the bytes; doing so again does nothing.
 */
export interface Retrieved extends Disposable {
  /** Of the whole sequence, `skipTokens` included. */
  readonly hitTokens: number;
  readonly end: HitEnd;
  /** The chunks of the prefix from `skipTokens` on, in order, none missing. */
  readonly chunks: readonly LoadedChunk[];
}

/** What became of one chunk of a `store`. */
export interface StoredChunk extends Chunk {
  readonly key: Key;
  readonly result:
    | PutResult
    /**
     * Not sent. `present`: it is there already. `other-rank`: another rank stores it (MLA). `short`: the shorter tail of a sequence, which only the
     * local tier keeps, since a shared bucket holds full chunks alone. `no-remote`: there is no remote to send to.
     */
    | { readonly status: 'skipped'; readonly reason: 'present' | 'other-rank' | 'short' | 'no-remote' };
}

/**
 * A load that runs ahead of its use. Disposing of it before it was retrieved aborts what is still under way, unless somebody else waits for it, and gives
 * back what is still waiting.
 */
export interface Prefetch extends Disposable {
  /** What was really loaded: a contiguous prefix. Never rejects but with ABORTED, when it is disposed of or its signal fires first. */
  readonly loaded: Promise<Lookup>;
}

/**
 * The KV cache of one rank of one engine: a local tier in memory over a remote backend.
 *
 * **Chunks.** One tensor per chunk, in the chunk's own byte order: nothing is gathered, and nothing is copied but into the local tier. Only full
 * chunks reach the remote; the shorter tail of a sequence is kept in the local tier alone. A chunk whose stored size is not a full chunk's (`miss`), or whose
 * bytes are not what their checksum says (`failed` with CORRUPT), is no hit: the prefix ends before it, and the next `store` of this cache replaces it.
 *
 * **Belief.** What the remote was seen to hold is remembered for 30 s, and a prefix that was searched for is taken to have no holes. So a `lookup` may say
 * more than there is; what loads checks every chunk, ends where one is missing, and drops what was believed of the sequence. That a chunk is
 * absent is never believed without asking.
 *
 * **Time.** Whatever the remote does, `lookup`, `retrieve`, `retrieveInto` and `prefetch` answer within `answerMs`: what has arrived in order by
 * then counts, the rest is `end: failed` with TIMEOUT. A `store` has `answerMs` for its questions and, beyond it, the time that its bytes take at 8 MiB/s. A remote
 * that is down is not a miss: `end` carries its error. Nothing that was begun behind the end of a prefix runs on when the answer is given, but what others
 * wait for.
 *
 * **Memory.** Everything loaded lies in the pool, whose budget is never exceeded. Who waits for memory waits in order of asking, at most until its
 * deadline, and holds none meanwhile but what it was given in its turn; a prefix of which only a part fits into the budget ends there with TOO_LARGE, at once.
 * Entries on loan are pinned; others are evicted by the policy, of one sequence the suffix before the prefix. A chunk that is being loaded into the
 * cache's memory is loaded once, however many wait for it.
 *
 * **Rejection.** A promise rejects only for the call itself: INVALID_ARGUMENT (tokens, tensors of another layout, `skipTokens`), NOT_OPEN, or ABORTED, when
 * the caller's own signal fires; an abort settles once no memory of the caller's is read or written any more. Loads that nobody else waits for end with it.
 */
export interface KvCache extends AsyncDisposable {
  readonly info: CacheInfo;
  readonly stats: CacheStats;

  /** Opens the remote. Resolves at once when open. Rejects with what the backend's `open` rejects with; it may be tried again. */
  open(options?: CallOptions): Promise<void>;

  /**
   * Stores the chunks of a sequence: one tensor for each chunk that the chunker cuts, in order. It asks for each chunk whether it is there, never inferring it
   * from a later one, and sends what is missing, `create` where the backend can; what is bad is replaced. A chunk that was asked for and not answered for
   * is `failed` and not sent. Chunks before the first one given may be left out by `undefined`: they are neither asked for nor sent, and have no
   * result. The tensors are borrowed until the promise settles. The local tier keeps a copy of as many as there is room for without waiting.
   */
  store(
    tokens: Tokens,
    chunks: readonly (ChunkTensor | undefined)[],
    options?: CacheRequestOptions,
  ): Promise<readonly StoredChunk[]>;

  /**
   * Finds the stored prefix, in at most 3 round trips (one more search for each hole of the remote that the local tier fills). With asynchronous
   * loading it also loads it, side by side with others, and answers with what was really loaded; the chunks then wait, pinned, until they are retrieved or
   * `pinMs` has passed.
   */
  lookup(tokens: Tokens, options?: LookupOptions): Promise<Lookup>;

  /** Loads the stored prefix, or what of it lies behind `skipTokens`, into memory of the cache. */
  retrieve(tokens: Tokens, options?: RetrieveOptions): Promise<Retrieved>;

  /**
   * Loads the stored prefix into the caller's memory, one view of exactly a chunk's bytes per chunk from `skipTokens` on, at most as many chunks as there are
   * views, which do not overlap. What comes from the remote is written there without a copy. Views behind the prefix have unspecified content. Nothing is written once the
   * promise has settled.
   */
  retrieveInto(tokens: Tokens, into: readonly Uint8Array[], options?: RetrieveOptions): Promise<Lookup>;

  /**
   * Begins to load the stored prefix, to be retrieved later. The chunks wait, pinned, until they are retrieved or `pinMs` has passed. Throws
   * INVALID_ARGUMENT and NOT_OPEN.
   */
  prefetch(tokens: Tokens, options?: RetrieveOptions): Prefetch;

  /**
   * Closes for ever: what is under way ends, with what has come in order by then and the rest `failed` with ABORTED, and the remote is closed. Memory on
   * loan stays valid until its holder disposes of it. Calling it again gives the same answer.
   */
  close(): Promise<void>;
}

/** What a cache is made of, for messages. No secret. */
export interface CacheInfo {
  readonly chunker: string;
  readonly keyFormat: string;
  readonly serde: string;
  /** The remote as `scheme://namespace`; `undefined`: there is none. */
  readonly remote: string | undefined;
  readonly chunkBytes: number;
  readonly local: CachePolicy | 'staging-only';
  readonly asyncLoading: boolean;
  readonly budgetBytes: number;
}

/** `LRU`, `LFU` (FIFO within a frequency), `FIFO`, `MRU`: the order in which the local tier evicts, as in LMCache. */
export type CachePolicy = 'LRU' | 'LFU' | 'FIFO' | 'MRU';

/** Counts since the cache was made, and what it holds now. */
export interface CacheStats {
  /** Chunks given out that lay in memory. */
  readonly localHits: number;
  /** Chunks loaded from the remote. */
  readonly remoteHits: number;
  /** Requests for a prefix that ended at a chunk that is not stored. */
  readonly misses: number;
  /** Chunks that came with a wrong checksum or size. */
  readonly corrupt: number;
  /** Requests for a prefix that ended `failed`, and chunks that could not be stored. */
  readonly failures: number;
  /** Chunks that the remote took. */
  readonly storedChunks: number;
  /** Bytes copied: what was kept in the local tier of tensors and views of the caller's, and what `retrieveInto` took out of the cache's memory. */
  readonly copiedBytes: number;
  /** Questions whether a chunk is there, and the round trips they took. */
  readonly probes: number;
  readonly probeRounds: number;
  readonly evictions: number;
  readonly localEntries: number;
  readonly pinnedEntries: number;
  readonly leasedBytes: number;
  /** Chunks that are being loaded into the cache's memory. */
  readonly loading: number;
}

/** Options of `kvCache`. */
export interface KvCacheOptions {
  /** The remote, opened and closed with the cache. `undefined`: the local tier alone. */
  readonly backend: RemoteBackend | undefined;
  readonly chunker: Chunker;
  readonly keyFormat: KeyFormat;
  /** Whose chunks these are; its tags count where a request has none of its own. */
  readonly scope: KeyScope;
  /** Layout of a full chunk: `layout.tokens` is the chunker's `tokensPerChunk`. */
  readonly layout: ChunkLayout;
  /** Default: `naiveSerde`. */
  readonly serde?: Serde | undefined;
  /** Where everything loaded lies. The cache's alone: whoever waits for memory is woken by the cache's own returns. */
  readonly pool: BufferPool;
  /** The local tier's policy; `staging-only` keeps nothing but what is under way or waits to be retrieved. */
  readonly local: CachePolicy | 'staging-only';
  /** False for a rank whose chunks another rank stores. Default: true. */
  readonly stores?: boolean | undefined;
  /** What an answer may take, in milliseconds (`blocking_timeout_secs`). Default: 10,000. */
  readonly answerMs?: number | undefined;
  /** How long what was loaded ahead waits to be retrieved, in milliseconds (`pin_timeout_sec`). Default: 300,000. */
  readonly pinMs?: number | undefined;
  /** Where fewer tokens would be loaded, nothing is (`min_retrieve_tokens`). Default: 0. */
  readonly minRetrieveTokens?: number | undefined;
  /** `lookup` loads what it finds (`enable_async_loading`). Default: false. */
  readonly asyncLoading?: boolean | undefined;
}
