import { type BackOffRequest, backOffMs } from '../back-off.ts';
import type { BatchOptions, ListEntry, RemoteBackend } from '../backend.ts';
import { defineBackend } from '../define-backend.ts';
import type { Batch, Layer } from '../driver.ts';
import { KvferryError } from '../errors.ts';
import { assertKnownOptions, assertWholeNumber } from '../options.ts';
import { forwardTo } from './forward.ts';

export interface RetryOptions {
  /** How often an item is tried, the first time included, 1 to 100. Default 3. */
  readonly maxAttempts?: number | undefined;
  /** The longest pause after the first attempt, in milliseconds; each further one may be twice as long. Default 100. */
  readonly baseMs?: number | undefined;
  /** No pause is longer, in milliseconds; a store that asks for more is not asked again. Default 20,000. */
  readonly maxMs?: number | undefined;
}

/**
 * Makes a layer that repeats what failed with `retry: 'later'`, and only that: of a batch the items that failed, together, once the call that
 * failed them has ended. Every other result is passed on as it comes.
 *
 * Pauses are random (see `backOffMs`), and no shorter than the longest `retryAfterMs` among the items. What still fails in the last attempt is marked `retry:
 * 'exhausted'`. An item whose store asks for a pause of more than `maxMs` fails as it is. An abort ends a pause at once.
 *
 * `open` is repeated likewise, and a listing that fails before its first entry; later its entries have been given out. Throws CONFIG_INVALID, naming
 * the option.
 */
export function retry(options: RetryOptions = {}): Layer {
  assertKnownOptions('retry', options, ['maxAttempts', 'baseMs', 'maxMs']);
  // The pauses of the AWS SDKs' standard mode.
  const { maxAttempts = 3, baseMs = 100, maxMs = 20_000 } = options;
  assertWholeNumber('retry', 'maxAttempts', maxAttempts, 1, 100);
  // A longer timer of Node's fires at once.
  assertWholeNumber('retry', 'maxMs', maxMs, 1, 2 ** 31 - 1);
  assertWholeNumber('retry', 'baseMs', baseMs, 1, maxMs);
  const policy: RetryPolicy = { maxAttempts, baseMs, maxMs };

  return (inner) =>
    defineBackend(
      forwardTo(inner, {
        open: (signal) => repeated(policy, signal, () => inner.open({ signal })),
        stat: (batch) => repeatFailed(policy, batch, (items, call) => inner.stat(items, call)),
        get: (batch) => repeatFailed(policy, batch, (items, call) => inner.get(items, call)),
        put: (batch, mode) => repeatFailed(policy, batch, (items, call) => inner.put(items, { ...call, mode })),
        delete: (batch) => repeatFailed(policy, batch, (items, call) => inner.delete(items, call)),
        list: (prefix, signal) => listRepeated(policy, inner, prefix, signal),
      }),
    );
}

type RetryPolicy = Pick<BackOffRequest, 'baseMs' | 'maxMs'> & { readonly maxAttempts: number };

/** What follows from a failure: another attempt, or this error as the answer. */
type Decision =
  | { readonly status: 'again'; readonly pauseMs: number }
  | { readonly status: 'final'; readonly error: KvferryError };

function decide(policy: RetryPolicy, error: KvferryError, attempt: number, random: number): Decision {
  if (error.retry !== 'later') return { status: 'final', error };
  if (attempt >= policy.maxAttempts) {
    // What was tried once was not repeated.
    return { status: 'final', error: attempt === 1 ? error : KvferryError.from(error, { retry: 'exhausted' }) };
  }
  const pauseMs = backOffMs({ ...policy, attempt, random, retryAfterMs: error.retryAfterMs });
  return pauseMs === undefined ? { status: 'final', error } : { status: 'again', pauseMs };
}

async function repeatFailed<Item, Result extends { readonly status: string }>(
  policy: RetryPolicy,
  batch: Batch<Item, Result>,
  call: (items: readonly Item[], options: BatchOptions<Result>) => Promise<unknown>,
): Promise<void> {
  // Index in the batch of each item that is tried.
  let tried: readonly number[] = [...batch.items.keys()];
  for (let attempt = 1; ; attempt += 1) {
    const failed: number[] = [];
    // One throw for all items of an attempt: the largest of many would nearly always be the longest pause.
    const random = Math.random();
    let pauseMs = 0;
    const settle = (position: number, result: Result): void => {
      const index = tried[position] as number;
      const error = errorOf(result);
      if (error === undefined) {
        batch.settle(index, result);
        return;
      }
      const decision = decide(policy, error, attempt, random);
      if (decision.status === 'final') {
        batch.settle(index, { ...result, error: decision.error });
        return;
      }
      failed.push(index);
      pauseMs = Math.max(pauseMs, decision.pauseMs);
    };
    const items = tried.map((index) => batch.items[index] as Item);
    // Once it has settled, the memory of its items is quiet, and may be lent again.
    await call(items, { signal: batch.signal, onSettled: settle });
    if (failed.length === 0) return;
    await pause(pauseMs, batch.signal);
    tried = failed;
  }
}

function errorOf(result: { readonly status: string }): KvferryError | undefined {
  return result.status === 'failed' ? (result as unknown as { readonly error: KvferryError }).error : undefined;
}

async function repeated<T>(policy: RetryPolicy, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (thrown) {
      const decision = decide(policy, KvferryError.from(thrown), attempt, Math.random());
      if (decision.status === 'final') throw decision.error;
      await pause(decision.pauseMs, signal);
    }
  }
}

async function* listRepeated(
  policy: RetryPolicy,
  inner: RemoteBackend,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ListEntry> {
  const { entries, first } = await repeated(policy, signal, async () => {
    const started = inner.list({ prefix, signal })[Symbol.asyncIterator]();
    return { entries: started, first: await started.next() };
  });
  try {
    for (let step = first; step.done !== true; step = await entries.next()) yield step.value;
  } finally {
    await entries.return?.();
  }
}

/** Resolves after the pause, or as soon as the signal fires: the next attempt is then ABORTED before any I/O. */
function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, pauseMs);
    signal.addEventListener('abort', end, { once: true });
  });
}
