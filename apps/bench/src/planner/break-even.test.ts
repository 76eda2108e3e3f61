import fc from 'fast-check';
import { expect, it } from 'vitest';
import { breakEven, computeSeconds, loadSeconds, MOST_TOKENS } from './break-even.ts';

const work = { bytesPerToken: 100, chunkTokens: 256, compute: { secondsPerToken: 0.001, secondsPerTokenSquared: 0 } };

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
  expect(breakEven(cost, work)).toMatchObject({ status: 'computing-wins', bytesPerSecond: expect.closeTo(100_000) });
  expect(breakEven({ ...cost, bytesPerSecond: 0 }, work).status).toBe('computing-wins');
});

it('comes with the length of the prompt where attention makes computing slower, up to the longest that is looked at', () => {
  // A token takes 2 ms to load and 1 ms to compute, and 1 µs more for every token before it: 1000 tokens are even.
  const cost = { lookupSeconds: 0, firstByteSeconds: 0, bytesPerSecond: 50_000 };
  const compute = { secondsPerToken: 0.001, secondsPerTokenSquared: 1e-6 };
  expect(computeSeconds(compute, 1000)).toBeCloseTo(2);
  expect(breakEven(cost, { ...work, compute })).toEqual({ status: 'loading-wins', tokens: 1024 });
  const slow = breakEven(cost, { ...work, compute: { ...compute, secondsPerTokenSquared: 1e-9 } });
  // 131,072 tokens take 131.072 s and 17.2 s more to compute.
  expect(slow).toMatchObject({ status: 'computing-wins', bytesPerSecond: expect.closeTo(88_410, -2) });
});

it('is the least number of chunks for which loading is no slower', () => {
  const seconds = fc.double({ min: 0.001, max: 1, noNaN: true });
  const rate = fc.integer({ min: 100, max: 100_000 });
  const square = fc.constantFrom(0, 1e-10, 1e-8, 1e-6);
  fc.assert(
    fc.property(seconds, seconds, rate, rate, square, (lookupSeconds, firstByteSeconds, speed, tokensPerSecond, q) => {
      const cost = { lookupSeconds, firstByteSeconds, bytesPerSecond: speed * 100 };
      const compute = { secondsPerToken: 1 / tokensPerSecond, secondsPerTokenSquared: q };
      const outcome = breakEven(cost, { ...work, compute });
      const gained = (tokens: number): number => computeSeconds(compute, tokens) - loadSeconds(cost, 100, tokens);
      if (outcome.status === 'computing-wins') {
        expect(gained(MOST_TOKENS)).toBeLessThan(1e-6);
        const fast = { ...cost, bytesPerSecond: outcome.bytesPerSecond * 1.001 };
        if (Number.isFinite(outcome.bytesPerSecond))
          expect(breakEven(fast, { ...work, compute }).status).toBe('loading-wins');
      } else {
        expect(gained(outcome.tokens)).toBeGreaterThan(-1e-6);
        if (outcome.tokens > 256) expect(gained(outcome.tokens - 256)).toBeLessThan(1e-6);
      }
    }),
  );
});
