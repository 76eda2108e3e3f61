import { type Chunk, type ChunkTensor, type Key, naiveSerde, type RemoteBackend } from '@kvferry/core';
import type { ChunkIdentity } from 'kvferry';
import { CpuClock, type TransferCost, transferCost } from '../shared/cpu-clock.ts';
import { collectLatencies, type LatencySummary } from '../shared/latencies.ts';
import { openChunkWindow, runsOf } from './chunk-window.ts';
import { fillChunk } from './kv-data.ts';

export interface StoreOutcome {
  readonly cost: TransferCost;
  readonly latencies: LatencySummary;
}

/** Makes the KV of each chunk and stores it. Only the storing is timed. Throws the first failure. */
export async function storeChunks(
  backend: RemoteBackend,
  identity: ChunkIdentity,
  chunks: readonly Chunk[],
  chunkBytes: number,
  keyOf: (chunk: Chunk) => Key,
  options: { readonly signal: AbortSignal; readonly onProgress: (chunks: number) => void },
): Promise<StoreOutcome> {
  const window = await openChunkWindow(chunkBytes, chunks.length);
  const clock = new CpuClock();
  const latencies = collectLatencies('PUT');
  let stored = 0;
  try {
    for (const run of runsOf(chunks, window.buffers.length)) {
      const items = run.map((chunk, index) => {
        const bytes = window.buffers[index] as Uint8Array;
        fillChunk(bytes, chunk.hash, identity.layout.dtype);
        const tensor: ChunkTensor = { layout: identity.layout, bytes };
        return { key: keyOf(chunk), parts: naiveSerde.serialize(tensor, new Uint8Array(0)) };
      });
      clock.start();
      const results = await backend.put(items, {
        signal: options.signal,
        onSettled: () => {
          stored += 1;
          options.onProgress(stored);
        },
      });
      clock.stop();
      for (const result of results) if (result.status === 'failed') throw result.error;
    }
  } finally {
    window[Symbol.dispose]();
  }
  return { cost: transferCost(clock, chunks.length * chunkBytes), latencies: latencies.stop() };
}
