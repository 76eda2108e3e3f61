import { abortedError } from './abort.ts';

/** Where a request waits for a slot: behind all others, or before them. */
export type Turn = 'last' | 'next';

/** Slots that requests take, first come first served, unless one is to be the next. */
export class Limiter {
  readonly #waiting: Waiter[] = [];
  #free: number;

  constructor(slots: number) {
    this.#free = slots;
  }

  /** Takes a slot if one is free. Nobody waits while one is. */
  tryAcquire(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /** Takes a slot, waiting for its turn. Rejects with ABORTED when the signal fires first, and has then taken none. */
  acquire(signal: AbortSignal, turn: Turn = 'last'): Promise<void> {
    if (this.tryAcquire()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(abortedError(signal));
        return;
      }
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(abortedError(signal));
      };
      const waiter: Waiter = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (turn === 'next') this.#waiting.unshift(waiter);
      else this.#waiting.push(waiter);
    });
  }

  /** Gives a slot back: to the one who has waited longest, where somebody does. */
  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

type Waiter = () => void;
