import type { BatchOptions, ListEntry, RemoteBackend } from '../backend.ts';
import { defineBackend } from '../define-backend.ts';
import type { Batch, Layer } from '../driver.ts';
import { KvferryError, type Operation } from '../errors.ts';
import { assertKnownOptions, assertWholeNumber } from '../options.ts';
import { forwardTo, type LayerMethods } from './forward.ts';

export interface DeadlineOptions {
  /** How long one call may take, in milliseconds, up to 2^31 - 1. No default. */
  readonly callMs: number;
  /** The operations that have the deadline. Default: all. A `put` of much over a slow way may be better off with the store's own stall limits. */
  readonly operations?: readonly LimitedOperation[] | undefined;
}

/** Operations that can have a deadline. */
export type LimitedOperation = Exclude<Operation, 'close'>;

const limitable: readonly LimitedOperation[] = ['open', 'stat', 'get', 'put', 'delete', 'list'];

/**
 * Makes a layer that bounds the time of each call. A deadline is an answer per item: what has settled by then stands, the rest is
 * `failed` with TIMEOUT. The inner call is aborted and waited for, so that all memory is quiet when the call settles.
 *
 * `open` and `list` reject with TIMEOUT. Of a listing, each wait for the next entry counts as one call, so that neither the listing's
 * length nor the caller's own time ends it. `close` has no deadline. Throws CONFIG_INVALID, naming the option.
 */
export function deadline(options: DeadlineOptions): Layer {
  assertKnownOptions('deadline', options, ['callMs', 'operations']);
  const { callMs, operations = limitable } = options;
  for (const operation of operations) {
    if (!limitable.includes(operation)) {
      const names = limitable.join(', ');
      throw new KvferryError(
        'CONFIG_INVALID',
        `deadline: operations are of ${names}, not ${JSON.stringify(operation)}`,
      );
    }
  }
  // A longer timer of Node's fires at once.
  assertWholeNumber('deadline', 'callMs', callMs, 1, 2 ** 31 - 1);

  async function inTime<Result>(
    batch: Batch<unknown, Result>,
    call: (options: BatchOptions<Result>) => Promise<readonly unknown[]>,
  ): Promise<void> {
    const clock = new Clock(batch.signal, callMs);
    const onSettled = (index: number, result: Result): void => batch.settle(index, result);
    await clock.limit(() => call({ signal: clock.signal, onSettled }));
  }

  return (inner) => {
    const limited: Required<LayerMethods> = {
      ...forwardTo(inner),
      open: (signal) => {
        const clock = new Clock(signal, callMs);
        return clock.limit(() => inner.open({ signal: clock.signal }));
      },
      stat: (batch) => inTime(batch, (options) => inner.stat(batch.items, options)),
      get: (batch) => inTime(batch, (options) => inner.get(batch.items, options)),
      put: (batch, mode) => inTime(batch, (options) => inner.put(batch.items, { ...options, mode })),
      delete: (batch) => inTime(batch, (options) => inner.delete(batch.items, options)),
      list: (prefix, signal) => listInTime(inner, prefix, new Clock(signal, callMs)),
    };
    const own = Object.fromEntries(operations.map((operation) => [operation, limited[operation]]));
    return defineBackend(forwardTo(inner, own));
  };
}

async function* listInTime(inner: RemoteBackend, prefix: string, clock: Clock): AsyncGenerator<ListEntry> {
  const entries = inner.list({ prefix, signal: clock.signal })[Symbol.asyncIterator]();
  try {
    while (true) {
      const step = await clock.limit(() => entries.next());
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await entries.return?.();
  }
}

class Clock {
  /** Fires when the caller's signal does, and when something limited takes too long. */
  readonly signal: AbortSignal;
  readonly #callMs: number;
  readonly #expired = new AbortController();

  constructor(caller: AbortSignal, callMs: number) {
    this.signal = AbortSignal.any([caller, this.#expired.signal]);
    this.#callMs = callMs;
  }

  /** Runs `call`, which ends soon once `signal` fires. What it rejects with after the deadline is TIMEOUT. */
  async limit<T>(call: () => Promise<T>): Promise<T> {
    // The reason tells layers between here and the store, such as a circuit breaker, a store that is late from a caller that changed its mind.
    const timer = setTimeout(() => this.#expired.abort(this.#timeout(undefined)), this.#callMs);
    try {
      return await call();
    } catch (thrown) {
      if (!this.#expired.signal.aborted) throw thrown;
      throw this.#timeout(thrown);
    } finally {
      clearTimeout(timer);
    }
  }

  #timeout(cause: unknown): KvferryError {
    return new KvferryError('TIMEOUT', `not done within the deadline of ${this.#callMs} ms`, { cause });
  }
}
