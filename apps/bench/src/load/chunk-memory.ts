import { randomFillSync } from 'node:crypto';
import { type BufferLease, type BufferPool, bufferPool, KvferryError } from '@kvferry/core';

const PAGE_BYTES = 4096;
/** More side by side than this keeps no store busier, and all of it has to be touched before. */
const MOST_BYTES = 2 * 1024 ** 3;
/** Of what is available to the process when it begins; the rest is for a store beside it, and for the machine. */
const SHARE_OF_AVAILABLE = 1 / 4;

/**
 * The memory of the measuring process: one pool, whose pieces are all of a chunk's length, so that each is touched once and used again by everything after.
 * Its content is random and cannot be compressed.
 *
 * All caches share the pool. That is safe as long as what they hold at once fits, which {@link ChunkMemory.assertFits} sees to: then nobody ever waits for memory.
 */
export class ChunkMemory {
  readonly pool: BufferPool;
  readonly chunkBytes: number;
  readonly #availableBytes = process.availableMemory() * SHARE_OF_AVAILABLE;
  readonly #touched = new WeakSet<ArrayBufferLike>();

  constructor(chunkBytes: number, budgetBytes: number) {
    this.chunkBytes = chunkBytes;
    this.pool = bufferPool({ maxBytes: budgetBytes });
  }

  /** How often so many chunks can be held side by side without straining the machine: at least once. */
  timesFor(chunks: number): number {
    const bytes = Math.min(MOST_BYTES, this.pool.maxBytes, this.#availableBytes);
    return chunks === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(bytes / this.#bytesOf(chunks)));
  }

  /** Throws CONFIG_INVALID where so many chunks are more than the budget. `what` needs them, in words. */
  assertFits(chunks: number, what: string): void {
    const { maxBytes, requestedBytes } = this.pool;
    const neededBytes = this.#bytesOf(chunks);
    if (neededBytes <= maxBytes) return;
    const why = maxBytes < requestedBytes ? ', which is what this machine has' : '';
    throw new KvferryError(
      'CONFIG_INVALID',
      `${what} takes ${neededBytes} bytes of memory, and the cache has ${maxBytes}${why}: raise max_local_cpu_size (in GiB), or take a smaller model`,
    );
  }

  /** Lends memory for so many chunks, touched. Throws as {@link ChunkMemory.assertFits} does. */
  async lease(chunks: number, what: string): Promise<BufferLease[]> {
    this.assertFits(chunks, what);
    const leases: BufferLease[] = [];
    for (let index = 0; index < chunks; index += 1) {
      const lease = await this.pool.lease(this.chunkBytes);
      leases.push(lease);
      if (this.#touched.has(lease.bytes.buffer)) continue;
      // 3 GB/s: hardly more than touching it takes.
      randomFillSync(lease.bytes);
      this.#touched.add(lease.bytes.buffer);
    }
    return leases;
  }

  /** Makes memory for so many chunks, for the pool to lend from then on. */
  async touch(chunks: number, what: string): Promise<void> {
    giveBack(await this.lease(chunks, what));
  }

  #bytesOf(chunks: number): number {
    return chunks * Math.ceil(this.chunkBytes / PAGE_BYTES) * PAGE_BYTES;
  }
}

export function giveBack(leases: readonly BufferLease[]): void {
  for (const lease of leases) lease[Symbol.dispose]();
}
