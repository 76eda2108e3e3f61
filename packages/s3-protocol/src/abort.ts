import { setTimeout as sleep } from 'node:timers/promises';
import { KvferryError } from '@kvferry/core';

/** The error of a call whose signal has fired. */
export function abortedError(signal: AbortSignal): KvferryError {
  return new KvferryError('ABORTED', 'the call was aborted', { cause: signal.reason });
}

/** Waits for something that cannot be aborted itself, for as long as the signal has not fired. */
export async function orAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw abortedError(signal);
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

/** Pauses, or throws ABORTED as soon as the signal fires. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal });
  } catch {
    throw abortedError(signal);
  }
}
