import { describe, expect, it } from 'vitest';
import { exampleRecords, failedRecords } from '../results/example-run.ts';
import type { PhaseSummary, Summary } from '../results/summary.ts';
import { compareSummaries, type Metric, type MetricComparison } from './comparison.ts';
import { summarize } from './summarize.ts';

const run = summarize(exampleRecords(), { hardware: 'l40s' });

function metric(after: Partial<Summary>, name: Metric, before: Partial<Summary> = {}): MetricComparison | undefined {
  const { metrics } = compareSummaries({ ...run, ...before }, { ...run, ...after });
  return metrics.find(({ metric: each, phase }) => each === name && phase === null);
}

it('finds a run no different from itself', () => {
  const { caveats, metrics } = compareSummaries(run, run);
  expect(caveats).toEqual([]);
  expect(new Set(metrics.map(({ verdict }) => verdict))).toEqual(new Set(['within the spread']));
  expect(metrics.filter(({ phase }) => phase === null).map(({ metric: name }) => name)).toEqual([
    'throughput',
    'chunk p50',
    'chunk p99',
    'CPU',
    'break-even',
    'errors',
  ]);
});

describe('a figure', () => {
  it.each([
    ['better', 1.2],
    ['within the spread', 1.04],
    ['within the spread', 0.96],
    ['worse', 0.8],
  ])('of which more is good is %s at %f times', (verdict, factor) => {
    const compared = metric({ bytesPerSecond: run.bytesPerSecond * factor }, 'throughput');
    expect(compared).toMatchObject({ verdict, before: run.bytesPerSecond });
    expect(compared?.ratio).toBeCloseTo(factor);
  });

  it.each([
    ['worse', 1.2],
    ['better', 0.8],
  ])('of which less is good is %s at %f times', (verdict, factor) => {
    expect(metric({ cpuSecondsPerGiB: (run.cpuSecondsPerGiB ?? 0) * factor }, 'CPU')?.verdict).toBe(verdict);
  });

  it.each([
    ['fastest', { fastest: 15, median: 10, slowest: 9 }],
    ['slowest', { fastest: 11, median: 9, slowest: 6 }],
  ])('lies within what the %s second of either run differs by', (_, bytesPerSecond) => {
    const phases = run.phases.map((phase) => (phase.id === 'sweep-16' ? { ...phase, bytesPerSecond } : phase));
    const slower = { bytesPerSecond: run.bytesPerSecond * 0.7 };
    expect(metric({ ...slower, phases }, 'throughput')?.verdict).toBe('within the spread');
    expect(metric(slower, 'throughput', { phases })?.verdict).toBe('within the spread');
    expect(metric({ bytesPerSecond: run.bytesPerSecond * 0.6, phases }, 'throughput')?.verdict).toBe('worse');
  });

  it('is unknown where a run has none', () => {
    const nothing = { concurrency: null, bytesPerSecond: 0, chunkMilliseconds: null };
    expect(metric(nothing, 'throughput')).toMatchObject({ after: null, ratio: null, verdict: 'unknown' });
    expect(metric(nothing, 'chunk p99')?.verdict).toBe('unknown');
    expect(metric({ ...nothing, breakEvenTokens: null }, 'break-even')?.verdict).toBe('unknown');
  });
});

describe('what so few values cannot tell', () => {
  it('is no change: a window of one second has no other to differ from', () => {
    const phases = run.phases.map((phase) => (phase.id === 'sweep-16' ? { ...phase, seconds: 1.4 } : phase));
    expect(metric({ bytesPerSecond: run.bytesPerSecond * 0.85, phases }, 'throughput')?.verdict).toBe(
      'within the spread',
    );
    expect(metric({ bytesPerSecond: run.bytesPerSecond * 0.75, phases }, 'throughput')?.verdict).toBe('worse');
  });

  it.each([
    [2000, 1.2, 'worse'],
    [500, 1.2, 'within the spread'],
    [500, 1.4, 'worse'],
    [50, 1.9, 'within the spread'],
    [50, 2.2, 'worse'],
  ])('is no change: the slowest of %i reads, %f times as slow, is %s', (timedRequests, factor, verdict) => {
    const requestMs = { p50: 100, p90: 150, p99: 200, max: 900 };
    // Beside them there may be any number of lookups.
    const few = { requests: 5000, timedRequests, requestMs };
    const phases = run.phases.map((phase) => (phase.id === 'sweep-16' ? { ...phase, ...few } : phase));
    const [before, after] = [
      { p50: 100, p99: 200 },
      { p50: 100, p99: 200 * factor },
    ];
    const compared = metric({ chunkMilliseconds: after, phases }, 'chunk p99', { chunkMilliseconds: before, phases });
    expect(compared?.verdict).toBe(verdict);
  });
});

it('does not compare prompts that came more often, or were longer', () => {
  const phases = run.phases.map((phase): PhaseSummary => {
    const { workload } = phase;
    if (workload.type === 'open-loop') return { ...phase, workload: { ...workload, promptsPerSecond: 3 } };
    return phase.id === 'hit-95-cold' && workload.type === 'hit'
      ? { ...phase, workload: { ...workload, promptTokens: 8192 } }
      : phase;
  });
  const { caveats, metrics } = compareSummaries(run, { ...run, phases });
  expect(caveats).toEqual([
    'hit-95-cold is not compared: prompts of 4096 tokens before, of 8192 after.',
    'open-loop is not compared: 2.50 prompts/s before, 3.00 after.',
  ]);
  const compared = metrics.flatMap(({ phase }) => phase ?? []);
  expect(compared).toContain('hit-50-cold');
  expect(compared).not.toContain('hit-95-cold');
  expect(compared).not.toContain('open-loop');
});

it('compares no times of chunks of which others were read beside', () => {
  const { caveats, metrics } = compareSummaries(run, { ...run, concurrency: 8 });
  expect(caveats).toEqual([
    'Not the same best concurrency: 16 before, 8 after; so the times per chunk of the whole run are not compared.',
  ]);
  const top = metrics.filter(({ phase }) => phase === null).map(({ metric: name }) => name);
  expect(top).toEqual(['throughput', 'CPU', 'break-even', 'errors']);
});

it('compares no throughput of what lay in memory', () => {
  const warm = compareSummaries(run, run).metrics.filter(({ phase }) => phase === 'hit-95-warm');
  expect(warm.map(({ metric: name }) => name)).toEqual(['prompt p50', 'prompt p99', 'lookup p50']);
});

it('says which machine was busy before', () => {
  const machine = { ...run.machine, loadBefore: [3.1, 1, 1] };
  expect(compareSummaries(run, { ...run, machine }).caveats).toEqual([
    'The machine was busy when the run after began: load 3.1 on 4 cores.',
  ]);
});

it('has no break-even to compare where no rate of computing is known', () => {
  const plan = { ...run.plan, prefillTokensPerSecond: 0, breakEvenTokens: null };
  expect(metric({ plan, breakEvenTokens: null }, 'break-even')?.verdict).toBe('unknown');
});

it('takes it that never breaking even is the worst', () => {
  expect(metric({ breakEvenTokens: null }, 'break-even')?.verdict).toBe('worse');
  expect(metric({}, 'break-even', { breakEvenTokens: null })?.verdict).toBe('better');
  expect(metric({ breakEvenTokens: null }, 'break-even', { breakEvenTokens: null })?.verdict).toBe('within the spread');
  expect(metric({ breakEvenTokens: 512 }, 'break-even')?.verdict).toBe('worse');
});

it('counts errors, for which there is no spread', () => {
  expect(metric({ errors: { TIMEOUT: 2 } }, 'errors')).toMatchObject({ before: 1, after: 2, verdict: 'worse' });
  expect(metric({ errors: {} }, 'errors')?.verdict).toBe('better');
  expect(metric({ errors: {} }, 'errors', { errors: {} })?.verdict).toBe('within the spread');
  expect(metric({}, 'errors', { errors: {} })?.verdict).toBe('worse');
});

it('compares the phases that both have, and that did not fail', () => {
  const { caveats, metrics } = compareSummaries(run, summarize(failedRecords(), { hardware: 'l40s' }));
  const phases = new Set(metrics.flatMap(({ phase }) => phase ?? []));
  expect([...phases]).toEqual(['store', 'hit-95-cold', 'sweep-1', 'sweep-2', 'sweep-4', 'sweep-8']);
  expect(caveats).toEqual([
    'The run after is not complete: failed.',
    'sweep-16 failed in the run after: it is not compared.',
    'Not the same best concurrency: 16 before, 8 after; so the times per chunk of the whole run are not compared.',
  ]);
});

it('says first what the runs differ in', () => {
  const other: Summary = {
    ...run,
    backend: 's3-compatible',
    target: 'minio',
    model: 'mistral-7b',
    chunkBytes: 1024,
    sharesMachine: false,
    machine: { ...run.machine, cores: 8, node: 'v22.15.0' },
    plan: { ...run.plan, hardware: 'b200', prefillTokensPerSecond: 5e4 },
  };
  expect(compareSummaries(run, other).caveats).toEqual([
    'Not the same backend: s3 before, s3-compatible after.',
    'Not the same target: embedded before, minio after.',
    'Not the same model: llama-3.1-8b before, mistral-7b after.',
    'Not the same size of chunks: 33,554,432 bytes before, 1,024 bytes after.',
    'Not the same machine: Example processor, 4 cores before, Example processor, 8 cores after.',
    'The store did not run in the same place: on the same machine before, elsewhere after.',
    'Not the same version of Node: v24.21.0 before, v22.15.0 after.',
    'Break-even is not of the same hardware: l40s at 10,375 tokens/s before, b200 at 50,000 tokens/s after.',
  ]);
});
