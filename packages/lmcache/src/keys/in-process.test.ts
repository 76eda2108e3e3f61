import { type Chunk, DTYPE_BYTES, type Dtype, type KeyScope, KvferryError, keyProblem } from '@kvferry/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { golden, type KeyVector, pythonQuote, vectors } from '../testing/vectors.ts';
import { lmcacheDtypeNames } from './dtype-names.ts';
import { lmcacheKeyFormat, lmcacheKeyString } from './in-process.ts';
import { requestTags } from './request-tags.ts';

const scope: KeyScope = { modelName: 'org/model', worldSize: 2, workerId: 1, dtype: 'bfloat16', tags: [] };

// Layer keys and the older form that starts with the engine's name are not written; `describeObjectKey` has them.
const writable = vectors.cache_engine_keys.filter(({ input }) => input.layer === undefined && input.fmt === undefined);

describe.each(writable)('$to_string', (vector) => {
  const vectorScope = scopeOf(vector);

  it('is the key string', () => {
    expect(lmcacheKeyString(vectorChunk(vector), vectorScope)).toBe(vector.to_string);
  });

  it('has the object key', () => {
    expect(lmcacheKeyFormat.key(vectorChunk(vector), vectorScope)).toBe(vector.s3_object_key);
  });

  it("has LMCache's request path", () => {
    expect(`/${pythonQuote(lmcacheKeyFormat.key(vectorChunk(vector), vectorScope))}`).toBe(vector.http_path);
  });
});

it('compares paths by the quoting of Python', () => {
  expect(pythonQuote(vectors.quote_all_ascii.input)).toBe(vectors.quote_all_ascii.output);
});

describe.each(golden.sets)('what LMCache wrote: $spec.name', ({ spec, chunks }) => {
  const goldenScope: KeyScope = {
    modelName: spec.model_name,
    worldSize: spec.world_size,
    workerId: spec.worker_id,
    dtype: spec.kv_dtype as Dtype,
    tags: requestTags(spec.request_configs ?? {}),
  };

  it.each(chunks)('$object.key', ({ start, end, chunk_hash_hex: hash, key_string, object, http_path }) => {
    expect(lmcacheKeyString({ start, end, hash }, goldenScope)).toBe(key_string);
    const key = lmcacheKeyFormat.key({ start, end, hash }, goldenScope);
    expect(key).toBe(object.key);
    expect(`/${pythonQuote(key)}`).toBe(http_path);
  });
});

describe('lmcacheKeyFormat', () => {
  it('makes valid keys of one segment', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 60 }), fc.string({ maxLength: 20 }), (modelName, value) => {
        const key = lmcacheKeyFormat.key(chunkOf('-5'), { ...scope, modelName, tags: [['user', value]] });
        expect(keyProblem(key)).toBeUndefined();
        expect(key).not.toContain('/');
      }),
      { seed: 1 },
    );
  });

  it('says that it is not injective, and shows why', () => {
    expect(lmcacheKeyFormat.injective).toBe(false);
    const [chunk, one, other] = [chunkOf('5'), { ...scope, modelName: 'a/b' }, { ...scope, modelName: 'a_b' }];
    expect(lmcacheKeyFormat.key(chunk, one)).toBe(lmcacheKeyFormat.key(chunk, other));
  });

  it('keeps the order of the tags', () => {
    const tags = [
      ['z', '1'],
      ['a', '2'],
    ] as const;
    expect(lmcacheKeyFormat.key(chunkOf('5'), { ...scope, tags })).toBe('org_model@2@1@5@bfloat16@z%1@a%2');
  });

  it('has a name for every dtype, each its own', () => {
    const keys = Object.keys(DTYPE_BYTES).map((dtype) =>
      lmcacheKeyFormat.key(chunkOf('5'), { ...scope, dtype: dtype as Dtype }),
    );
    expect(new Set(keys).size).toBe(Object.keys(DTYPE_BYTES).length);
  });

  it.each([
    ['modelName', { modelName: '' }],
    ['worldSize', { worldSize: 0 }],
    ['worldSize', { worldSize: 1.5 }],
    ['workerId', { workerId: -1 }],
    ['workerId', { workerId: 2 }],
    ['workerId', { workerId: Number.NaN }],
    ['dtype', { dtype: 'half' as Dtype }],
    ['dtype', { dtype: 'toString' as Dtype }],
    ['tags', { tags: [['', 'x']] }],
    [
      'tags',
      {
        tags: [
          ['a', 'x'],
          ['a', 'y'],
        ],
      },
    ],
    ['255 bytes', { modelName: 'm'.repeat(250) }],
    ['255 bytes', { modelName: '模'.repeat(84) }],
    ['control character', { modelName: 'a\nb' }],
    ['lone surrogate', { tags: [['user', '\ud800']] }],
  ] as const)('refuses a scope that cannot be expressed, naming %s', (named, wrong) => {
    const error = thrownBy(() => lmcacheKeyFormat.key(chunkOf('5'), { ...scope, ...wrong }));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(named);
  });

  it.each(['', '-', '05', '-0', '0x5', 'A', 'g', '5@5', '1'.repeat(17), '0'.repeat(63), `-${'1'.repeat(64)}`])(
    'refuses the hash %j',
    (hash) => {
      expect(thrownBy(() => lmcacheKeyFormat.key(chunkOf(hash), scope)).code).toBe('INVALID_ARGUMENT');
    },
  );
});

describe('requestTags', () => {
  it('takes the names that start lmcache.tag., in order, and prints integers', () => {
    const configs = { 'lmcache.tag.user': 'a/b', other: 'x', 'lmcache.skip_save': true, 'lmcache.tag.b': 2 };
    expect(requestTags(configs)).toEqual([
      ['user', 'a/b'],
      ['b', '2'],
    ]);
  });

  it.each([true, null, 1.5, ['x']])('refuses %j, which Python prints in its own way', (value) => {
    const error = thrownBy(() => requestTags({ 'lmcache.tag.user': value }));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain('lmcache.tag.user');
  });
});

function chunkOf(hash: string): Chunk {
  return { start: 0, end: 256, hash };
}

/** The vectors have integers in decimal, digests in hex. */
function vectorChunk({ input }: KeyVector): Chunk {
  return chunkOf(input.h.length === 64 ? input.h : BigInt(input.h).toString(16));
}

function scopeOf({ input }: KeyVector): KeyScope {
  const dtype = Object.entries(lmcacheDtypeNames).find(([, name]) => name === input.dt)?.[0] as Dtype;
  return { modelName: input.m, worldSize: input.ws, workerId: input.w, dtype, tags: input.tags ?? [] };
}

function thrownBy(run: () => unknown): KvferryError {
  try {
    run();
  } catch (error) {
    if (KvferryError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
