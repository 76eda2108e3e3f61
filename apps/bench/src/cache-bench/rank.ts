import type { Chunker, ChunkLayout, KeyScope, KvCacheOptions } from '@kvferry/core';
import { keyScope, kvLayout, lmcacheChunker, lmcacheKeyFormat } from '@kvferry/lmcache';

/** How one rank of a made-up model cuts, names and lays out its chunks, as LMCache has it. */
export interface Rank extends Pick<KvCacheOptions, 'chunker' | 'keyFormat' | 'scope' | 'layout'> {
  readonly chunker: Chunker;
  readonly layout: ChunkLayout;
  readonly scope: KeyScope;
}

export const CHUNK_TOKENS = 256;

export function makeRank(layers: number): Rank {
  const { scope } = keyScope({
    modelName: 'kvferry-bench/cache',
    worldSize: 1,
    workerId: 0,
    dtype: 'bfloat16',
    mla: false,
    tags: [],
    saveOnlyFirstRank: undefined,
    remoteEnableMlaWorkerIdAs0: undefined,
  });
  return {
    chunker: inProcessChunker('sha256_cbor'),
    keyFormat: lmcacheKeyFormat,
    scope,
    layout: kvLayout({ layers, kvHeads: 1, headSize: 128, mla: false, dtype: 'bfloat16' }, CHUNK_TOKENS),
  };
}

/** LMCache's hash chain with vLLM and a hash seed of 0. */
export function inProcessChunker(algorithm: 'sha256_cbor' | 'builtin'): Chunker {
  return lmcacheChunker({
    chunkTokens: CHUNK_TOKENS,
    keepUnfull: false,
    hash: { algorithm, vllm: true, pythonHashSeed: '0', python: 'from-3.11', era: 'current' },
  });
}

/** Made-up tokens of a vocabulary of 128,256, as Llama 3 has; another `seed`, another sequence from the first token on. */
export function makeTokens(count: number, seed: number): Uint32Array {
  let state = seed;
  return Uint32Array.from({ length: count }, () => {
    // A linear congruential generator with the multiplier of "Numerical Recipes".
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % 128_256;
  });
}
