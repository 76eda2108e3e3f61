import { type KeyScope, KvferryError, keyProblem } from '@kvferry/core';
import { describe, expect, it } from 'vitest';
import { golden, pythonQuote, vectors } from '../testing/vectors.ts';
import { multiProcessKeyFormat } from './multi-process.ts';

const hash = '0'.repeat(64);
const scope: KeyScope = { modelName: 'org/model', worldSize: 2, workerId: 1, dtype: 'bfloat16', tags: [] };

describe('multiProcessKeyFormat', () => {
  it.each(vectors.mp_object_keys)('$object_key', (vector) => {
    const format = multiProcessKeyFormat({ objectGroupId: vector.object_group_id, cacheSalt: vector.cache_salt });
    const key = format.key(
      { start: 0, end: 256, hash: vector.chunk_hash_hex },
      { ...scope, modelName: vector.model, worldSize: vector.kv_world_size, workerId: vector.kv_worker_id },
    );
    expect(key).toBe(vector.object_key);
    expect(`/${pythonQuote(key)}`).toBe(vector.http_path);
    expect(keyProblem(key)).toBeUndefined();
  });

  it.each(golden.mp_sets.flatMap(({ spec, chunks }) => chunks.map((chunk) => ({ spec, chunk }))))(
    'has the key that LMCache wrote: $chunk.object.key',
    ({ spec, chunk }) => {
      const format = multiProcessKeyFormat({ objectGroupId: spec.object_group_id, cacheSalt: chunk.cache_salt });
      const key = format.key(
        { start: chunk.start, end: chunk.end, hash: chunk.chunk_hash_hex },
        { ...scope, modelName: spec.model_name, worldSize: spec.world_size, workerId: spec.worker_id },
      );
      expect(key).toBe(chunk.object.key);
      expect(`/${pythonQuote(key)}`).toBe(chunk.http_path);
    },
  );

  it.each([
    ['modelName', { modelName: '' }],
    ['modelName', { modelName: 'a@b' }],
    ['slashes', { modelName: '/models/x' }],
    ['worldSize', { worldSize: 256 }],
    ['worldSize', { worldSize: 0 }],
    ['workerId', { workerId: 2 }],
    ['tags', { tags: [['user', 'a']] }],
  ] as const)('refuses a scope that cannot be expressed, naming %s: %j', (named, wrong) => {
    const error = thrownBy(() => multiProcessKeyFormat({}).key({ start: 0, end: 1, hash }, { ...scope, ...wrong }));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(named);
  });

  it.each(['5', hash.slice(1), `-${hash}`, hash.replace('0', 'A')])('refuses the hash %s', (wrong) => {
    const error = thrownBy(() => multiProcessKeyFormat({}).key({ start: 0, end: 1, hash: wrong }, scope));
    expect(error.code).toBe('INVALID_ARGUMENT');
  });

  it.each([
    { objectGroupId: -1 },
    { objectGroupId: 0.5 },
    { cacheSalt: 'a@b' },
    { cacheSalt: 'a/b' },
    { cacheSalt: 'a\\b' },
    { cacheSalt: 'a\0b' },
    { cacheSalt: 's'.repeat(129) },
  ])('refuses the option %j', (options) => {
    expect(thrownBy(() => multiProcessKeyFormat(options)).code).toBe('INVALID_ARGUMENT');
  });
});

function thrownBy(run: () => unknown): KvferryError {
  try {
    run();
  } catch (error) {
    if (KvferryError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
