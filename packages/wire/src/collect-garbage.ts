import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects all garbage of this thread, in some milliseconds where the heap is small. */
export function collectGarbage(): void {
  collect ??= globalThis.gc ?? exposeCollector();
  collect?.();
}

let collect: (() => unknown) | undefined;

/**
 * A context that is made while the flag is set has the collector; the globals of everybody else stay as they are.
 *
 * The flag is the process's: another thread that does the same may take it back too early. Of four threads that began together, one in
 * fifteen found nothing at its first try.
 */
function exposeCollector(): (() => unknown) | undefined {
  for (let left = mostTries; left > 0; left--) {
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
const mostTries = 5;
