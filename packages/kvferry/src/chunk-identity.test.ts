import { type Chunk, layoutBytes } from '@kvferry/core';
import { golden } from '@kvferry/lmcache/testing';
import { describe, expect, test } from 'vitest';
import { chunkIdentity, type EngineMetadata } from './chunk-identity.ts';
import { loadConfig } from './load-config.ts';
import { isKv1Format } from './namespace-record.ts';

const engine: EngineMetadata = {
  modelName: 'meta-llama/Llama-3.1-8B',
  worldSize: 2,
  workerId: 1,
  kvDtype: 'bfloat16',
  kvShape: { layers: 32, kvHeads: 4, headSize: 128, mla: false },
  pythonHashSeed: '0',
  vllm: true,
  tags: [['user', 'a']],
};
const tokens = Array.from({ length: 512 }, (_, index) => index);

async function identityOf(env: Record<string, string>, changes: Partial<EngineMetadata> = {}) {
  return chunkIdentity((await loadConfig({ env })).config, { ...engine, ...changes });
}

// The hashes are LMCache's own for tokens 0..511 (era 0.4.6 to 0.5.6).
test.each([
  ['sha256_cbor', {}, 'b8a960cfcc69e7a5', 'cc309e143d545625'],
  ['sha256_cbor', { pythonHashSeed: null }, '31375f4bc7c57397', '675fd98cddfd2fcd'],
  ['builtin', {}, '5f05dec65811b7cc', '-adc333b9eaa0e45'],
  ['builtin', { vllm: false, pythonHashSeed: null }, '2b763dd00afa89c8', '79e62c807b48385b'],
])('chunks are named as LMCache names them: %s, %o', async (algorithm, changes, first, second) => {
  const identity = await identityOf({ LMCACHE_PRE_CACHING_HASH_ALGORITHM: algorithm }, changes);
  const keys = identity.chunker.chunk(tokens).map((chunk) => identity.keyFormat.key(chunk, identity.scope));
  expect(keys).toEqual([first, second].map((hash) => `meta-llama_Llama-3.1-8B@2@1@${hash}@bfloat16@user%a`));
  expect(layoutBytes(identity.layout)).toBe(2 * 32 * 256 * 4 * 128 * 2);
});

test('what the file says of seed and vLLM goes before the engine', async () => {
  const extra = JSON.stringify({ kvferry: { vllm: false, python_hash_seed: 'random' } });
  const identity = await identityOf({ LMCACHE_EXTRA_CONFIG: extra });
  expect(identity.chunker.chunk(tokens)[0]?.hash).toBe('2b763dd00afa89c8');
});

test('hashes that no other process would have are CONFIG_INVALID, with the line to add', async () => {
  await expect(identityOf({}, { pythonHashSeed: null })).rejects.toThrow(/CONFIG_INVALID[\s\S]*python_hash_seed/);
});

test('with MLA all ranks name the objects of rank 0, which alone stores', async () => {
  const mla = { kvShape: { layers: 61, kvHeads: 1, headSize: 576, mla: true } };
  const identity = await identityOf({}, mla);
  expect(identity.scope).toMatchObject({ worldSize: 1, workerId: 0 });
  expect(identity.stores).toBe(false);
  expect((await identityOf({}, { ...mla, workerId: 0 })).stores).toBe(true);
});

test('era 0.4.1 names chunks by the whole digest', async () => {
  const extra = JSON.stringify({ kvferry: { era: '0.4.1' } });
  const identity = await identityOf({
    LMCACHE_PRE_CACHING_HASH_ALGORITHM: 'sha256_cbor',
    LMCACHE_EXTRA_CONFIG: extra,
  });
  expect(identity.chunker.chunk(tokens).map(({ hash }) => hash)).toEqual([
    '8b81dbad38c4b07b71e4def300d2cc1cf7e45ae1ee2ec983e0f92070d955e2dc',
    '781718220b72190ce94eeac369ffd9845a1ce1f72fd9639121f2fea4248401a5',
  ]);
});

test('what the engine says of its seed goes before the variable of this process, and the file before both', async () => {
  const env = { LMCACHE_PRE_CACHING_HASH_ALGORITHM: 'sha256_cbor', PYTHONHASHSEED: '42' };
  const hashOf = async (variables: Record<string, string>, pythonHashSeed: string | null) =>
    (await identityOf(variables, { pythonHashSeed })).chunker.chunk(tokens)[0]?.hash;
  expect(await hashOf(env, '0')).toBe('b8a960cfcc69e7a5');
  expect(await hashOf(env, null)).toBe('31375f4bc7c57397');
  const file = { ...env, LMCACHE_EXTRA_CONFIG: '{"kvferry": {"python_hash_seed": "0"}}' };
  expect(await hashOf(file, null)).toBe('b8a960cfcc69e7a5');
});

test('save_unfull_chunk keeps the shorter last chunk', async () => {
  const identity = await identityOf({ LMCACHE_SAVE_UNFULL_CHUNK: 'true' });
  expect(identity.chunker.chunk(tokens.slice(0, 300)).map(({ end }) => end)).toEqual([256, 300]);
  expect((await identityOf({})).chunker.chunk(tokens.slice(0, 300))).toHaveLength(1);
});

describe('the multi-process server', () => {
  const [set] = golden.mp_sets;
  if (set === undefined) throw new Error('the golden vectors have a multi-process set');

  test.each([undefined, 'tenant-1'])(
    'hashes and object names are those that LMCache wrote, cache_salt %s',
    async (salt) => {
      const extra = JSON.stringify({ kvferry: { era: 'mp', ...(salt === undefined ? {} : { cache_salt: salt }) } });
      const { chunker, keyFormat, scope } = await identityOf(
        { LMCACHE_CHUNK_SIZE: String(set.spec.chunk_size), LMCACHE_EXTRA_CONFIG: extra },
        { modelName: set.spec.model_name, worldSize: set.spec.world_size, workerId: set.spec.worker_id, tags: [] },
      );
      const chunks = chunker.chunk(set.chunks.flatMap((chunk) => [...chunk.tokens]));
      expect(chunks.map(({ hash }) => hash)).toEqual(set.chunks.map((chunk) => chunk.chunk_hash_hex));
      const written = set.chunks.filter((chunk) => chunk.cache_salt === (salt ?? ''));
      expect(written.length).toBeGreaterThan(0);
      const names = chunks.map((chunk) => keyFormat.key(chunk, scope));
      expect(names).toEqual(expect.arrayContaining(written.map((chunk) => chunk.object.key)));
    },
  );

  test('with MLA the ranks of a pipeline stage share their objects, and the stages do not', async () => {
    const extra = { LMCACHE_EXTRA_CONFIG: JSON.stringify({ kvferry: { era: 'mp' } }) };
    const mla = { kvShape: { layers: 30, kvHeads: 1, headSize: 576, mla: true }, worldSize: 4, pipelineStages: 2 };
    const ranks = await Promise.all([0, 1, 2, 3].map((workerId) => identityOf(extra, { ...mla, workerId, tags: [] })));
    expect(ranks.map(({ scope, stores }) => [scope.worldSize, scope.workerId, stores])).toEqual([
      [2, 0, true],
      [2, 0, false],
      [2, 1, true],
      [2, 1, false],
    ]);
  });

  test('tags have no place in its keys', async () => {
    const extra = { LMCACHE_EXTRA_CONFIG: JSON.stringify({ kvferry: { era: 'mp' } }) };
    const { chunker, keyFormat, scope } = await identityOf(extra);
    const [chunk] = chunker.chunk(tokens);
    expect(() => keyFormat.key(chunk as Chunk, scope)).toThrow(/INVALID_ARGUMENT.*cacheSalt/);
  });
});

describe('the form kv1', () => {
  async function namespaceOf(kvferry: object, changes: Partial<EngineMetadata> = {}): Promise<string> {
    const extra = JSON.stringify({ kvferry: { key_format: 'kv1', ...kvferry } });
    const env = { LMCACHE_PRE_CACHING_HASH_ALGORITHM: 'sha256_cbor', LMCACHE_EXTRA_CONFIG: extra };
    const { keyFormat, scope } = await identityOf(env, changes);
    if (!isKv1Format(keyFormat)) throw new Error(`the key format is ${keyFormat.id}`);
    return keyFormat.namespace(scope).json;
  }

  test('says all that decides what the bytes are', async () => {
    const more = { revision: 'main', adapter: 'a', cache_salt: 's', quantisation: 'q' };
    expect(JSON.parse(await namespaceOf(more))).toEqual({
      model: 'meta-llama/Llama-3.1-8B',
      revision: 'main',
      adapter: 'a',
      salt: 's',
      quantisation: 'q',
      world_size: 2,
      worker_id: 1,
      dtype: 'bfloat16',
      layout: 'KV_2LTD',
      layers: 32,
      kv_heads: 4,
      head_size: 128,
      chunk_size: 256,
      hash: 'sha256_cbor',
      hash_seed: '5625442194607170974',
      tags: [['user', 'a']],
    });
  });

  test('takes the hashes of the era', async () => {
    expect(JSON.parse(await namespaceOf({ era: 'mp' }))).toMatchObject({ hash: 'blake3' });
    expect(JSON.parse(await namespaceOf({ era: '0.4.1' }))).toMatchObject({ hash: 'sha256_cbor-0.4.1' });
    expect(JSON.parse(await namespaceOf({ vllm: false }))).toMatchObject({ hash: 'python', hash_seed: '0' });
  });

  test('tells the pipeline stages of MLA apart', async () => {
    const mla = { kvShape: { layers: 30, kvHeads: 1, headSize: 576, mla: true }, worldSize: 4, pipelineStages: 2 };
    const [first, second, third] = await Promise.all(
      [0, 1, 2].map((workerId) => namespaceOf({}, { ...mla, workerId })),
    );
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });
});
