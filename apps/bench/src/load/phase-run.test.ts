import { KvferryError } from '@kvferry/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PhaseOrder } from './messages.ts';
import { PhaseRun } from './phase-run.ts';
import { orderOf } from './testing/small-load.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const limits = { maxMs: 1000, warmUpMs: 100, maxBytes: 1000, maxPrompts: 2 };

function start(changes: Partial<PhaseOrder> = {}): PhaseRun {
  const startedMs = Date.now();
  return new PhaseRun(
    orderOf({ type: 'sweep', concurrency: 1 }, { ...limits, ...changes }),
    () => Date.now() - startedMs,
  );
}

test('it is over when its time is, and calls off what is still under way two seconds later', () => {
  const run = start();
  run.measure();
  vi.advanceTimersByTime(999);
  expect(run.isOver).toBe(false);
  vi.advanceTimersByTime(1);
  expect(run.isOver).toBe(true);
  vi.advanceTimersByTime(1999);
  expect(run.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(run.signal.aborted).toBe(true);
  expect(run.close()).toMatchObject({ startMs: 0, warmUntilMs: 0, endMs: 3000, endedBy: 'time', error: null });
});

test('what is done to the last prompt may use the rest of its time', () => {
  const run = start();
  run.measure();
  expect([run.takePrompt(), run.takePrompt(), run.takePrompt()]).toEqual([true, true, false]);
  expect(run.end).toBe('done');
  vi.advanceTimersByTime(2999);
  expect(run.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(run.signal.aborted).toBe(true);
  run.close();
});

test('no more prompts warm up than are measured', () => {
  const run = start();
  expect([run.takePrompt(), run.isWarmingUp]).toEqual([true, true]);
  expect([run.takePrompt(), run.isWarmingUp]).toEqual([true, false]);
  run.measure();
  expect(run.takePrompt()).toBe(true);
  run.close();
});

test('an interrupt waits for nothing', () => {
  const run = start();
  run.measure();
  run.interrupt();
  expect(run.signal.aborted).toBe(true);
  expect(run.close().endedBy).toBe('interrupted');
});

test('bytes that were taken are never more than it may move', () => {
  const run = start();
  expect([run.takeBytes(600), run.takeBytes(400), run.takeBytes(1)]).toEqual([true, true, false]);
  expect(run.end).toBe('bytes');
  expect(run.takeBytes(0)).toBe(false);
  expect(run.close()).toMatchObject({ process: null });
});

test('it warms up as long as it may, and with a quarter of its bytes at most', () => {
  const run = start();
  expect(run.isWarmingUp).toBe(true);
  vi.advanceTimersByTime(100);
  expect(run.isWarmingUp).toBe(false);
  const other = start();
  other.takeBytes(250);
  expect(other.isWarmingUp).toBe(false);
  other.measure();
  expect(other.close().process).not.toBe(null);
});

test('prompts of the warm-up are not counted', () => {
  const run = start();
  for (let count = 0; count < 10; count += 1) expect(run.takePrompt()).toBe(true);
  run.close();
});

test('the first end counts, and what was called off is no failure', () => {
  const run = start();
  run.interrupt();
  run.fail(new KvferryError('ABORTED', 'called off'));
  expect(run.close()).toMatchObject({ endedBy: 'interrupted', error: null });
  const other = start();
  other.fail(new KvferryError('CONNECTION', 'gone', { operation: 'get' }));
  other.finish('time');
  expect(other.close()).toMatchObject({
    endedBy: 'failed',
    error: { code: 'CONNECTION', message: 'CONNECTION in get: gone' },
  });
});

test('a phase in which nothing came has failed, however little was tried', () => {
  const lost = start();
  lost.measure();
  lost.failed(new KvferryError('UNAVAILABLE', 'the store is down'));
  lost.finish('bytes');
  expect(lost.close()).toMatchObject({ endedBy: 'failed', error: { code: 'UNAVAILABLE' } });

  const mixed = start();
  mixed.measure();
  mixed.failed(new KvferryError('UNAVAILABLE', 'the store is down'));
  mixed.succeeded();
  mixed.finish('bytes');
  expect(mixed.close()).toMatchObject({ endedBy: 'bytes', error: null });
});

test('a store that fails while what was under way comes in has failed, though the time was up before', () => {
  const run = start();
  run.measure();
  run.succeeded();
  run.finish('time');
  for (let count = 0; count < 3; count += 1) run.failed(new KvferryError('UNAVAILABLE', 'the store is down'));
  expect(run.end).toBe('failed');
  expect(run.close()).toMatchObject({ endedBy: 'failed', error: { code: 'UNAVAILABLE' } });
});
