import { expect, test } from 'vitest';
import { isSteady, studentT } from './is-steady.ts';

test.each([
  // As tables have them.
  [7, 2.365],
  [8, 2.306],
  [10, 2.228],
  [15, 2.131],
  [30, 2.042],
  [120, 1.98],
])('Student’s t with %d degrees of freedom', (degrees, expected) => {
  expect(Math.abs(studentT(degrees) - expected)).toBeLessThan(0.002);
});

/** So many values, half of them this much above 100, half below. */
const around = (count: number, by: number): number[] =>
  Array.from({ length: count }, (_, index) => (index % 2 === 0 ? 100 + by : 100 - by));

test('values that agree are steady, from the eighth on', () => {
  expect(isSteady(around(7, 0))).toBe(false);
  expect(isSteady(around(8, 0))).toBe(true);
});

test('what eight values may lie apart: 5 % of the mean, over t · √(8/7) / √8', () => {
  const most = (5 / 2.3646) * Math.sqrt(7);
  expect(isSteady(around(8, most * 0.99))).toBe(true);
  expect(isSteady(around(8, most * 1.01))).toBe(false);
});

test('values that lie further apart are steady when there are more of them', () => {
  expect(isSteady(around(16, 20))).toBe(false);
  expect(isSteady(around(200, 20))).toBe(true);
});

test('a figure that still grows is not', () => {
  expect(isSteady([10, 20, 30, 40, 50, 60, 70, 80, 90])).toBe(false);
});

test('nothing at all is not', () => {
  expect(isSteady(new Array<number>(20).fill(0))).toBe(false);
});
