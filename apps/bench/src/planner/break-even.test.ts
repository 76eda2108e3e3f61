import fc from 'fast-check';
import { expect, it } from 'vitest';
import { breakEven, loadSeconds } from './break-even.ts';

const work = { bytesPerToken: 100, chunkTokens: 256, prefillTokensPerSecond: 1000 };

it('finds the length at which the head start of computing is used up, in whole chunks', () => {
  // A token takes 1 ms to compute and 0.5 ms to load; 300 ms come first: 600 tokens, which are 3 chunks.
  const cost = { lookupSeconds: 0.2, firstByteSeconds: 0.1, bytesPerSecond: 200_000 };
  expect(loadSeconds(cost, 100, 600)).toBeCloseTo(0.6);
  expect(breakEven(cost, work)).toEqual({ status: 'loading-wins', tokens: 768 });
});

it('is one chunk at least', () => {
  const cost = { lookupSeconds: 0, firstByteSeconds: 0, bytesPerSecond: 1e12 };
  expect(breakEven(cost, work)).toEqual({ status: 'loading-wins', tokens: 256 });
});

it('never comes where a token takes as long to load as to compute, and says what a store would need', () => {
  const cost = { lookupSeconds: 0, firstByteSeconds: 0, bytesPerSecond: 100_000 };
  expect(breakEven(cost, work)).toEqual({ status: 'computing-wins', bytesPerSecond: 100_000 });
  expect(breakEven({ ...cost, bytesPerSecond: 0 }, work).status).toBe('computing-wins');
});

it('is the least number of chunks for which loading is no slower', () => {
  const seconds = fc.double({ min: 0.001, max: 1, noNaN: true });
  const rate = fc.integer({ min: 100, max: 100_000 });
  fc.assert(
    fc.property(seconds, seconds, rate, rate, (lookupSeconds, firstByteSeconds, speed, prefillTokensPerSecond) => {
      const cost = { lookupSeconds, firstByteSeconds, bytesPerSecond: speed * 100 };
      const outcome = breakEven(cost, { ...work, prefillTokensPerSecond });
      const gained = (tokens: number): number => tokens / prefillTokensPerSecond - loadSeconds(cost, 100, tokens);
      if (outcome.status === 'computing-wins') expect(speed).toBeLessThanOrEqual(prefillTokensPerSecond);
      else {
        expect(gained(outcome.tokens)).toBeGreaterThan(-1e-6);
        if (outcome.tokens > 256) expect(gained(outcome.tokens - 256)).toBeLessThan(1e-6);
      }
    }),
  );
});
