import { describe, expect, it } from 'vitest';
import type { ProcessFacts } from '../results/records.ts';
import type { PhaseSummary } from '../results/summary.ts';
import { bestStep, type Step } from './best-step.ts';
import { findLimit, type LimitSetting } from './limit.ts';

const idle: ProcessFacts = {
  cpuSeconds: 0,
  eventLoopUtilization: 0.3,
  eventLoopDelayMs: { p50: 0, p99: 0, max: 0 },
  peakMemoryBytes: 0,
  machineBusy: 0.4,
};
const setting: LimitSetting = { cores: 4, sharesMachine: false, maxRequestsInFlight: 64 };

function step(concurrency: number, median: number, facts: Partial<ProcessFacts> = {}, coresUsed = 0.5): Step {
  return {
    concurrency,
    bytesPerSecond: { fastest: median, median, slowest: median },
    coresUsed,
    phase: { process: { ...idle, ...facts } } as PhaseSummary,
  };
}

it('takes the lowest concurrency within 5 % of the highest throughput for the best', () => {
  const steps = [step(1, 50), step(2, 94.9), step(4, 95), step(8, 100), step(16, 90)];
  expect(bestStep(steps)?.concurrency).toBe(4);
  expect(bestStep(steps.toReversed())?.concurrency).toBe(4);
  expect(bestStep([])).toBeUndefined();
});

describe('findLimit', () => {
  it('blames the event loop before anything else', () => {
    const steps = [step(1, 50), step(2, 100, { eventLoopUtilization: 0.9, machineBusy: 1 }, 4)];
    expect(findLimit(steps, setting)).toEqual({
      limitedBy: 'event loop',
      reason: "With 2 requests at once, the event loop of the client's main thread was busy for 90 % of the time.",
    });
  });

  it('sees what is busy at any step that is as fast as the best', () => {
    const steps = [step(4, 97, { eventLoopUtilization: 0.85 }), step(8, 100, { eventLoopUtilization: 0.97 })];
    expect(findLimit(steps, setting)).toMatchObject({ limitedBy: 'event loop' });
    expect(findLimit(steps, setting)?.reason).toContain('With 8 requests at once, about as fast as 4, the event loop');
    expect(findLimit([step(4, 100), step(8, 80, { eventLoopUtilization: 1 })], setting)?.limitedBy).toBe('store');
  });

  it('blames the client that has all cores', () => {
    expect(findLimit([step(1, 100, {}, 3.6)], setting)).toEqual({
      limitedBy: 'client CPU',
      reason: "With 1 request at once, the client used 3.6 of the machine's 4 cores.",
    });
    expect(findLimit([step(1, 100, {}, 3.5)], setting)?.limitedBy).toBe('store');
  });

  it('blames a store that has most of the machine which it shares', () => {
    const steps = [step(8, 100, { machineBusy: 0.97 }, 1.2)];
    expect(findLimit(steps, { ...setting, sharesMachine: true })).toEqual({
      limitedBy: 'store',
      reason:
        "With 8 requests at once, the machine's 4 cores were 97 % busy: the client used 1.2 of them, the store on the same machine had the rest.",
    });
    expect(findLimit([step(8, 100, { machineBusy: 0.97 }, 2.2)], { ...setting, sharesMachine: true })).toEqual({
      limitedBy: 'client CPU',
      reason:
        "With 8 requests at once, the machine's 4 cores were 97 % busy: the client used 2.2 of them, the store on the same machine had the rest.",
    });
  });

  it('blames the client on a busy machine of its own where it has most of it', () => {
    expect(findLimit([step(8, 100, { machineBusy: 1 }, 2.1)], setting)).toEqual({
      limitedBy: 'client CPU',
      reason: "With 8 requests at once, the machine's 4 cores were 100 % busy: the client used 2.1 of them.",
    });
    expect(findLimit([step(8, 100, { machineBusy: 1 }, 2)], setting)?.limitedBy).toBe('store');
  });

  it('blames the requests where twice as many still brought more', () => {
    expect(findLimit([step(16, 80), step(32, 100)], setting)).toEqual({
      limitedBy: 'request limit',
      reason: 'From 16 to 32 requests at once the throughput still rose by 25 %, and more were not measured.',
    });
    expect(findLimit([step(32, 80), step(64, 100)], setting)?.reason).toContain("the client's maxRequestsInFlight");
    expect(findLimit([step(64, 100)], setting)?.limitedBy).toBe('request limit');
  });

  it('blames the store for what is left, with the figures', () => {
    expect(findLimit([step(8, 100), step(16, 102)], setting)).toEqual({
      limitedBy: 'store',
      reason:
        'More than 8 requests at once gained nothing to speak of (+2 % with 16); the client used 0.5 of 4 cores, its event loop was 30 % busy: the store, or the network to it, gave no more.',
    });
    expect(findLimit([step(8, 92), step(16, 100)], setting)?.reason).toContain('rose by 9 % only');
    expect(findLimit([step(8, 100)], setting)?.reason).toContain('Nothing but 8 requests at once was measured');
  });

  it('does without figures of the process', () => {
    const bare = { ...step(8, 100), coresUsed: null, phase: { process: null } as PhaseSummary };
    expect(findLimit([bare], setting)?.reason).toBe(
      'Nothing but 8 requests at once was measured: the store, or the network to it, gave no more.',
    );
    expect(findLimit([], setting)).toBeUndefined();
  });
});
