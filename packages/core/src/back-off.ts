/** What the pause before a repeat depends on. */
export interface BackOffRequest {
  /** The attempt that failed, 1 for the first. */
  readonly attempt: number;
  /** From 0 to 1: where in its span the pause lies. */
  readonly random: number;
  /** How long the store asked to be left alone, in milliseconds, if it did. */
  readonly retryAfterMs: number | undefined;
  /** The longest pause after the first attempt, in milliseconds, at least 1. Each further one may be twice as long. */
  readonly baseMs: number;
  /** No pause is longer, in milliseconds. */
  readonly maxMs: number;
}

/**
 * How long to wait before attempt `attempt + 1`, in milliseconds; `undefined` where the store asks for more than `maxMs`: it is then left alone, and the
 * caller sees its `retryAfterMs`.
 *
 * Exponential with full jitter, `random · min(maxMs, baseMs · 2^(attempt − 1))` (Brooker, "Exponential backoff and jitter", AWS Architecture Blog,
 * 2015), and never less than the store asked for.
 */
export function backOffMs({ attempt, random, retryAfterMs = 0, baseMs, maxMs }: BackOffRequest): number | undefined {
  if (retryAfterMs > maxMs) return undefined;
  return Math.max(retryAfterMs, random * Math.min(maxMs, baseMs * 2 ** (attempt - 1)));
}
