import { type Dtype, type KeyScope, KvferryError } from '@kvferry/core';

/** One rank of an engine, as the engine itself counts. */
export interface EngineRank {
  /** As the engine was told it. */
  readonly modelName: string;
  /** Tensor times pipeline parallel size. */
  readonly worldSize: number;
  /** This rank, from 0. */
  readonly workerId: number;
  readonly dtype: Dtype;
  /** Whether the model has multi-head latent attention, so that every tensor parallel rank holds the same cache. */
  readonly mla: boolean;
  readonly tags: KeyScope['tags'];
  /** `extra_config.save_only_first_rank`. Default: true; without MLA it means nothing. */
  readonly saveOnlyFirstRank: boolean | undefined;
  /** `extra_config.remote_enable_mla_worker_id_as0`. Default: true; without MLA it means nothing. */
  readonly remoteEnableMlaWorkerIdAs0: boolean | undefined;
}

/** Where a rank's chunks are, and whether it is the one that writes them. */
export interface RankKeys {
  readonly scope: KeyScope;
  /** False for a rank whose chunks another rank stores. */
  readonly stores: boolean;
}

/**
 * The scope that a rank's keys have in LMCache. Without MLA it is the rank's own. With MLA the ranks share rank 0's objects: the world size is
 * 1 unless `saveOnlyFirstRank` is false, the worker id 0 unless both options are false, and only rank 0 stores.
 *
 * With `saveOnlyFirstRank`, ranks of LMCache other than 0 do not read at all but are sent what rank 0 read; the scope names the same objects.
 *
 * Throws INVALID_ARGUMENT for a rank outside its world.
 */
export function keyScope(rank: EngineRank): RankKeys {
  const { modelName, worldSize, workerId, dtype, tags } = rank;
  checkRank(worldSize, workerId);
  const onlyFirstRank = rank.mla && (rank.saveOnlyFirstRank ?? true);
  const workerIdAs0 = rank.mla && (rank.remoteEnableMlaWorkerIdAs0 ?? true);
  const shared = onlyFirstRank || workerIdAs0;
  return {
    scope: {
      modelName,
      worldSize: onlyFirstRank ? 1 : worldSize,
      workerId: shared ? 0 : workerId,
      dtype,
      tags,
    },
    stores: !shared || workerId === 0,
  };
}

/** One rank of an engine whose ranks are told apart as LMCache's multi-process server does. */
export interface MultiProcessRank
  extends Pick<EngineRank, 'modelName' | 'worldSize' | 'workerId' | 'dtype' | 'mla' | 'tags'> {
  /** Pipeline parallel size. Looked at for MLA alone. */
  readonly pipelineStages: number;
  /** Decode context parallel size. Looked at for MLA alone. */
  readonly decodeContextRanks: number;
}

/**
 * The scope that a rank has at LMCache's multi-process server, one server for all ranks. Without MLA it is the rank's own. With MLA the tensor parallel
 * ranks of a pipeline stage hold the same cache, split over the decode context ranks where there are some: the world is stages × decode context
 * ranks, and of those that share a place in it the first stores.
 *
 * Throws INVALID_ARGUMENT for a rank outside its world, and for a world that does not divide into its stages.
 */
export function multiProcessScope(rank: MultiProcessRank): RankKeys {
  const { modelName, worldSize, workerId, dtype, mla, tags, pipelineStages, decodeContextRanks } = rank;
  checkRank(worldSize, workerId);
  if (!mla) return { scope: { modelName, worldSize, workerId, dtype, tags }, stores: true };
  const tensorRanks = worldSize / pipelineStages;
  if (!isCount(pipelineStages) || !Number.isSafeInteger(tensorRanks)) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `${worldSize} ranks do not divide into ${pipelineStages} pipeline stages`,
    );
  }
  if (!isCount(decodeContextRanks) || decodeContextRanks > tensorRanks) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `decodeContextRanks is an integer from 1 to the ${tensorRanks} ranks of a stage, not ${decodeContextRanks}`,
    );
  }
  const stage = Math.floor(workerId / tensorRanks);
  const tensorRank = workerId % tensorRanks;
  return {
    scope: {
      modelName,
      worldSize: pipelineStages * decodeContextRanks,
      workerId: stage * decodeContextRanks + (tensorRank % decodeContextRanks),
      dtype,
      tags,
    },
    stores: tensorRank < decodeContextRanks,
  };
}

function checkRank(worldSize: number, workerId: number): void {
  if (isCount(worldSize) && Number.isSafeInteger(workerId) && workerId >= 0 && workerId < worldSize) return;
  throw new KvferryError(
    'INVALID_ARGUMENT',
    `workerId is an integer from 0 to below worldSize; given are workerId ${workerId} and worldSize ${worldSize}`,
  );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}
