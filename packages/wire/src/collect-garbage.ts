import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects all garbage of this thread, in some milliseconds where the heap is small. */
export function collectGarbage(): void {
  collect ??= globalThis.gc ?? exposeCollector();
  collect();
}

let collect: (() => unknown) | undefined;

/** A context that is made while the flag is set has the collector; the globals of everybody else stay as they are. */
function exposeCollector(): () => unknown {
  setFlagsFromString('--expose-gc');
  try {
    const found: unknown = runInNewContext('globalThis.gc');
    return typeof found === 'function' ? (found as () => unknown) : () => {};
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
