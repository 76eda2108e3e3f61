import { backOffMs, type KvferryError } from '@kvferry/core';

/** First pause, before jitter. The AWS SDKs' standard mode has the same, and the same cap. */
const BASE_DELAY_MS = 100;
const MAX_DELAY_MS = 20_000;

/**
 * What to do about a failed attempt. `exhausted`: repeated as often as it is worth; `final`: repeating it here is of no
 * use.
 */
export type RetryDecision =
  | { readonly status: 'retry'; readonly delayMs: number }
  | { readonly status: 'exhausted' }
  | { readonly status: 'final' };

/**
 * Decides whether attempt `attempt + 1` follows, and after which pause.
 *
 * The pause is `backOffMs` of 100 ms up to 20 s. A store that asks for more is left alone: the caller sees its `retryAfterMs`.
 *
 * @param attempt The attempt that failed, 1 for the first.
 * @param random From 0 to 1.
 */
export function decideRetry(error: KvferryError, attempt: number, maxAttempts: number, random: number): RetryDecision {
  if (error.retry !== 'later') return { status: 'final' };
  if (attempt >= attemptsFor(error, maxAttempts)) return { status: attempt > 1 ? 'exhausted' : 'final' };
  const { retryAfterMs } = error;
  const delayMs = backOffMs({ attempt, random, retryAfterMs, baseMs: BASE_DELAY_MS, maxMs: MAX_DELAY_MS });
  if (delayMs === undefined) return { status: 'final' };
  // Nothing is overloaded by a value that came wrong; a second look may follow at once.
  return { status: 'retry', delayMs: error.code === 'CORRUPT' ? 0 : delayMs };
}

/**
 * Attempts that an error is worth. A value that came whole and is wrong (no `cause`) is read once more, since a wrong
 * bit on the way is possible and a wrong object likely; a value that was cut off on the way is a loss of connection
 * like any other.
 */
function attemptsFor(error: KvferryError, maxAttempts: number): number {
  return error.code === 'CORRUPT' && error.cause === undefined ? Math.min(2, maxAttempts) : maxAttempts;
}

/**
 * Constants of the AWS SDKs' standard retry mode (smithy): a full bucket pays for 100 retries, or 50 after a time-out.
 */
const CAPACITY = 500;
const RETRY_COST = 5;
const TIMEOUT_COST = 10;
const SUCCESS_REFUND = 1;

/**
 * What retries may cost together, so that a store which fails for everybody is not asked three times by everybody.
 * Retries take tokens; a request that succeeds gives back what its last retry took, and one that needed none gives 1.
 */
export class RetryTokens {
  #available = CAPACITY;

  /** Tokens for one retry after this error, or 0 where there are not enough. */
  take(error: KvferryError): number {
    const cost = error.code === 'TIMEOUT' ? TIMEOUT_COST : RETRY_COST;
    if (this.#available < cost) return 0;
    this.#available -= cost;
    return cost;
  }

  /** Notes a success. `taken`: what its last retry took, 0 for none. */
  refund(taken: number): void {
    this.#available = Math.min(CAPACITY, this.#available + (taken === 0 ? SUCCESS_REFUND : taken));
  }
}
