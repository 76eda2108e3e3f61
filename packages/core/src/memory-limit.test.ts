import { totalmem } from 'node:os';
import { expect, test } from 'vitest';
import { memoryLimitBytes, smallerLimit } from './memory-limit.ts';

test.each([
  { machine: 100, constrained: 0, limit: 100 },
  { machine: 100, constrained: 40, limit: 40 },
  { machine: 100, constrained: 18_446_744_073_709_552_000, limit: 100 },
])('of $machine with a constraint of $constrained the limit is $limit', ({ machine, constrained, limit }) => {
  expect(smallerLimit(machine, constrained)).toBe(limit);
});

test('the limit is what can be had, and no more than the machine has', () => {
  expect(memoryLimitBytes()).toBeGreaterThan(0);
  expect(memoryLimitBytes()).toBeLessThanOrEqual(totalmem());
});
