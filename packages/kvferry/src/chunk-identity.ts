import { type Chunker, type ChunkLayout, type Dtype, type KeyFormat, type KeyScope, KvferryError } from '@kvferry/core';
import {
  type HashSettings,
  keyScope,
  kvLayout,
  type LmcacheConfig,
  lmcacheChunker,
  lmcacheKeyFormat,
} from '@kvferry/lmcache';

/** What an engine says of itself, as LMCache's metadata has it. */
export interface EngineMetadata {
  /** As the engine was told it: `meta-llama/Llama-3.1-8B-Instruct`, or a path. */
  readonly modelName: string;
  readonly worldSize: number;
  /** This rank, from 0. */
  readonly workerId: number;
  /** Element type of the KV cache, by torch's name. */
  readonly kvDtype: Dtype;
  readonly kvShape: {
    /** Layers of this pipeline stage. */
    readonly layers: number;
    /** KV heads of this rank. */
    readonly kvHeads: number;
    readonly headSize: number;
    /** Multi-head latent attention: one plane, `headSize` is the latent's size. */
    readonly mla: boolean;
  };
  /** `PYTHONHASHSEED` of the engine's process; `null`: not set. */
  readonly pythonHashSeed: string | null;
  /** Whether vLLM is there: its hash functions and its start of the chain are used then. */
  readonly vllm: boolean;
  /** Tags of the request, in order. */
  readonly tags?: KeyScope['tags'] | undefined;
}

/** How the chunks of one engine are cut, named and laid out. */
export interface ChunkIdentity {
  readonly chunker: Chunker;
  readonly keyFormat: KeyFormat;
  readonly scope: KeyScope;
  /** False for a rank whose chunks another rank stores (MLA). */
  readonly stores: boolean;
  readonly layout: ChunkLayout;
}

/**
 * How LMCache, under this configuration, cuts, names and lays out the chunks of this engine. What `extra_config.kvferry` says of seed, vLLM and Python
 * wins over the engine's metadata. Throws CONFIG_INVALID where no two processes would agree on a hash.
 */
export function chunkIdentity(config: LmcacheConfig, engine: EngineMetadata): ChunkIdentity {
  const { kvferry } = config;
  if (kvferry.era === 'mp') {
    throw new KvferryError(
      'UNSUPPORTED',
      "era: mp, the key form of LMCache's multi-process server, cannot be opened yet; leave era out for the in-process form",
    );
  }
  const seed = kvferry.pythonHashSeed ?? engine.pythonHashSeed;
  const hash: HashSettings = {
    algorithm: config.hashAlgorithm,
    vllm: kvferry.vllm ?? engine.vllm,
    pythonHashSeed: seed === 'random' ? null : seed,
    python: pythonSide(kvferry.pythonVersion),
    noneHash: kvferry.noneHash === undefined ? undefined : BigInt(kvferry.noneHash),
    era: kvferry.era ?? 'current',
  };
  const rank = keyScope({
    modelName: engine.modelName,
    worldSize: engine.worldSize,
    workerId: engine.workerId,
    dtype: engine.kvDtype,
    mla: engine.kvShape.mla,
    tags: engine.tags ?? [],
    saveOnlyFirstRank: config.saveOnlyFirstRank,
    remoteEnableMlaWorkerIdAs0: config.remoteEnableMlaWorkerIdAs0,
  });
  return {
    chunker: lmcacheChunker({ chunkTokens: config.chunkTokens, hash }),
    keyFormat: lmcacheKeyFormat,
    scope: rank.scope,
    stores: rank.stores,
    layout: kvLayout({ ...engine.kvShape, dtype: engine.kvDtype }, config.chunkTokens),
  };
}

/** Which SipHash Python hashes text with changed between 3.10 and 3.11. */
function pythonSide(version: string | undefined): HashSettings['python'] {
  if (version === undefined) return 'from-3.11';
  const minor = Number(version.split('.')[1]);
  return minor <= 10 ? 'up-to-3.10' : 'from-3.11';
}
