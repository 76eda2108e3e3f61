import { setTimeout as sleep } from 'node:timers/promises';
import { KvferryError } from '@kvferry/core';

/** The error of a call whose signal has fired. */
export function abortedError(signal: AbortSignal): KvferryError {
  return new KvferryError('ABORTED', 'the call was aborted', { cause: signal.reason });
}

/** Waits for something that cannot be aborted itself, for as long as the signal has not fired. */
export async function orAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    // Nobody hears how it ends.
    pending.catch(() => {});
    throw abortedError(signal);
  }
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortedError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([pending, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

/**
 * A signal that fires so long after another: for what may go on a little when its call has ended. `release` lets go of the other.
 */
export function laterThan(
  signal: AbortSignal,
  delayMs: number,
): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => controller.abort(signal.reason), delayMs);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const release = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  };
  return { signal: controller.signal, release };
}

/** Pauses, or throws ABORTED as soon as the signal fires. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal });
  } catch {
    throw abortedError(signal);
  }
}
