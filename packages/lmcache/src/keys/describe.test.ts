import { describe, expect, it } from 'vitest';
import { golden, vectors } from '../testing/vectors.ts';
import { describeObjectKey } from './describe.ts';

describe('describeObjectKey', () => {
  it.each(vectors.cache_engine_keys.filter(({ input }) => input.fmt === undefined))('$s3_object_key', (vector) => {
    const { input } = vector;
    expect(describeObjectKey(vector.s3_object_key)).toEqual({
      kind: 'in-process',
      releases: '0.3.13 and later',
      model: input.m.replaceAll('/', '_'),
      worldSize: `${input.ws}`,
      workerId: `${input.w}`,
      hash: input.h.length === 64 ? input.h : BigInt(input.h).toString(16),
      dtype: input.dt,
      layer: input.layer === undefined ? undefined : `${input.layer}`,
      tags: (input.tags ?? []).map(([name, value]) => `${name}%${value}`.replaceAll('/', '_')),
    });
  });

  it.each(golden.sets.flatMap(({ chunks }) => chunks))('$object.key', ({ object, chunk_hash_hex }) => {
    expect(describeObjectKey(object.key)).toMatchObject({ kind: 'in-process', hash: chunk_hash_hex });
  });

  it.each([
    ['vllm@meta-llama_L@2@1@-89132315033465022', '0.3.4 to 0.3.9', 'meta-llama_L', '-89132315033465022', undefined, []],
    ['sgl@m@1@0@5@user%a', '0.3.4 to 0.3.9', 'm', '5', undefined, ['user%a']],
    ['some/prefix/vllm@m@2@1@-13c@user%a', '0.3.4 to 0.3.9', 'm', '-13c', undefined, ['user%a']],
    ['vllm@m@2@1@-13c@bfloat16', '0.3.9.post1 to 0.3.12', 'm', '-13c', 'bfloat16', []],
    ['vllm@m@2@1@-13c@fp8_e4m3@b%2', '0.3.9.post1 to 0.3.12', 'm', '-13c', 'fp8_e4m3', ['b%2']],
  ] as const)('names the older form of %s', (key, releases, model, hash, dtype, tags) => {
    expect(describeObjectKey(key)).toMatchObject({ kind: 'in-process', releases, model, hash, dtype, tags });
  });

  it.each(vectors.mp_object_keys)('$object_key', (vector) => {
    const common = { kind: 'multi-process', hash: vector.chunk_hash_hex, cacheSalt: vector.cache_salt || undefined };
    expect(describeObjectKey(vector.object_key)).toMatchObject({
      ...common,
      releases: '0.4.7 and later',
      model: vector.model,
    });
    expect(describeObjectKey(vector["older_object_key(no group id, '/'->'_')"])).toMatchObject({
      ...common,
      releases: '0.4.5 to 0.4.6',
      model: vector.model.replaceAll('/', '_'),
    });
  });

  it('knows what the health check leaves behind', () => {
    expect(describeObjectKey('test@1@0@0@bfloat16')).toEqual({ kind: 'in-process-probe' });
  });

  it.each([
    '',
    'photo.jpg',
    'a@b',
    'm@1@0@5@float99',
    'm@01000100@0@short',
    'org-model/tp0of8/0123abcd',
    `lmcache-v2/${'0'.repeat(64)}`,
    `kv1/ab/0123456789abcdef/${'0'.repeat(64)}`,
  ])('leaves %j to others', (key) => {
    expect(describeObjectKey(key)).toEqual({ kind: 'foreign' });
  });
});
