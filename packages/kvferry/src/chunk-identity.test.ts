import { layoutBytes } from '@kvferry/core';
import { expect, test } from 'vitest';
import { chunkIdentity, type EngineMetadata } from './chunk-identity.ts';
import { loadConfig } from './load-config.ts';

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

test('the key form of the multi-process server is UNSUPPORTED for now', async () => {
  const extra = JSON.stringify({ kvferry: { era: 'mp' } });
  await expect(identityOf({ LMCACHE_EXTRA_CONFIG: extra })).rejects.toThrow(/^UNSUPPORTED: era: mp/);
});
