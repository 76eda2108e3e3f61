import type { BufferLease } from '../buffer-pool.ts';
import type { LocalTier } from './local-tier.ts';

/** Something waited for that can be given up: `promise` is then `undefined`. */
export interface Wait<Value> {
  readonly promise: Promise<Value | undefined>;
  cancel(): void;
}

/**
 * Where requests that need memory stand in line. One at a time has its turn, in order of asking, and takes chunk by chunk what it needs; so no two
 * requests ever hold a half each and wait for the other's.
 */
export class MemoryGate {
  readonly #tier: LocalTier;
  readonly #line = new Set<(turn: true | undefined) => void>();
  #isTaken = false;
  #waiting: { readonly byteLength: number; readonly resolve: (lease: BufferLease) => void } | undefined;

  constructor(tier: LocalTier) {
    this.#tier = tier;
    tier.onFreed = () => this.#serve();
  }

  /** Whether somebody has the turn: its memory is not all there yet. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** Waits for a turn. Whoever got one has to `leave`. */
  enter(): Wait<true> {
    const { promise, resolve } = Promise.withResolvers<true | undefined>();
    if (this.#isTaken) {
      this.#line.add(resolve);
    } else {
      this.#isTaken = true;
      resolve(true);
    }
    const cancel = (): void => {
      if (this.#line.delete(resolve)) resolve(undefined);
    };
    return { promise, cancel };
  }

  leave(): void {
    const [next] = this.#line;
    if (next === undefined) {
      this.#isTaken = false;
      return;
    }
    this.#line.delete(next);
    next(true);
  }

  /** Waits for memory; only for whoever has the turn. A lease that comes too late to be given up is still to be given back. */
  wait(byteLength: number): Wait<BufferLease> {
    const { promise, resolve } = Promise.withResolvers<BufferLease | undefined>();
    const waiting = { byteLength, resolve };
    this.#waiting = waiting;
    const cancel = (): void => {
      if (this.#waiting !== waiting) return;
      this.#waiting = undefined;
      resolve(undefined);
    };
    return { promise, cancel };
  }

  #serve(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const lease = this.#tier.take(waiting.byteLength);
    if (lease === undefined) return;
    this.#waiting = undefined;
    waiting.resolve(lease);
  }
}
