import { kv1KeyFormat } from '@kvferry/core';
import { describe, expect, it } from 'vitest';
import { golden, vectors } from '../testing/vectors.ts';
import { describeObjectKey, type ObjectKeyDescription } from './describe.ts';

describe('describeObjectKey', () => {
  it.each(vectors.cache_engine_keys.filter(({ input }) => input.fmt === undefined))('$s3_object_key', (vector) => {
    const { input } = vector;
    expect(describeObjectKey(vector.s3_object_key)).toEqual({
      kind: 'in-process',
      releases: input.h.length === 64 ? '0.3.13 to 0.4.5' : '0.3.13 and later',
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

  it("knows kvferry's own keys", () => {
    const format = kv1KeyFormat({
      layout: { format: 'KV_2LTD', layers: 1, kvHeads: 1, headSize: 8, chunkTokens: 16 },
      hash: { name: 'sha256_cbor', seed: '0' },
    });
    const scope = { modelName: 'org/m', worldSize: 1, workerId: 0, dtype: 'float16', tags: [] } as const;
    const { id, key } = format.namespace(scope);
    const chunk = format.key({ hash: 'ab12', start: 0, end: 16 }, scope);
    expect(describeObjectKey(chunk)).toEqual({ kind: 'kv1', namespace: id, hash: 'ab12' });
    expect(describeObjectKey(key)).toEqual({ kind: 'kv1-namespace', namespace: id });
  });

  const hash = '0123456789abcdef'.repeat(4);
  it.each<[string, ObjectKeyDescription]>([
    [`lmcache-v2/${hash}`, { kind: 'lmcache-v2', hash }],
    [
      `/meta-llama_Llama-3_a1b2c3d4e5f6_r1/012/34_g0/${hash}.bin`,
      { kind: 'vllm-object-tier', model: 'meta-llama_Llama-3', layout: 'a1b2c3d4e5f6', rank: '1', hash },
    ],
    [
      `some/prefix//m_a1b2c3d4e5f6_r0/012/34_g12/${hash}.bin`,
      { kind: 'vllm-object-tier', model: 'm', layout: 'a1b2c3d4e5f6', rank: '0', hash },
    ],
    ['__nixl_probe__/connectivity_test', { kind: 'vllm-probe' }],
    [`${hash}_org-m_1_2`, { kind: 'sglang-nixl', model: 'org-m', rank: '1', worldSize: '2', hash }],
    [`${hash}_org-m_0_1_v`, { kind: 'sglang-nixl', model: 'org-m', rank: '0', worldSize: '1', hash }],
    [`${hash}_org-m_k`, { kind: 'sglang-nixl', model: 'org-m', rank: undefined, worldSize: undefined, hash }],
    [`${hash}_ukv1-0123456789abcdef_L0-31`, { kind: 'sglang-unified', hash }],
    [`${hash}_ukv1-0123456789abcdef_L0-31_H2`, { kind: 'sglang-unified', hash }],
    [`org-m/tp1of8/${hash}`, { kind: 'sglang-seaweedfs', model: 'org-m', rank: '1', worldSize: '8', hash }],
    [
      `a/prefix/org-m/tp0of2/pp1of2/cp0of1/${hash}`,
      { kind: 'sglang-seaweedfs', model: 'org-m', rank: '0', worldSize: '2', hash },
    ],
    [`p/org-m/${hash}`, { kind: 'sglang-seaweedfs', model: 'org-m', rank: undefined, worldSize: undefined, hash }],
  ])('knows what another system writes: %s', (key, description) => {
    expect(describeObjectKey(key)).toEqual(description);
  });

  it.each([
    '',
    'photo.jpg',
    'a@b',
    'm@1@0@5@float99',
    'm@01000100@0@short',
    'kv1/ab/0123456789abcdef/cd12',
    `lmcache-v2/x/${hash.slice(1)}`,
    `/m_a1b2c3d4e5f6_r1/999/34_g0/${hash}.bin`,
    `${hash}`,
  ])('leaves %j to others', (key) => {
    expect(describeObjectKey(key)).toEqual({ kind: 'other' });
  });
});
