import type { ChunkTensor } from '@kvferry/core';
import type { EngineMetadata } from '../chunk-identity.ts';

/** An engine of one rank, whose chunks are small. */
export const smallEngine: EngineMetadata = {
  modelName: 'org/m',
  worldSize: 1,
  workerId: 0,
  kvDtype: 'float16',
  kvShape: { layers: 2, kvHeads: 1, headSize: 8, mla: false },
  pythonHashSeed: null,
  vllm: false,
};

export const CHUNK_TOKENS = 4;
/** 2 planes, 2 layers, 4 tokens, 8 elements of 2 bytes. */
export const CHUNK_BYTES = 256;

/** A tensor of that engine, of the same byte all over. */
export function tensor(fill: number, chunkTokens = CHUNK_TOKENS): ChunkTensor {
  const layout = { format: 'KV_2LTD', dtype: 'float16', layers: 2, tokens: chunkTokens, hidden: 8 } as const;
  return { layout, bytes: new Uint8Array((CHUNK_BYTES / CHUNK_TOKENS) * chunkTokens).fill(fill) };
}
