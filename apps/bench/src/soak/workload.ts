import type { ChunkTensor } from '@kvferry/core';
import { chunkIdentity, type EngineMetadata, type LoadedConfig } from 'kvferry';
import { fillChunk } from '../main-job/kv-data.ts';

export const CHUNK_TOKENS = 16;
export const MAX_CHUNKS = 24;
const SHARED_CHUNKS = 8;
const BRANCHES = 8;

/** A small engine: a chunk is 8 KiB, two pages. */
export const engine: EngineMetadata = {
  modelName: 'kvferry-bench/soak',
  worldSize: 1,
  workerId: 0,
  kvDtype: 'bfloat16',
  kvShape: { layers: 2, kvHeads: 1, headSize: 64, mla: false },
  pythonHashSeed: null,
  vllm: false,
};

/** A prompt of 24 chunks, the first 8 of which it shares with the others: branches of one tree, as the turns of many conversations are. */
export interface Prompt {
  readonly tokens: Uint32Array;
  readonly keys: readonly string[];
  readonly tensors: readonly ChunkTensor[];
}

export async function makePrompts({ config }: LoadedConfig): Promise<Prompt[]> {
  const { chunker, keyFormat, scope, layout } = await chunkIdentity(config, engine);
  const bytesPerChunk = 2 * layout.layers * layout.tokens * layout.hidden * 2;
  return Array.from({ length: BRANCHES }, (_, branch) => {
    const tokens = Uint32Array.from({ length: MAX_CHUNKS * CHUNK_TOKENS }, (_, index) =>
      index < SHARED_CHUNKS * CHUNK_TOKENS ? index : 1000 * (branch + 1) + index,
    );
    const chunks = chunker.chunk(tokens);
    return {
      tokens,
      keys: chunks.map((chunk) => keyFormat.key(chunk, scope)),
      tensors: chunks.map(({ hash }) => {
        const bytes = new Uint8Array(bytesPerChunk);
        fillChunk(bytes, hash, layout.dtype);
        return { layout, bytes };
      }),
    };
  });
}
