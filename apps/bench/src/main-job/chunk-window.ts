import { type BufferLease, bufferPool } from '@kvferry/core';

/** Memory for some chunks at a time, used again and again, as an engine's staging pool is. */
export interface ChunkWindow extends Disposable {
  readonly buffers: readonly Uint8Array[];
}

// Enough requests in flight to fill a connection, little enough to be staged anywhere.
const WINDOW_BYTES = 256 * 1024 ** 2;
const MAX_CHUNKS = 64;
const PAGE_BYTES = 4096;

/** How many chunks are moved at a time: those of 256 MiB, or of the budget that they have to fit, at least 1 and at most 64. */
export function windowLength(chunkBytes: number, budgetBytes: number): number {
  const lentBytes = Math.ceil(chunkBytes / PAGE_BYTES) * PAGE_BYTES;
  return Math.max(1, Math.min(MAX_CHUNKS, Math.floor(Math.min(WINDOW_BYTES, budgetBytes) / lentBytes)));
}

/** Leases memory for the chunks of a window, and touches it, so that no transfer pays for page faults. */
export async function openChunkWindow(chunkBytes: number, chunks: number): Promise<ChunkWindow> {
  const count = Math.min(chunks, windowLength(chunkBytes, WINDOW_BYTES));
  const pool = bufferPool({ maxBytes: count * Math.ceil(chunkBytes / PAGE_BYTES) * PAGE_BYTES });
  const leases: BufferLease[] = [];
  for (let index = 0; index < count; index += 1) {
    const lease = await pool.lease(chunkBytes);
    lease.bytes.fill(0);
    leases.push(lease);
  }
  return {
    buffers: leases.map((lease) => lease.bytes),
    [Symbol.dispose]() {
      for (const lease of leases) lease[Symbol.dispose]();
    },
  };
}
