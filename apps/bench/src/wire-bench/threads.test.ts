import { expect, test } from 'vitest';
import { judgeThreads } from './threads.ts';

test.each([
  [1.8, 4, 'ok'],
  [1.6, 4, 'missed'],
  [1.8, 2, 'not judged'],
  [null, 4, 'not measured'],
] as const)('a ratio of %s on %i cores is %s', (ratio, cores, outcome) => {
  expect(judgeThreads(ratio, cores)).toEqual({ ratio, cores, goal: 1.7, outcome });
});
