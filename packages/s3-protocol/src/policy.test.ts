import { KvferryError } from '@kvferry/core';
import { describe, expect, it } from 'vitest';
import { decideRetry, RetryTokens } from './policy.ts';

const unavailable = new KvferryError('UNAVAILABLE', 'x');
const corrupt = new KvferryError('CORRUPT', 'x');
const cutOff = new KvferryError('CORRUPT', 'x', { cause: new Error('truncated') });
const asking = (retryAfterMs: number) => new KvferryError('THROTTLED', 'x', { retryAfterMs });

describe('decideRetry', () => {
  it.each([
    ['the first pause, at most 100 ms', unavailable, 1, 10, 1, { status: 'retry', delayMs: 100 }],
    ['each pause up to twice the one before', unavailable, 4, 10, 1, { status: 'retry', delayMs: 800 }],
    ['no pause over 20 s', unavailable, 12, 20, 1, { status: 'retry', delayMs: 20_000 }],
    ['jitter over the whole span', unavailable, 3, 10, 0.25, { status: 'retry', delayMs: 100 }],
    ['no less than the store asks for', asking(1500), 1, 3, 0.5, { status: 'retry', delayMs: 1500 }],
    ['a store that asks for more than the cap is left alone', asking(20_001), 1, 3, 0.5, { status: 'final' }],
    ['the last attempt', unavailable, 3, 3, 0.5, { status: 'exhausted' }],
    ['an only attempt was not repeated', unavailable, 1, 1, 0.5, { status: 'final' }],
    ['a wrong value once more, at once', corrupt, 1, 3, 0.9, { status: 'retry', delayMs: 0 }],
    ['a wrong value no third time', corrupt, 2, 3, 0.9, { status: 'exhausted' }],
    ['a value that was cut off, as a lost connection', cutOff, 2, 3, 0.9, { status: 'retry', delayMs: 0 }],
    ['what fails again as it is', new KvferryError('PERMISSION_DENIED', 'x'), 1, 3, 0.5, { status: 'final' }],
    [
      'what was exhausted elsewhere',
      new KvferryError('TIMEOUT', 'x', { retry: 'exhausted' }),
      1,
      3,
      0,
      { status: 'final' },
    ],
  ] as const)('%s', (_name, error, attempt, maxAttempts, random, expected) => {
    expect(decideRetry(error, attempt, maxAttempts, random)).toEqual(expected);
  });
});

describe('RetryTokens', () => {
  it('pays for 100 retries in a row, and for 50 after time-outs', () => {
    const count = (error: KvferryError) => {
      const tokens = new RetryTokens();
      let retries = 0;
      while (tokens.take(error) > 0) retries++;
      return retries;
    };
    expect(count(unavailable)).toBe(100);
    expect(count(new KvferryError('TIMEOUT', 'x'))).toBe(50);
  });

  it('gets back what a retry took when it succeeds, and 1 for a success without', () => {
    const tokens = new RetryTokens();
    while (tokens.take(unavailable) > 0);
    tokens.refund(5);
    expect(tokens.take(unavailable)).toBe(5);
    for (let success = 0; success < 4; success++) tokens.refund(0);
    expect(tokens.take(unavailable)).toBe(0);
    tokens.refund(0);
    expect(tokens.take(unavailable)).toBe(5);
  });
});
