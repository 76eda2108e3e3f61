import { describe, expect, test } from 'vitest';
import { median } from '../shared/statistics.ts';
import { judge } from './goals.ts';
import type { Cell, ClientName, Verify } from './plan.ts';
import { toRow } from './rows.ts';
import type { Measurement } from './run.ts';
import { cpuRatio } from './statistics.ts';

const cell: Cell = {
  operation: 'GET',
  scheme: 'http',
  bytes: 2 ** 30,
  concurrency: 8,
  warmCpuMs: 0,
  memory: 'private',
};

function measured(client: ClientName, cpuSeconds: readonly number[], verify: Verify = 'none'): Measurement {
  const samples = cpuSeconds.map((each) => ({ operations: 1, bytes: cell.bytes, seconds: 2, cpuSeconds: each }));
  return { cell, contender: { client, verify }, samples };
}

test('the median of an even number of values is the mean of the middle two', () => {
  expect(median([4, 1, 2, 9])).toBe(3);
  expect(median([5, 1, 9])).toBe(5);
});

test('a ratio is taken within each round, so that a disturbance of both counts for neither', () => {
  const one = measured('kvferry', [1, 10, 1]);
  const other = measured('floor', [1, 10, 1]);
  expect(cpuRatio(one.samples, other.samples)).toBe(1);
});

test('a row holds the medians of its samples', () => {
  expect(toRow(measured('floor', [0.2, 0.4, 0.3]))).toMatchObject({
    cpuSecondsPerGiB: 0.3,
    cpuMicrosecondsPerOperation: 300_000,
    bytesPerSecond: 2 ** 29,
    operationsPerSecond: 0.5,
  });
});

describe('goals', () => {
  const goalAgainst = (client: ClientName, measurements: readonly Measurement[], verify: Verify = 'none') =>
    judge(measurements).find((goal) => goal.against === client && goal.verify === verify);

  test('one against the floor is met by at most so many times its CPU', () => {
    expect(goalAgainst('floor', [measured('floor', [1]), measured('kvferry', [1.25])])).toMatchObject({
      outcome: 'ok',
    });
    const missed = goalAgainst('floor', [measured('floor', [1]), measured('kvferry', [1.26])]);
    expect(missed).toMatchObject({ outcome: 'missed', ratio: 1.26, goal: 1.25 });
  });

  test('one against another client is met by at least so many times less', () => {
    expect(goalAgainst('undici', [measured('undici', [4]), measured('kvferry', [1])])).toMatchObject({ outcome: 'ok' });
    const missed = goalAgainst('undici', [measured('undici', [3.9]), measured('kvferry', [1])]);
    expect(missed).toMatchObject({ outcome: 'missed', ratio: 3.9 });
  });

  test('one of verified reads is held against the verified row', () => {
    const measurements = [measured('floor', [1]), measured('kvferry', [1]), measured('kvferry', [2], 'crc32c')];
    expect(goalAgainst('floor', measurements, 'crc32c')).toMatchObject({ outcome: 'missed', ratio: 2 });
  });

  test('one against a client that was left out is not measured', () => {
    const goal = goalAgainst('aws-crt', [measured('floor', [1]), measured('kvferry', [1])]);
    expect(goal).toMatchObject({ outcome: 'not measured', ratio: null });
  });
});
