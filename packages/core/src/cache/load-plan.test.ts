import { describe, expect, test } from 'vitest';
import { KvferryError } from '../errors.ts';
import type { StoredPrefix } from '../longest-prefix.ts';
import { aboveMinimum, fittingLength, type LoadPlan } from './load-plan.ts';

const complete = { length: 3, end: { status: 'complete' } } as const;
const failed = { status: 'failed', error: new KvferryError('TIMEOUT', 'late') } as const;

interface Row {
  readonly hitTokens: number;
  readonly skipTokens?: number;
  readonly minTokens: number;
  readonly found: StoredPrefix;
  readonly plan: LoadPlan;
}

describe('a hit below the minimum', () => {
  test.each<Row>([
    { hitTokens: 12, minTokens: 0, found: complete, plan: complete },
    { hitTokens: 12, minTokens: 12, found: complete, plan: complete },
    { hitTokens: 20, skipTokens: 8, minTokens: 12, found: complete, plan: complete },
    {
      hitTokens: 20,
      skipTokens: 8,
      minTokens: 13,
      found: complete,
      plan: { length: 0, end: { status: 'below-minimum', hitTokens: 20 } },
    },
    {
      hitTokens: 12,
      minTokens: 13,
      found: complete,
      plan: { length: 0, end: { status: 'below-minimum', hitTokens: 12 } },
    },
    // Nothing stored is a miss, not a short hit.
    {
      hitTokens: 0,
      minTokens: 13,
      found: { length: 0, end: { status: 'miss' } },
      plan: { length: 0, end: { status: 'miss' } },
    },
    { hitTokens: 12, minTokens: 13, found: { length: 3, end: failed }, plan: { length: 0, end: failed } },
  ])('of $hitTokens tokens where $minTokens are the least: $plan.end.status', (row) => {
    const { found, plan, hitTokens, minTokens, skipTokens = 0 } = row;
    expect(aboveMinimum(found, { hitTokens, skipTokens }, minTokens)).toEqual(plan);
  });
});

test.each([
  { costBytes: [], budgetBytes: 10, length: 0 },
  { costBytes: [4, 4], budgetBytes: 8, length: 2 },
  { costBytes: [4, 4, 1], budgetBytes: 8, length: 2 },
  { costBytes: [9, 1], budgetBytes: 8, length: 0 },
])('of chunks that cost $costBytes, $length fit into $budgetBytes', ({ costBytes, budgetBytes, length }) => {
  expect(fittingLength(costBytes, budgetBytes)).toBe(length);
});
