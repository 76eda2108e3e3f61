import {
  type Chunker,
  type ChunkLayout,
  type Dtype,
  type KeyFormat,
  type KeyScope,
  type Kv1KeyFormat,
  kv1KeyFormat,
} from '@kvferry/core';
import {
  type ChainIdentity,
  chainIdentity,
  type HashSettings,
  keyScope,
  kvLayout,
  type LmcacheConfig,
  lmcacheChunker,
  lmcacheKeyFormat,
  MULTI_PROCESS_CHAIN,
  multiProcessChunker,
  multiProcessKeyFormat,
  multiProcessScope,
  type RankKeys,
} from '@kvferry/lmcache';

/** What an engine says of itself, as LMCache's metadata has it. */
export interface EngineMetadata {
  /** As the engine was told it: `meta-llama/Llama-3.1-8B-Instruct`, or a path. */
  readonly modelName: string;
  /** Tensor times pipeline parallel size. */
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
  /** `PYTHONHASHSEED` of the engine's process; `null`: not set. This process's variable does not count. */
  readonly pythonHashSeed: string | null;
  /** Whether vLLM is there: its hash functions and its start of the chain are used then. */
  readonly vllm: boolean;
  /** Tags of the request, in order. */
  readonly tags?: KeyScope['tags'] | undefined;
  /** Pipeline parallel size: matters for MLA with `era: mp` or `key_format: kv1`. Default: 1. */
  readonly pipelineStages?: number | undefined;
  /** Decode context parallel size: matters where `pipelineStages` does. Default: 1. */
  readonly decodeContextRanks?: number | undefined;
}

/** How the chunks of one engine are cut, named and laid out. */
export interface ChunkIdentity {
  readonly chunker: Chunker;
  /** With `key_format: kv1` a `Kv1KeyFormat`, which also describes the namespaces of its keys. */
  readonly keyFormat: KeyFormat;
  readonly scope: KeyScope;
  /** False for a rank whose chunks another rank stores (MLA). */
  readonly stores: boolean;
  /** Of a full chunk. */
  readonly layout: ChunkLayout;
}

/**
 * How LMCache, under this configuration, cuts, names and lays out the chunks of this engine: in process, or with `era: mp` as its multi-process server
 * does; with `key_format: kv1` the names are kvferry's own. What `extra_config.kvferry` says of seed, vLLM and Python wins over the engine's metadata. With
 * `save_unfull_chunk` a shorter last chunk is kept, for a local tier: no remote takes it.
 *
 * Rejects with CONFIG_INVALID where no two processes would agree on a hash, INVALID_ARGUMENT for an engine that cannot be, UNSUPPORTED for a hash that kvferry does
 * not compute.
 */
export async function chunkIdentity(config: LmcacheConfig, engine: EngineMetadata): Promise<ChunkIdentity> {
  const { kvferry, chunkTokens } = config;
  const layout = kvLayout({ ...engine.kvShape, dtype: engine.kvDtype }, chunkTokens);
  const { chunker, chain } = await chunksOf(config, engine);
  const ownKeys = kvferry.keyFormat === 'kv1';
  const rank = ownKeys || kvferry.era === 'mp' ? stageScope(engine) : inProcessScope(config, engine);
  return { chunker, keyFormat: ownKeys ? ownKeyFormat(config, engine, chain) : keyFormatOf(config), ...rank, layout };
}

interface Chunks {
  readonly chunker: Chunker;
  readonly chain: ChainIdentity;
}

async function chunksOf(config: LmcacheConfig, engine: EngineMetadata): Promise<Chunks> {
  const { kvferry, chunkTokens } = config;
  if (kvferry.era === 'mp') return { chunker: await multiProcessChunker({ chunkTokens }), chain: MULTI_PROCESS_CHAIN };
  const hash: HashSettings = {
    algorithm: config.hashAlgorithm,
    ...pythonOf(config, engine),
    noneHash: kvferry.noneHash === undefined ? undefined : BigInt(kvferry.noneHash),
    era: kvferry.era ?? 'current',
  };
  const chunker = lmcacheChunker({ chunkTokens, keepUnfull: config.saveUnfullChunk, hash });
  return { chunker, chain: chainIdentity(hash) };
}

function keyFormatOf({ kvferry }: LmcacheConfig): KeyFormat {
  return kvferry.era === 'mp' ? multiProcessKeyFormat({ cacheSalt: kvferry.cacheSalt }) : lmcacheKeyFormat;
}

function ownKeyFormat(
  { kvferry, chunkTokens }: LmcacheConfig,
  engine: EngineMetadata,
  chain: ChainIdentity,
): Kv1KeyFormat {
  const { layers, kvHeads, headSize, mla } = engine.kvShape;
  return kv1KeyFormat({
    layout: { format: mla ? 'KV_MLA_FMT' : 'KV_2LTD', layers, kvHeads, headSize, chunkTokens },
    hash: chain,
    revision: kvferry.revision,
    adapter: kvferry.adapter,
    salt: kvferry.cacheSalt,
    quantisation: kvferry.quantisation,
  });
}

function inProcessScope(config: LmcacheConfig, engine: EngineMetadata): RankKeys {
  return keyScope({
    ...rankOf(engine),
    saveOnlyFirstRank: config.saveOnlyFirstRank,
    remoteEnableMlaWorkerIdAs0: config.remoteEnableMlaWorkerIdAs0,
  });
}

/** Tells pipeline stages apart, which LMCache's in-process form does not for MLA. */
function stageScope(engine: EngineMetadata): RankKeys {
  const { pipelineStages = 1, decodeContextRanks = 1 } = engine;
  return multiProcessScope({ ...rankOf(engine), pipelineStages, decodeContextRanks });
}

function rankOf({ modelName, worldSize, workerId, kvDtype, kvShape, tags = [] }: EngineMetadata) {
  return { modelName, worldSize, workerId, dtype: kvDtype, mla: kvShape.mla, tags } as const;
}

/** What decides the hashes of an engine's Python, by the configuration first. */
export function pythonOf(
  { hashSeedFromEnvironment, kvferry }: LmcacheConfig,
  engine: EngineMetadata,
): Pick<HashSettings, 'vllm' | 'pythonHashSeed' | 'python'> {
  // What an engine says of its own process goes before the variable of this one.
  const seed = (hashSeedFromEnvironment ? undefined : kvferry.pythonHashSeed) ?? engine.pythonHashSeed;
  return {
    vllm: kvferry.vllm ?? engine.vllm,
    pythonHashSeed: seed === 'random' ? null : seed,
    python: pythonSide(kvferry.pythonVersion),
  };
}

/** Which SipHash Python hashes text with changed between 3.10 and 3.11. */
function pythonSide(version: string | undefined): HashSettings['python'] {
  if (version === undefined) return 'from-3.11';
  const minor = Number(version.split('.')[1]);
  return minor <= 10 ? 'up-to-3.10' : 'from-3.11';
}
