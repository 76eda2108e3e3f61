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
  if (!Number.isSafeInteger(worldSize) || !Number.isSafeInteger(workerId) || workerId < 0 || workerId >= worldSize) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `workerId is an integer from 0 to below worldSize; given are workerId ${workerId} and worldSize ${worldSize}`,
    );
  }
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
