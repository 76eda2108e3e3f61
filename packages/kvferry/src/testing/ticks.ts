import { onTestFinished } from 'vitest';

const TICK_MS = 10;

/**
 * Time as the running test's own thread has it: a timer that is late on a busy machine does not catch up, so what waits for the same thread is never found
 * slow for it. Ends with the test.
 */
export interface Ticks {
  /** Milliseconds of it that `work` takes. */
  during(work: () => Promise<unknown>): Promise<number>;
  /** Resolves with the next tick. */
  next(): Promise<void>;
}

export function startTicks(): Ticks {
  let count = 0;
  let { promise, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    count += 1;
    resolve();
    ({ promise, resolve } = Promise.withResolvers<void>());
  }, TICK_MS);
  onTestFinished(() => clearInterval(timer));
  return {
    async during(work) {
      const before = count;
      await work();
      return (count - before) * TICK_MS;
    },
    next: () => promise,
  };
}
