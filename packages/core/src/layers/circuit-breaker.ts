import type { BatchOptions, ListEntry, RemoteBackend } from '../backend.ts';
import { defineBackend } from '../define-backend.ts';
import type { Batch, Layer } from '../driver.ts';
import { type ErrorCode, KvferryError } from '../errors.ts';
import { assertKnownOptions, assertWholeNumber } from '../options.ts';
import { Breaker, type CallOutcome } from './breaker-state.ts';
import { forwardTo } from './forward.ts';

export interface CircuitBreakerOptions {
  /** Failures in a row that open it. Default 5. */
  readonly failures?: number | undefined;
  /**
   * How long after it has opened, and how often from then on, one item may try whether the store is back, in milliseconds. Default 1,000: with the time
   * that one answer takes, calls get through again within 2 s of the store's return.
   */
  readonly halfOpenMs?: number | undefined;
}

/**
 * Makes a layer that spares callers the wait for a store that is unwell: after `failures` failures in a row, items fail at once, and every
 * `halfOpenMs` one item tries whether the store is back.
 *
 * **Reads and writes apart.** `stat`, `get` and `list` have one breaker, `put` and `delete` another: a store that is full, or read-only for a while, is
 * still read.
 *
 * **What counts.** Items that are `failed` with TIMEOUT, CONNECTION, UNAVAILABLE or THROTTLED, over all calls, without an answer of the store between; each call
 * when it has ended. A call in which any item had an answer, such as a batch that was too much for its deadline, starts the count anew. Every other code is an
 * answer too: PERMISSION_DENIED is what a store may say of a key that is absent. ABORTED and NOT_OPEN say nothing, except that items left over when a
 * deadline aborts the call (the deadline layer, `AbortSignal.timeout`) count as TIMEOUT. A listing is a call of one item.
 *
 * **Open.** Items fail, and a listing rejects, with UNAVAILABLE, `retry: 'later'`, and as `retryAfterMs` the time until the next item may try; `cause` is
 * the failure that came last.
 *
 * **Half-open.** When that time is over, the first item of the next call goes through; the rest fail as before. Its answer closes the breaker, its
 * failure leaves it open. While it is under way another may follow every `halfOpenMs`: a request that hangs does not keep the breaker open. What a call begun
 * before the last opening or closing says is not heard.
 *
 * `open` and `close` pass through. Each change is published as a {@link BreakerRecord}. Throws CONFIG_INVALID, naming the option.
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): Layer {
  assertKnownOptions('circuitBreaker', options, ['failures', 'halfOpenMs']);
  const { failures = 5, halfOpenMs = 1000 } = options;
  assertWholeNumber('circuitBreaker', 'failures', failures, 1, Number.MAX_SAFE_INTEGER);
  // A breaker that waits for longer does not recover by itself as far as anybody watching can tell.
  assertWholeNumber('circuitBreaker', 'halfOpenMs', halfOpenMs, 1, 3_600_000);

  return (inner) => {
    const name = (): string => `${inner.info.scheme}://${inner.info.namespace}`;
    const reads = new Breaker('reads', failures, halfOpenMs, name);
    const writes = new Breaker('writes', failures, halfOpenMs, name);
    return defineBackend(
      forwardTo(inner, {
        stat: (batch) => guarded(reads, batch, (items, call) => inner.stat(items, call)),
        get: (batch) => guarded(reads, batch, (items, call) => inner.get(items, call)),
        put: (batch, mode) => guarded(writes, batch, (items, call) => inner.put(items, { ...call, mode })),
        delete: (batch) => guarded(writes, batch, (items, call) => inner.delete(items, call)),
        list: (prefix, signal) => listGuarded(reads, inner, prefix, signal),
      }),
    );
  };
}

async function guarded<Item, Result extends { readonly status: string }>(
  breaker: Breaker,
  batch: Batch<Item, Result>,
  call: (items: readonly Item[], options: BatchOptions<Result>) => Promise<unknown>,
): Promise<void> {
  const admission = breaker.admit();
  const passed = admission.status === 'all' ? batch.items : batch.items.slice(0, admission.status === 'probe' ? 1 : 0);
  if (admission.status !== 'all') {
    for (let index = passed.length; index < batch.items.length; index += 1) {
      batch.settle(index, { status: 'failed', error: admission.refusal } as never);
    }
  }
  if (admission.status === 'none') return;
  const tally = new Tally(batch.signal);
  let unsettled = passed.length;
  try {
    await call(passed, {
      signal: batch.signal,
      onSettled: (index, result) => {
        unsettled -= 1;
        if (result.status === 'failed') tally.fail((result as unknown as { readonly error: KvferryError }).error);
        else tally.answer();
        batch.settle(index, result);
      },
    });
  } catch (thrown) {
    tally.reject(KvferryError.from(thrown), unsettled);
    throw thrown;
  } finally {
    breaker.heard(admission, tally);
  }
}

async function* listGuarded(
  breaker: Breaker,
  inner: RemoteBackend,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ListEntry> {
  const admission = breaker.admit();
  if (admission.status === 'none') throw admission.refusal;
  const tally = new Tally(signal);
  let heard = false;
  const hear = (): void => {
    // A probe is over with the first word of the store, however long the listing is.
    if (!heard) breaker.heard(admission, tally);
    heard = true;
  };
  try {
    for await (const entry of inner.list({ prefix, signal })) {
      tally.answer();
      hear();
      yield entry;
    }
    tally.answer();
  } catch (thrown) {
    tally.reject(KvferryError.from(thrown), 1);
    throw thrown;
  } finally {
    hear();
  }
}

/** What a store that is unwell answers, or does not. */
const unwell: ReadonlySet<ErrorCode> = new Set(['TIMEOUT', 'CONNECTION', 'UNAVAILABLE', 'THROTTLED']);
/** What says nothing about a store: this side ended the call. */
const silent: ReadonlySet<ErrorCode> = new Set(['ABORTED', 'NOT_OPEN']);

/** What one call says about the store. */
class Tally implements CallOutcome {
  answered = false;
  failures = 0;
  lastError: KvferryError | undefined;
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  answer(): void {
    this.answered = true;
  }

  fail(error: KvferryError, items = 1): void {
    if (silent.has(error.code)) return;
    if (!unwell.has(error.code)) {
      this.answered = true;
      return;
    }
    this.failures += items;
    this.lastError = error;
  }

  /** The call was rejected, with so many items left. */
  reject(error: KvferryError, items: number): void {
    const overdue = isTimeout(this.#signal.reason);
    this.fail(overdue ? new KvferryError('TIMEOUT', 'not done within the deadline of the call') : error, items);
  }
}

function isTimeout(reason: unknown): boolean {
  if (KvferryError.is(reason)) return reason.code === 'TIMEOUT';
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}
