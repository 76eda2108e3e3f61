import { expect, test } from 'vitest';
import { FailureRule } from './failure-rule.ts';

/** What the rule says to the last of these: `.` went well, `x` failed. */
function verdict(outcomes: string): boolean {
  const rule = new FailureRule();
  let isTooMany = false;
  for (const outcome of outcomes) {
    if (outcome === 'x') isTooMany = rule.failed();
    else rule.succeeded();
  }
  return isTooMany;
}

test.each([
  ['x', false],
  ['xx', false],
  ['xxx', true],
  ['.'.repeat(1000).concat('xxx'), true],
  ['xx.x', true],
  ['.x..x', false],
  ['.x..x..x', true],
  // The third of 299, and of 300.
  [`x${'.'.repeat(148)}x${'.'.repeat(148)}x`, true],
  [`x${'.'.repeat(149)}x${'.'.repeat(148)}x`, false],
])('%#', (outcomes, isTooMany) => {
  expect(verdict(outcomes)).toBe(isTooMany);
});
