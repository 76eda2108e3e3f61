import type { CallOptions } from './backend.ts';

/** Memory on loan. Disposing of the last holder gives it back; using `bytes` after that is a defect of the holder. */
export interface BufferLease extends Disposable {
  /** Exactly the bytes asked for: a view on a `SharedArrayBuffer`, not cleared. */
  readonly bytes: Uint8Array;
  /** One more holder of the same bytes, which go back when every holder has let go. */
  share(): BufferLease;
}

/** Reusable memory under a budget. The budget is a ceiling: nothing is allocated before it is leased, and never more than the budget. */
export interface BufferPool {
  /** The budget in force, in bytes: what was asked for, or what the machine and its cgroup have, where that is less. */
  readonly maxBytes: number;
  /** What was asked for. Whoever opens a pool tells its user where `maxBytes` is less. */
  readonly requestedBytes: number;
  /** Bytes on loan now. */
  readonly leasedBytes: number;
  /**
   * Lends memory, waiting in order of asking for what others give back. Rejects with TOO_LARGE for more than the whole budget, with
   * ABORTED when the signal fires while it waits.
   */
  lease(byteLength: number, options?: CallOptions): Promise<BufferLease>;
}
