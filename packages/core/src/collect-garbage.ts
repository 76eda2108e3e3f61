import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Collects garbage now, in full. It stops the thread: some 10 ms for a small heap.
 *
 * For shared memory there is no other way: it has no `transfer`, and V8 does not count it as a reason to collect. On Node 24.21, 300 buffers of
 * 16 MiB, each let go at once, took 4,880 MiB as `SharedArrayBuffer` and 448 MiB as `ArrayBuffer`; with this after each, 64 MiB.
 */
export function collectGarbage(): void {
  collect ??= globalThis.gc ?? exposedCollector();
  collect?.();
}

let collect: (() => unknown) | undefined;

/**
 * A context made while the flag is set has the collector as a global; the program's own globals stay as they are.
 *
 * The flag is the process's: an I/O thread that does the same may take it back too early, so it is tried again, and the next time where it was in vain.
 */
function exposedCollector(): (() => unknown) | undefined {
  for (let left = MOST_TRIES; left > 0; left -= 1) {
    setFlagsFromString('--expose-gc');
    try {
      const found: unknown = runInNewContext('globalThis.gc');
      if (typeof found === 'function') return found as () => unknown;
    } finally {
      setFlagsFromString('--no-expose-gc');
    }
  }
  return undefined;
}

/** More than threads ever meet; a process that cannot expose it at all pays for so many contexts, some milliseconds. */
const MOST_TRIES = 5;
