import { expect, test } from 'vitest';
import { isProvisional } from './versions.ts';

test.for([
  ['1.0.0', '1.0.0', false],
  ['1.0.0', '1.4.0', false],
  ['1.2.0', '1.2.0', true],
  ['1.2.0', '1.9.3', true],
  ['1.2.0', '2.0.0', false],
  ['2.0.0', '2.0.0', false],
] as const)('a case since %s is provisional in suite %s: %s', ([since, suite, expected]) => {
  expect(isProvisional(since, suite)).toBe(expected);
});
