import { type Chunk, type ChunkLayout, type Key, type KvCache, layoutBytes } from '@kvferry/core';
import { type LmcacheConfig, lmcacheKeyString } from '@kvferry/lmcache';
import { type ChunkIdentity, chunkIdentity } from '../chunk-identity.ts';
import { frontOf, keyPrefixOf } from '../key-prefix.ts';
import type { LoadedConfig } from '../load-config.ts';
import { cacheFor } from '../open-kv-cache.ts';
import { readConfiguration, requireRemote, sayFindings } from './configuration.ts';
import type { CommandIo } from './io.ts';
import { readEngine } from './model.ts';
import type { SequenceFlags } from './subcommand.ts';
import { readTokens } from './tokens.ts';

/** A chunk as the command names it. */
export interface NamedChunk {
  readonly index: number;
  /** Its first token, and the one after its last. */
  readonly start: number;
  readonly end: number;
  readonly hash: string;
  /** LMCache's key string; with `key_format: kv1` the key itself. */
  readonly key: string;
  /** The object's name in the bucket, `key_prefix` included. */
  readonly objectKey: string;
}

/** A sequence of tokens, its chunks as one engine names them, and the open cache that they go through. */
export interface Sequence {
  readonly tokens: Uint32Array;
  readonly chunks: readonly NamedChunk[];
  readonly layout: ChunkLayout;
  readonly chunkBytes: number;
  readonly cache: KvCache;
  /** Chunks that are in memory at a time, at least one. */
  readonly windowChunks: number;
}

/** Bytes of KV that the command holds at a time, unless one chunk has more: enough for the requests of a fast store. */
const WINDOW_BYTES = 256 * 1024 ** 2;
/** What a pool lends in. */
export const PAGE_BYTES = 4096;

/**
 * Reads what the flags name and opens the store, for as long as `use` runs. Nothing is kept in memory for later, as a process that ends has no later: of the
 * configuration `local_cpu`, `enable_async_loading`, `min_retrieve_tokens` and `save_unfull_chunk` do not count.
 */
export async function withSequence<Result>(
  flags: SequenceFlags,
  io: CommandIo,
  use: (sequence: Sequence) => Promise<Result>,
): Promise<Result> {
  const { signal } = io;
  const loaded = withoutLocalTier(await readConfiguration(flags, io));
  const { config } = loaded;
  sayFindings(loaded, io);
  requireRemote(loaded);
  const engine = await readEngine(flags, config.kvferry.pythonHashSeed ?? null, io);
  const tokens = await readTokens(flags.tokens, io);
  const identity = await chunkIdentity(config, engine);
  const chunks = identity.chunker
    .chunk(tokens)
    .map((chunk, index) => ({ index, ...chunk, ...namesOf(chunk, identity, config) }));
  const chunkBytes = layoutBytes(identity.layout);
  const { cache, pool } = await cacheFor(loaded, identity, { endpoint: flags.endpoint });
  try {
    await cache.open({ signal });
    const lentBytes = Math.ceil(chunkBytes / PAGE_BYTES) * PAGE_BYTES;
    const windowChunks = Math.max(1, Math.floor(Math.min(WINDOW_BYTES, pool.maxBytes) / lentBytes));
    return await use({ tokens, chunks, layout: identity.layout, chunkBytes, cache, windowChunks });
  } finally {
    await cache.close();
  }
}

function withoutLocalTier(loaded: LoadedConfig): LoadedConfig {
  const off = { localCpu: false, enableAsyncLoading: false, minRetrieveTokens: 0, saveUnfullChunk: false };
  return { ...loaded, config: { ...loaded.config, ...off } };
}

function namesOf(
  chunk: Chunk,
  { keyFormat, scope }: ChunkIdentity,
  config: LmcacheConfig,
): { readonly key: string; readonly objectKey: Key } {
  const own = keyFormat.key(chunk, scope);
  return {
    key: keyFormat.id === 'lmcache' ? lmcacheKeyString(chunk, scope) : own,
    objectKey: frontOf(keyPrefixOf(config)) + own,
  };
}
