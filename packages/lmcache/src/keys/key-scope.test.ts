import { KvferryError } from '@kvferry/core';
import { describe, expect, it } from 'vitest';
import { type EngineRank, keyScope, multiProcessScope } from './key-scope.ts';

const rank: EngineRank = {
  modelName: 'deep/mla',
  worldSize: 8,
  workerId: 3,
  dtype: 'bfloat16',
  mla: true,
  tags: [['user', 'u1']],
  saveOnlyFirstRank: undefined,
  remoteEnableMlaWorkerIdAs0: undefined,
};

describe('keyScope', () => {
  it.each([
    // mla, save_only_first_rank, as0: world size, worker id, stores (LMCache: token_database.py, cache_engine.py, remote_backend.py)
    [false, undefined, undefined, 8, 3, true],
    [false, true, true, 8, 3, true],
    [true, undefined, undefined, 1, 0, false],
    [true, true, true, 1, 0, false],
    [true, true, false, 1, 0, false],
    [true, false, undefined, 8, 0, false],
    [true, false, true, 8, 0, false],
    [true, false, false, 8, 3, true],
  ] as const)('mla %s, saveOnlyFirstRank %s, as0 %s', (mla, first, as0, worldSize, workerId, stores) => {
    const keys = keyScope({ ...rank, mla, saveOnlyFirstRank: first, remoteEnableMlaWorkerIdAs0: as0 });
    expect(keys).toEqual({
      scope: { modelName: 'deep/mla', worldSize, workerId, dtype: 'bfloat16', tags: [['user', 'u1']] },
      stores,
    });
  });

  it('lets rank 0 store in every case', () => {
    for (const mla of [true, false]) {
      for (const saveOnlyFirstRank of [true, false, undefined]) {
        for (const remoteEnableMlaWorkerIdAs0 of [true, false, undefined]) {
          const keys = keyScope({ ...rank, workerId: 0, mla, saveOnlyFirstRank, remoteEnableMlaWorkerIdAs0 });
          expect(keys.stores).toBe(true);
          expect(keys.scope.workerId).toBe(0);
        }
      }
    }
  });

  it.each([{ workerId: 8 }, { workerId: -1 }, { workerId: 0.5 }, { worldSize: 0, workerId: 0 }])(
    'refuses a rank outside its world: %j',
    (wrong) => {
      expect(() => keyScope({ ...rank, ...wrong })).toThrow(KvferryError);
    },
  );
});

describe('multiProcessScope', () => {
  const multi = { ...rank, pipelineStages: 1, decodeContextRanks: 1 };

  it.each([
    // mla, world, rank, stages, decode context ranks: world size, worker id, stores (LMCache: vllm_multi_process_adapter.py)
    [false, 8, 3, 1, 1, 8, 3, true],
    [false, 8, 3, 2, 1, 8, 3, true],
    [true, 8, 0, 1, 1, 1, 0, true],
    [true, 8, 3, 1, 1, 1, 0, false],
    [true, 8, 3, 2, 1, 2, 0, false],
    [true, 8, 4, 2, 1, 2, 1, true],
    [true, 8, 5, 2, 1, 2, 1, false],
    [true, 8, 1, 1, 2, 2, 1, true],
    [true, 8, 2, 1, 2, 2, 0, false],
    [true, 8, 5, 2, 2, 4, 3, true],
    [true, 8, 7, 2, 2, 4, 3, false],
  ] as const)('mla %s, rank %s/%s, stages %s, decode context %s', (...row) => {
    const [mla, worldSize, workerId, pipelineStages, decodeContextRanks, world, worker, stores] = row;
    const keys = multiProcessScope({ ...multi, mla, worldSize, workerId, pipelineStages, decodeContextRanks });
    expect(keys).toEqual({
      scope: { modelName: 'deep/mla', worldSize: world, workerId: worker, dtype: 'bfloat16', tags: [['user', 'u1']] },
      stores,
    });
  });

  it('has one rank that stores for every place in the world', () => {
    for (const pipelineStages of [1, 2, 4]) {
      for (const decodeContextRanks of [1, 2]) {
        const all = Array.from({ length: 8 }, (_, workerId) =>
          multiProcessScope({ ...multi, workerId, pipelineStages, decodeContextRanks }),
        );
        const storing = all.filter(({ stores }) => stores).map(({ scope }) => scope.workerId);
        expect(storing).toEqual(Array.from({ length: pipelineStages * decodeContextRanks }, (_, index) => index));
      }
    }
  });

  it.each([
    { workerId: 8 },
    { pipelineStages: 3 },
    { pipelineStages: 0 },
    { decodeContextRanks: 0 },
    { decodeContextRanks: 9 },
  ])('refuses %j', (wrong) => {
    expect(() => multiProcessScope({ ...multi, ...wrong })).toThrow(KvferryError);
  });
});
