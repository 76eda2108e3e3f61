import { describe, expect, test } from 'vitest';
import type { RequestRow } from '../results/records.ts';
import { logTicks, moveApart, nameAxis } from './figures/labels.ts';
import { ninesOf, percentileCurve, throughputOverTime } from './series.ts';
import { dollarsText, rateText, secondsText } from './units.ts';

describe('a percentile curve', () => {
  const curve = percentileCurve(Array.from({ length: 1000 }, (_, index) => 1000 - index));

  test('goes through the percentiles by nearest rank', () => {
    const at = (share: number): number | undefined =>
      curve.find(({ nines }) => Math.abs(nines - ninesOf(share)) < 1e-6)?.milliseconds;
    expect([at(0), at(0.9), at(0.99), at(0.999)]).toEqual([1, 900, 990, 999]);
  });

  test('says nothing beyond what there are values for', () => {
    expect(percentileCurve([5, 1, 3, 2, 4, 6, 7, 8, 9, 10]).at(-1)).toMatchObject({ nines: 1, milliseconds: 9 });
    expect(percentileCurve([])).toEqual([]);
    expect(percentileCurve([7])).toEqual([{ share: 0, nines: 0, milliseconds: 7 }]);
  });

  test('has no more points for more values', () => {
    const ofMany = percentileCurve(Array.from({ length: 100_000 }, (_, index) => index));
    expect(ofMany.length).toBe(curve.length);
  });
});

describe('throughput over time', () => {
  const row: RequestRow = {
    kind: 'request',
    phase: 'p',
    operation: 'get',
    attempt: 1,
    startMs: 0,
    firstByteMs: 150,
    endMs: 350,
    bytes: 2000,
    status: 'ok',
    error: null,
  };

  test('spreads the bytes of a read from its first byte on, and those of a write from its start', () => {
    const { binMs, read, written } = throughputOverTime([row, { ...row, operation: 'put', firstByteMs: 350 }], 400);
    expect(binMs).toBe(100);
    expect([...read]).toEqual([0, 5000, 10_000, 5000]);
    expect([...written].map(Math.round)).toEqual([5714, 5714, 5714, 2857]);
  });

  test('loses no bytes, however long the run', () => {
    const rows = Array.from({ length: 50 }, (_, index) => ({
      ...row,
      startMs: index * 9973,
      firstByteMs: null,
      endMs: index * 9973 + 700,
    }));
    const { binMs, read } = throughputOverTime(rows, 600_000);
    expect(read.length).toBeLessThanOrEqual(400);
    expect(read.reduce((sum, rate) => sum + (rate * binMs) / 1000, 0)).toBeCloseTo(50 * 2000);
  });
});

test.each([
  [[10, 11, 12], 0, 100, [10, 25, 40]],
  [[98, 99], 0, 100, [85, 100]],
  [[50, 10], 0, 100, [50, 10]],
])('labels at %j are moved apart', (positions, from, to, expected) => {
  expect(moveApart(positions, 15, from, to)).toEqual(expected);
});

test.each([
  [1, 100, 400, [1, 2, 5, 10, 20, 50, 100]],
  [1, 100, 60, [1, 10, 100]],
  [0.01, 1000, 400, [0.01, 0.1, 1, 10, 100, 1000]],
  [3, 8, 400, [5]],
])('ticks from %d to %d on %d pixels', (least, most, pixels, expected) => {
  expect(logTicks(least, most, pixels)).toEqual(expected);
});

test('a name that is too long for its axis is cut off, and takes no more than its share', () => {
  const long = 'a client with a name of fifty letters and a few more';
  const { room, text } = nameAxis(['undici', long], 340);
  expect(room).toBeLessThan(150);
  expect(text('undici')).toBe('undici');
  expect(text(long)).toMatch(/^a client with.*…$/);
});

test('units', () => {
  expect([3_141_592_653, 314_159_265, 1_000].map(rateText)).toEqual(['3.14 GB/s', '314 MB/s', '0.00 MB/s']);
  expect([0, 0.000_123, 0.0456, 0.6, 2.4, 12_345].map(dollarsText)).toEqual([
    '$0',
    '$0.00012',
    '$0.046',
    '$0.60',
    '$2.40',
    '$12,345',
  ]);
  expect([0.0042, 0.9, 3.25, 42].map(secondsText)).toEqual(['4.2 ms', '900 ms', '3.25 s', '42.0 s']);
});
