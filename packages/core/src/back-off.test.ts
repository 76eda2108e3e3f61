import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backOffMs } from './back-off.ts';

const limits = { baseMs: 100, maxMs: 20_000 };

describe('the pause before a repeat', () => {
  test.each([
    ['at most the base after the first attempt', 1, 1, undefined, 100],
    ['up to twice as long after each further one', 4, 1, undefined, 800],
    ['never over the limit', 9, 1, undefined, 20_000],
    ['never over the limit, also after more attempts than a number can double', 5000, 1, undefined, 20_000],
    ['anywhere in its span', 3, 0.25, undefined, 100],
    ['none at all where chance has it', 3, 0, undefined, 0],
    ['no less than the store asks for', 1, 0.5, 1500, 1500],
    ['more than the store asks for, where chance has it', 5, 1, 1500, 1600],
    ['as long as the store asks for, up to the limit', 1, 1, 20_000, 20_000],
    ['no repeat where the store asks for more', 1, 1, 20_001, undefined],
  ])('%s', (_title, attempt, random, retryAfterMs, expected) => {
    expect(backOffMs({ ...limits, attempt, random, retryAfterMs })).toBe(expected);
  });

  test('lies between what the store asks for and the limit, whatever the numbers', () => {
    const request = fc.record({
      attempt: fc.integer({ min: 1, max: 2000 }),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
      retryAfterMs: fc.option(fc.nat(10_000), { nil: undefined }),
      baseMs: fc.integer({ min: 1, max: 10_000 }),
      maxMs: fc.integer({ min: 10_000, max: 2 ** 31 - 1 }),
    });
    fc.assert(
      fc.property(request, (asked) => {
        const pauseMs = backOffMs(asked);
        expect(pauseMs).toBeGreaterThanOrEqual(asked.retryAfterMs ?? 0);
        expect(pauseMs).toBeLessThanOrEqual(asked.maxMs);
      }),
    );
  });
});
