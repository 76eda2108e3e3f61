import { expect, test } from 'vitest';
import { ThroughputWindows } from './throughput-windows.ts';

test('the bytes of a read count evenly over its time', () => {
  const windows = new ThroughputWindows(1000);
  windows.add(1000, 1100, 10);
  // Half of it in each of the first two windows.
  windows.add(1100, 1300, 40);
  windows.add(1300, 1600, 30);
  expect(windows.before(1600)).toEqual([30, 30, 20]);
});

test('a window that is not over does not count', () => {
  const windows = new ThroughputWindows(0);
  for (const startMs of [0, 100, 200, 300]) windows.add(startMs, startMs + 100, 10);
  expect(windows.before(199)).toEqual([]);
  expect(windows.before(399)).toEqual([20]);
  expect(windows.before(400)).toEqual([20, 20]);
});

test('windows are as long as a read takes', () => {
  const windows = new ThroughputWindows(0);
  windows.add(0, 500, 100);
  windows.add(500, 1000, 100);
  windows.add(1000, 1500, 100);
  // 600 ms: whole steps of 200.
  expect(windows.before(1500).map(Math.round)).toEqual([120, 120]);
});

test('a read that took no time counts where it was', () => {
  const windows = new ThroughputWindows(0);
  windows.add(250, 250, 7);
  expect(windows.before(400)).toEqual([0, 7]);
});

test('asks for steadiness once per window at most', () => {
  const windows = new ThroughputWindows(0);
  expect([100, 199, 200, 250, 401, 402].map((ms) => windows.hasNew(ms))).toEqual([
    false,
    false,
    true,
    false,
    true,
    false,
  ]);
});
