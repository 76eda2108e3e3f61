import { type BufferLease, bufferPool } from '@kvferry/core';

/** Memory for some chunks at a time, used again and again, as an engine's staging pool is. */
export interface ChunkWindow extends Disposable {
  readonly buffers: readonly Uint8Array[];
}

// Enough requests in flight to fill a connection, little enough to be staged anywhere.
const windowBytes = 256 * 1024 ** 2;
const maxChunks = 64;

/** Leases memory for as many chunks as fit a window of 256 MiB, at least 1 and at most 64, and touches it, so that no transfer pays for page faults. */
export async function openChunkWindow(chunkBytes: number, chunks: number): Promise<ChunkWindow> {
  const count = Math.max(1, Math.min(maxChunks, chunks, Math.floor(windowBytes / chunkBytes)));
  const pool = bufferPool({ maxBytes: count * Math.ceil(chunkBytes / 4096) * 4096 });
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

/** Cuts a list into runs of at most `length`. */
export function* runsOf<Item>(items: readonly Item[], length: number): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += length) yield items.slice(start, start + length);
}
