import { type Chunk, KvferryError } from '@kvferry/core';
import type { LmcacheConfig } from '@kvferry/lmcache';
import { type ChunkIdentity, chunkIdentity, type EngineMetadata } from '../chunk-identity.ts';
import { type StoredGroup, StoredSummary } from '../inspect/stored-group.ts';
import { frontOf, keyPrefixOf } from '../key-prefix.ts';

/** Of an engine, what makes up the names of its chunks, as a model file says it. */
export type EngineField = 'model_name' | 'world_size' | 'worker_id' | 'kv_dtype';

/** The engine that a person named, and where to change what was said of it. */
export interface NamedEngine {
  readonly metadata: EngineMetadata;
  /** The line that says another value. */
  readonly line: (field: EngineField, value: string | number) => string;
}

/** An engine, and the names that its chunks have under a configuration. */
export interface KnownEngine extends NamedEngine {
  readonly identity: ChunkIdentity;
  /** What a listing would say of its chunks. */
  readonly expected: StoredGroup;
  /** Where no two processes share a hash: why. Everything else holds all the same. */
  readonly random: KvferryError | undefined;
}

/** Says how an engine's chunks are named. Throws INVALID_ARGUMENT for an engine that cannot be. */
export async function knownEngine(config: LmcacheConfig, named: NamedEngine): Promise<KnownEngine> {
  const { identity, random } = await identityOf(config, named.metadata);
  const end = identity.chunker.tokensPerChunk;
  const chunk: Chunk = { hash: '0'.repeat(config.kvferry.era === 'mp' ? 64 : 1), start: 0, end };
  const summary = new StoredSummary();
  const key = identity.keyFormat.key(chunk, identity.scope);
  const keyPrefix = keyPrefixOf(config);
  summary.add(frontOf(keyPrefix) + key, keyPrefix, 0, undefined);
  return { ...named, identity, expected: summary.groups()[0] as StoredGroup, random };
}

async function identityOf(
  config: LmcacheConfig,
  engine: EngineMetadata,
): Promise<Pick<KnownEngine, 'identity' | 'random'>> {
  try {
    return { identity: await chunkIdentity(config, engine), random: undefined };
  } catch (thrown) {
    if (!KvferryError.is(thrown) || thrown.code !== 'CONFIG_INVALID') throw thrown;
    // With a hash that is never random the rest can be said. Its own names nobody has.
    return { identity: await chunkIdentity({ ...config, hashAlgorithm: 'sha256_cbor' }, engine), random: thrown };
  }
}
