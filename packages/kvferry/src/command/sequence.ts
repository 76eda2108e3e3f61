import { type Chunk, type ChunkLayout, type Key, type KvCache, KvferryError, layoutBytes } from '@kvferry/core';
import { formatFinding, type LmcacheConfig, lmcacheKeyString } from '@kvferry/lmcache';
import pc from 'picocolors';
import { type ChunkIdentity, chunkIdentity } from '../chunk-identity.ts';
import { type LoadedConfig, loadConfig } from '../load-config.ts';
import { cacheFor } from '../open-kv-cache.ts';
import { readInput } from './input-file.ts';
import { type CommandIo, say } from './io.ts';
import { readEngine } from './model.ts';
import type { SequenceFlags } from './subcommand.ts';
import { parseTokens } from './tokens.ts';

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
  const loaded = withoutLocalTier(await loadConfig({ file: flags.config, env: io.env, placeholders: flags.set }));
  const { config } = loaded;
  for (const finding of loaded.findings) {
    // Opening the store makes errors of the others, unless it is another store.
    if (finding.scope === 'always') say(io.stderr, pc.yellow(formatFinding(finding)));
  }
  if (config.remoteUrl === undefined) {
    throw new KvferryError('CONFIG_INVALID', `${loaded.file} names no remote. Write: remote_url: "s3://<bucket>"`);
  }
  const engine = await readEngine(flags, config.kvferry.pythonHashSeed ?? null, io);
  const tokens = parseTokens(flags.tokens, await readInput('--tokens', flags.tokens, io));
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
  { kvferry }: LmcacheConfig,
): { readonly key: string; readonly objectKey: Key } {
  const own = keyFormat.key(chunk, scope);
  const prefix = kvferry.keyPrefix?.replace(/\/$/, '');
  return {
    key: keyFormat.id === 'lmcache' ? lmcacheKeyString(chunk, scope) : own,
    objectKey: prefix === undefined ? own : `${prefix}/${own}`,
  };
}
