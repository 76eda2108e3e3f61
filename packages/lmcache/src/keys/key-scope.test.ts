import { KvferryError } from '@kvferry/core';
import { describe, expect, it } from 'vitest';
import { type EngineRank, keyScope } from './key-scope.ts';

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
