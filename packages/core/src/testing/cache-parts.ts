import { createHash } from 'node:crypto';
import { type BufferPool, bufferPool } from '../buffer-pool.ts';
import { kvCache } from '../cache/create-cache.ts';
import type { KvCache, KvCacheOptions } from '../cache/kv-cache.ts';
import type { Chunk, Chunker, ChunkLayout, ChunkTensor, KeyFormat, KeyScope, Tokens } from '../chunks.ts';
import type { Key } from '../keys.ts';
import { TestStore } from './test-store.ts';
import { patterned } from './values.ts';

const TOKENS_PER_CHUNK = 4;
/** A chunk is exactly one page, so that a pool's budget is a number of chunks. */
export const CHUNK_BYTES = 4096;

export const layout: ChunkLayout = { format: 'KV_2LTD', dtype: 'float16', layers: 8, tokens: 4, hidden: 32 };

export const scope: KeyScope = { modelName: 'model', worldSize: 1, workerId: 0, dtype: 'float16', tags: [] };

export function chainChunker(keepUnfull = false): Chunker {
  return {
    id: 'test chain',
    tokensPerChunk: TOKENS_PER_CHUNK,
    chunk(tokens: Tokens): Chunk[] {
      const chunks: Chunk[] = [];
      let hash = '';
      for (let start = 0; start < tokens.length; start += TOKENS_PER_CHUNK) {
        const end = Math.min(start + TOKENS_PER_CHUNK, tokens.length);
        if (end - start < TOKENS_PER_CHUNK && !keepUnfull) break;
        hash = createHash('sha256')
          .update(`${hash} ${tokens.slice(start, end).join()}`)
          .digest('hex')
          .slice(0, 16);
        chunks.push({ start, end, hash });
      }
      return chunks;
    },
  };
}

export const keyFormat: KeyFormat = {
  id: 'test keys',
  injective: true,
  key: ({ hash }, { modelName, tags }) =>
    [modelName, ...tags.map(([name, value]) => `${name}=${value}`), hash].join('/'),
};

/** The tokens of a sequence of so many chunks. Those of the same `seed` share their prefix. */
export function tokensOf(chunks: number, seed = 1, tail = 0): number[] {
  return Array.from({ length: chunks * TOKENS_PER_CHUNK + tail }, (_, index) => seed * 1000 + index);
}

export function keysOf(tokens: Tokens, tags: KeyScope['tags'] = []): Key[] {
  return chainChunker(true)
    .chunk(tokens)
    .map((chunk) => keyFormat.key(chunk, { ...scope, tags }));
}

/** The tensor's bytes of a chunk, which follow from its hash, as they would from its tokens. */
export function bytesOf(hash: string, byteLength: number = CHUNK_BYTES): Uint8Array {
  return patterned(byteLength, Number.parseInt(hash.slice(0, 6), 16));
}

/** The tensors of a sequence, one for each chunk. */
export function tensorsOf(tokens: Tokens, keepUnfull = false): ChunkTensor[] {
  return chainChunker(keepUnfull)
    .chunk(tokens)
    .map(({ start, end, hash }) => {
      const tokensOfChunk = end - start;
      const byteLength = (CHUNK_BYTES / TOKENS_PER_CHUNK) * tokensOfChunk;
      return { layout: { ...layout, tokens: tokensOfChunk }, bytes: bytesOf(hash, byteLength) };
    });
}

export interface Opened {
  readonly cache: KvCache;
  readonly store: TestStore;
  readonly pool: BufferPool;
}

/** The options of a cache over a store of its own, unless these say otherwise. */
export function cacheOptions(own: Partial<KvCacheOptions> = {}): KvCacheOptions {
  return {
    backend: new TestStore().backend,
    chunker: chainChunker(),
    keyFormat,
    scope,
    layout,
    pool: bufferPool({ maxBytes: 16 * CHUNK_BYTES }),
    local: 'LRU',
    ...own,
  };
}

/** An open cache with memory for so many chunks, over a store of its own unless it is given one. */
export async function openCache(
  options: Partial<KvCacheOptions> & { readonly budget?: number; readonly store?: TestStore } = {},
): Promise<Opened> {
  const { budget = 64, store = new TestStore(), ...own } = options;
  const pool = bufferPool({ maxBytes: budget * CHUNK_BYTES });
  const cache = kvCache(cacheOptions({ backend: store.backend, pool, ...own }));
  await cache.open();
  return { cache, store, pool };
}

/** Puts the chunks of a sequence into the store behind the cache's back. */
export function fill(store: TestStore, tokens: Tokens): Key[] {
  const keys = keysOf(tokens);
  for (const [index, { bytes }] of tensorsOf(tokens).entries()) store.values.set(keys[index] as Key, bytes);
  return keys;
}

/** Lets everything happen that needs no time. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
