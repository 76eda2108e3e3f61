/**
 * Spreads work that blocks the thread over turns of the event loop, one piece a turn. The checksums of a batch of 64
 * values of 32 MiB, taken in one go, would keep the thread from all sockets for 150 ms; so each value's is taken while
 * those before it are being sent.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves in a turn of its own, after all who asked before. */
  next(): Promise<unknown> {
    this.#last = this.#last.then(() => new Promise(setImmediate));
    return this.#last;
  }
}
