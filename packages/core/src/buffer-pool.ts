import type { CallOptions } from './backend.ts';
import { collectGarbage } from './collect-garbage.ts';
import { KvferryError } from './errors.ts';
import { memoryLimitBytes } from './memory-limit.ts';
import { assertKnownOptions, assertWholeNumber } from './options.ts';

/** Memory on loan. Disposing of the last holder gives it back; using `bytes` after that is a defect of the holder. */
export interface BufferLease extends Disposable {
  /** Exactly the bytes asked for: a view on a `SharedArrayBuffer`, not cleared. INVALID_ARGUMENT once this holder has let go. */
  readonly bytes: Uint8Array;
  /** One more holder of the same bytes, which go back when every holder has let go. INVALID_ARGUMENT once this one has. */
  share(): BufferLease;
}

/** Reusable memory under a budget. The budget is a ceiling: nothing is allocated before it is leased, and never more than the budget. */
export interface BufferPool {
  /** The budget in force, in bytes: what was asked for, or what the machine and its cgroup have, where that is less. */
  readonly maxBytes: number;
  /** What was asked for. Whoever opens a pool tells its user where `maxBytes` is less. */
  readonly requestedBytes: number;
  /** Bytes on loan now, each loan counted in whole pages of 4 KiB. */
  readonly leasedBytes: number;
  /**
   * Lends memory, waiting in order of asking for what others give back. Rejects with TOO_LARGE for more than the whole budget, with
   * ABORTED when the signal fires while it waits.
   */
  lease(byteLength: number, options?: CallOptions): Promise<BufferLease>;
  /** Lends memory at once, or answers `undefined` where `lease` would wait. Throws TOO_LARGE as `lease` rejects with it. */
  tryLease(byteLength: number): BufferLease | undefined;
}

export interface BufferPoolOptions {
  /** The budget, in bytes. More than the machine or its cgroup has is lowered to that: see `BufferPool.maxBytes`. No default. */
  readonly maxBytes: number;
}

/**
 * Makes a pool of reusable memory. Memory given back is kept and lent again to the next loan of the same size in pages, because fresh
 * memory costs as much again as filling it (page faults). Kept memory of other sizes is let go when the budget needs its room; only a garbage
 * collection really frees it, so the pool runs one, and loans of many sizes cost more than loans of one. Throws CONFIG_INVALID, naming the option.
 */
export function bufferPool(options: BufferPoolOptions): BufferPool {
  assertKnownOptions('bufferPool', options, ['maxBytes']);
  assertWholeNumber('bufferPool', 'maxBytes', options.maxBytes, 1, Number.MAX_SAFE_INTEGER);
  return new SlabPool(options.maxBytes, Math.min(options.maxBytes, memoryLimitBytes()));
}

/** What a loan of so many bytes counts for, in a pool of this budget: whole pages, but never more than the budget, which itself can be leased. */
export function loanBytes(byteLength: number, maxBytes: number): number {
  return Math.min(Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES, maxBytes);
}

const PAGE_BYTES = 4096;
/** Who has to let memory go lets go of a sixteenth of the budget more, so that not every loan of another size costs a collection. */
const LET_GO_SHARE = 16;

interface Waiter {
  readonly byteLength: number;
  readonly slabBytes: number;
  readonly resolve: (lease: BufferLease) => void;
  readonly reject: (error: KvferryError) => void;
}

class SlabPool implements BufferPool {
  readonly requestedBytes: number;
  readonly maxBytes: number;
  #leasedBytes = 0;
  #keptBytes = 0;
  /** Let go since garbage was last collected. It may still be there, so it counts against the budget. */
  #letGoBytes = 0;
  /** Memory given back, by size; the size used longest ago comes first. */
  readonly #kept = new Map<number, SharedArrayBuffer[]>();
  /** In order of asking. A Set, so that one in the middle leaves without moving the others. */
  readonly #waiters = new Set<Waiter>();

  constructor(requestedBytes: number, maxBytes: number) {
    this.requestedBytes = requestedBytes;
    this.maxBytes = maxBytes;
  }

  get leasedBytes(): number {
    return this.#leasedBytes;
  }

  async lease(byteLength: number, options: CallOptions = {}): Promise<BufferLease> {
    this.#check(byteLength);
    const { signal } = options;
    if (signal?.aborted) throw aborted(signal);
    const slabBytes = loanBytes(byteLength, this.maxBytes);
    const { promise, resolve, reject } = Promise.withResolvers<BufferLease>();
    const waiter: Waiter = { byteLength, slabBytes, resolve, reject };
    this.#waiters.add(waiter);
    this.#serve();
    if (!this.#waiters.has(waiter)) return promise;

    const leave = (): void => {
      // Resolved in this very turn: the lease is on its way and has to be taken.
      if (!this.#waiters.delete(waiter)) return;
      reject(aborted(signal as AbortSignal));
      this.#serve();
    };
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  tryLease(byteLength: number): BufferLease | undefined {
    this.#check(byteLength);
    const slabBytes = loanBytes(byteLength, this.maxBytes);
    // Who waits has asked before.
    if (this.#waiters.size > 0 || this.#leasedBytes + slabBytes > this.maxBytes) return undefined;
    return this.#lend(byteLength, slabBytes);
  }

  #check(byteLength: number): void {
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new KvferryError('INVALID_ARGUMENT', `a lease has a whole number of bytes, not ${String(byteLength)}`);
    }
    if (byteLength > this.maxBytes) {
      throw new KvferryError(
        'TOO_LARGE',
        `a lease of ${byteLength} bytes is more than the pool's whole budget of ${this.maxBytes} bytes; raise maxBytes, or lease less`,
      );
    }
  }

  /** Serves those who wait, in order. Nobody is overtaken, so a large loan is not starved by small ones. */
  #serve(): void {
    for (const waiter of this.#waiters) {
      if (this.#leasedBytes + waiter.slabBytes > this.maxBytes) return;
      this.#waiters.delete(waiter);
      try {
        waiter.resolve(this.#lend(waiter.byteLength, waiter.slabBytes));
      } catch (thrown) {
        waiter.reject(KvferryError.from(thrown));
      }
    }
  }

  #lend(byteLength: number, slabBytes: number): BufferLease {
    const slab = this.#takeKept(slabBytes) ?? this.#allocate(byteLength, slabBytes);
    this.#leasedBytes += slabBytes;
    return new SlabLease(new SharedSlab(new Uint8Array(slab, 0, byteLength), () => this.#giveBack(slab)));
  }

  #takeKept(slabBytes: number): SharedArrayBuffer | undefined {
    const slab = this.#kept.get(slabBytes)?.pop();
    if (slab !== undefined) this.#keptBytes -= slabBytes;
    return slab;
  }

  #allocate(byteLength: number, slabBytes: number): SharedArrayBuffer {
    const roomBytes = this.maxBytes - this.#leasedBytes - slabBytes;
    if (this.#keptBytes > roomBytes) this.#letGo(roomBytes - this.maxBytes / LET_GO_SHARE);
    if (this.#keptBytes + this.#letGoBytes > roomBytes) {
      collectGarbage();
      this.#letGoBytes = 0;
    }
    try {
      return new SharedArrayBuffer(slabBytes);
    } catch (thrown) {
      const reason = `the system has no memory for a lease of ${byteLength} bytes`;
      throw new KvferryError('TOO_LARGE', reason, { retry: 'later', cause: thrown });
    }
  }

  /** Lets memory go until at most `mostBytes` are kept: first of the size used longest ago. */
  #letGo(mostBytes: number): void {
    for (const [slabBytes, slabs] of this.#kept) {
      while (this.#keptBytes > mostBytes && slabs.pop() !== undefined) {
        this.#keptBytes -= slabBytes;
        this.#letGoBytes += slabBytes;
      }
      if (slabs.length === 0) this.#kept.delete(slabBytes);
    }
  }

  #giveBack(slab: SharedArrayBuffer): void {
    const slabBytes = slab.byteLength;
    const slabs = this.#kept.get(slabBytes) ?? [];
    slabs.push(slab);
    this.#kept.delete(slabBytes);
    this.#kept.set(slabBytes, slabs);
    this.#leasedBytes -= slabBytes;
    this.#keptBytes += slabBytes;
    this.#serve();
  }
}

/** The bytes and how many hold them. */
class SharedSlab {
  readonly bytes: Uint8Array;
  readonly #giveBack: () => void;
  #holders = 0;

  constructor(bytes: Uint8Array, giveBack: () => void) {
    this.bytes = bytes;
    this.#giveBack = giveBack;
  }

  hold(): void {
    this.#holders += 1;
  }

  letGo(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#giveBack();
  }
}

class SlabLease implements BufferLease {
  /** Forgotten when it has let go, so that a lease that is still about does not hold memory that the pool has let go. */
  #slab: SharedSlab | undefined;

  constructor(slab: SharedSlab) {
    this.#slab = slab;
    slab.hold();
  }

  get bytes(): Uint8Array {
    return this.#held('used').bytes;
  }

  share(): BufferLease {
    return new SlabLease(this.#held('shared'));
  }

  [Symbol.dispose](): void {
    const slab = this.#slab;
    this.#slab = undefined;
    slab?.letGo();
  }

  #held(what: string): SharedSlab {
    if (this.#slab !== undefined) return this.#slab;
    throw new KvferryError('INVALID_ARGUMENT', `a lease that was disposed of cannot be ${what}`);
  }
}

function aborted(signal: AbortSignal): KvferryError {
  return new KvferryError('ABORTED', 'aborted while it waited for memory', { cause: signal.reason });
}
