import { expect, test } from 'vitest';
import { judge } from './goals.ts';

const figures = (tierOff: number, ms: number, probes: number, roundTrips: number) => ({
  retrieve: {
    cpuSecondsPerGiB: { 'batch get': 1, 'tier off': tierOff, 'tier on': 1, 'from the tier': 0 },
    overBatchGet: { 'tier off': tierOff, 'tier on': 1, 'from the tier': 0 },
  },
  // Python's hash has no goal.
  hashMilliseconds: { sha256_cbor: ms, blake3: ms, builtin: 99 },
  lookup: { probes, roundTrips },
});

test('every goal is met at its bound', () => {
  expect(judge(figures(1.05, 15, 24, 3)).map(({ outcome }) => outcome)).toEqual(Array(5).fill('ok'));
});

test('every goal is missed beyond it', () => {
  expect(judge(figures(1.051, 15.1, 25, 4)).map(({ outcome }) => outcome)).toEqual(Array(5).fill('missed'));
});
