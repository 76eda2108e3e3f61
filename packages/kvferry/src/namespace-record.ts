import type {
  CacheInfo,
  CacheRequestOptions,
  CacheStats,
  CallOptions,
  ChunkTensor,
  KeyFormat,
  KeyScope,
  Kv1KeyFormat,
  KvCache,
  Lookup,
  LookupOptions,
  Prefetch,
  PutItem,
  RemoteBackend,
  Retrieved,
  RetrieveOptions,
  StoredChunk,
  Tokens,
} from '@kvferry/core';

/** Where and as what a cache stores its chunks. */
export interface NamespaceRecord {
  readonly backend: RemoteBackend;
  readonly keyFormat: Kv1KeyFormat;
  /** The cache's own scope; a request's tags take the place of its tags. */
  readonly scope: KeyScope;
  /** The longest that writing a description may take, in milliseconds. */
  readonly answerMs: number;
}

export function isKv1Format(format: KeyFormat): format is Kv1KeyFormat {
  return format.id === 'kv1' && 'namespace' in format;
}

/**
 * A cache whose first `store` of something also writes down, beside the chunks, what the namespace of its keys stands for, so that the bucket says itself what it
 * holds. Where that fails, the next `store` tries again; no chunk is lost over it.
 */
export function recordNamespaces(cache: KvCache, record: NamespaceRecord): KvCache {
  return new RecordingCache(cache, record);
}

class RecordingCache implements KvCache {
  readonly #cache: KvCache;
  readonly #record: NamespaceRecord;
  /** Namespaces known to be written down: one, and one more for each set of tags. */
  readonly #written = new Set<string>();

  constructor(cache: KvCache, record: NamespaceRecord) {
    this.#cache = cache;
    this.#record = record;
  }

  get info(): CacheInfo {
    return this.#cache.info;
  }

  get stats(): CacheStats {
    return this.#cache.stats;
  }

  async store(
    tokens: Tokens,
    chunks: readonly (ChunkTensor | undefined)[],
    options: CacheRequestOptions = {},
  ): Promise<readonly StoredChunk[]> {
    const stored = await this.#cache.store(tokens, chunks, options);
    if (stored.some(({ result }) => result.status === 'stored')) await this.#write(options);
    return stored;
  }

  async #write({ tags, signal }: CacheRequestOptions): Promise<void> {
    const { backend, keyFormat, scope, answerMs } = this.#record;
    const { id, key, json } = keyFormat.namespace(tags === undefined ? scope : { ...scope, tags });
    if (this.#written.has(id)) return;
    // Too many to remember: writing one again does no harm.
    if (this.#written.size >= 10_000) this.#written.clear();
    const deadline = AbortSignal.timeout(answerMs);
    const call = { signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]) };
    const item = { key, parts: [Buffer.from(json)] };
    try {
      if (await putOnce(backend, item, call)) this.#written.add(id);
    } catch {
      // Aborted, or closed meanwhile: the chunks are stored, and that is what the caller is told.
    }
  }

  open(options?: CallOptions): Promise<void> {
    return this.#cache.open(options);
  }

  lookup(tokens: Tokens, options?: LookupOptions): Promise<Lookup> {
    return this.#cache.lookup(tokens, options);
  }

  retrieve(tokens: Tokens, options?: RetrieveOptions): Promise<Retrieved> {
    return this.#cache.retrieve(tokens, options);
  }

  retrieveInto(tokens: Tokens, into: readonly Uint8Array[], options?: RetrieveOptions): Promise<Lookup> {
    return this.#cache.retrieveInto(tokens, into, options);
  }

  prefetch(tokens: Tokens, options?: RetrieveOptions): Prefetch {
    return this.#cache.prefetch(tokens, options);
  }

  close(): Promise<void> {
    return this.#cache.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Stores a value unless it is there. Whether it is there now. */
async function putOnce(backend: RemoteBackend, item: PutItem, call: CallOptions): Promise<boolean> {
  const { create } = backend.capabilities;
  if (!create) {
    const [found] = await backend.stat([item.key], call);
    if (found?.status === 'hit') return true;
  }
  const [result] = await backend.put([item], { ...call, mode: create ? 'create' : 'replace' });
  return result?.status === 'stored' || result?.status === 'exists';
}
