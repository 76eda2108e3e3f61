import { expect, it } from 'vitest';
import { medianOf, percentilesOf } from './percentiles.ts';

it('takes percentiles by nearest rank, of values in any order', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(percentilesOf(values)).toEqual({ p50: 100, p90: 180, p99: 198, max: 200 });
  expect(percentilesOf([9, 10, 8])).toEqual({ p50: 9, p90: 10, p99: 10, max: 10 });
  expect(percentilesOf([])).toBeNull();
});

it('takes the mean of the middle two of an even number', () => {
  expect(medianOf([10, 9, 1])).toBe(9);
  expect(medianOf([4, 1, 3, 100])).toBe(3.5);
  expect(medianOf([])).toBeNull();
});
