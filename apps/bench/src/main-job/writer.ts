import type { Chunk, ChunkTensor, KvCache } from '@kvferry/core';
import type { ChunkIdentity } from 'kvferry';
import { CpuClock, type TransferCost, transferCost } from '../shared/cpu-clock.ts';
import { collectLatencies, type LatencySummary } from '../shared/latencies.ts';
import { openChunkWindow } from './chunk-window.ts';
import { fillChunk } from './kv-data.ts';

export interface StoreOutcome {
  readonly cost: TransferCost;
  readonly latencies: LatencySummary;
}

/** Makes the KV of each chunk and stores it, a window of chunks after another. Only the storing is timed. Throws the first failure. */
export async function storeChunks(
  cache: KvCache,
  { layout }: ChunkIdentity,
  tokens: Uint32Array,
  chunks: readonly Chunk[],
  options: { readonly signal: AbortSignal; readonly onProgress: (chunks: number) => void },
): Promise<StoreOutcome> {
  const { chunkBytes } = cache.info;
  const window = await openChunkWindow(chunkBytes, chunks.length);
  const clock = new CpuClock();
  const latencies = collectLatencies('PUT');
  try {
    for (let from = 0; from < chunks.length; from += window.buffers.length) {
      const part = chunks.slice(from, from + window.buffers.length);
      const tensors = part.map(({ hash }, index): ChunkTensor => {
        const bytes = window.buffers[index] as Uint8Array;
        fillChunk(bytes, hash, layout.dtype);
        return { layout, bytes };
      });
      // As an engine does after each step: the sequence so far, of which the chunks before are stored.
      const before = new Array<undefined>(from).fill(undefined);
      clock.start();
      const results = await cache.store(tokens.subarray(0, part.at(-1)?.end), [...before, ...tensors], options);
      clock.stop();
      for (const { result } of results) if (result.status === 'failed') throw result.error;
      options.onProgress(from + part.length);
    }
  } finally {
    window[Symbol.dispose]();
  }
  return { cost: transferCost(clock, chunks.length * chunkBytes), latencies: latencies.stop() };
}
