import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ServerClock } from './clock.ts';

const NOW = Date.UTC(2026, 5, 1, 12);

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const header = (offsetMs: number) => new Date(NOW + offsetMs).toUTCString();

it('takes over a clock that is over four minutes away, and says so once per process', () => {
  const clock = new ServerClock();
  expect(clock.correct(header(3_600_000), NOW)).toBe(true);
  expect(clock.offsetMs).toBe(3_600_000);
  expect(clock.now()).toBe(NOW + 3_600_000);
  expect(new ServerClock().correct(header(-3_600_000), NOW)).toBe(true);
  expect(process.emitWarning).toHaveBeenCalledTimes(1);
  expect(vi.mocked(process.emitWarning).mock.calls[0]?.[0]).toMatch(/clock is 60 min behind/);
});

it.each([
  ['a clock that is near', header(239_000)],
  ['no date', undefined],
  ['what is no date', 'yesterday'],
])('keeps its own for %s', (_name, date) => {
  const clock = new ServerClock();
  expect(clock.correct(date, NOW)).toBe(false);
  expect(clock.offsetMs).toBe(0);
});

it('gives each request that was signed by the wrong clock its retry, though the first has corrected it', () => {
  const clock = new ServerClock();
  expect(clock.correct(header(3_600_000), NOW)).toBe(true);
  expect(clock.correct(header(3_600_000), NOW)).toBe(true);
  expect(clock.correct(header(3_600_000), clock.now())).toBe(false);
});
