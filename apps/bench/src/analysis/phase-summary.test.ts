import { describe, expect, it } from 'vitest';
import type { PhaseRecord, PromptRow, RequestRow, Workload } from '../results/records.ts';
import { latencies, summarizePhase, wasNeverBusy } from './phase-summary.ts';

const GIB = 1024 ** 3;

function phase(workload: Workload, times: Partial<PhaseRecord> = {}): PhaseRecord {
  const always = { kind: 'phase', id: 'p', workload, endedBy: 'done', error: null } as const;
  return { ...always, startMs: 0, warmUntilMs: 100, endMs: 2100, process: null, ...times };
}

function get(startMs: number, endMs: number, more: Partial<RequestRow> = {}): RequestRow {
  const always = { kind: 'request', phase: 'p', operation: 'get', attempt: 1, status: 'ok', error: null } as const;
  return { ...always, startMs, firstByteMs: startMs, endMs, bytes: 1000, ...more };
}

function prompt(startMs: number, endMs: number, more: Partial<PromptRow> = {}): PromptRow {
  const always = { kind: 'prompt', phase: 'p', dueMs: startMs, lookedUpMs: startMs, error: null } as const;
  return { ...always, startMs, endMs, tokens: 512, hitTokens: 256, bytes: 1000, ...more };
}

const sweep2: Workload = { type: 'sweep', concurrency: 2 };
const hit: Workload = { type: 'hit', share: 0.5, temperature: 'warm', promptTokens: 512 };
const facts = {
  eventLoopUtilization: 0.5,
  eventLoopDelayMs: { p50: 0, p99: 0, max: 0 },
  peakMemoryBytes: 0,
  machineBusy: 0,
};

describe('a step of the sweep', () => {
  it('counts the stretch in which all slots were busy, of what began after the warm-up', () => {
    const rows = [get(50, 300), get(100, 500), get(300, 700), get(500, 900), get(900, 1100), get(700, 800)];
    const summary = summarizePhase(phase(sweep2), rows, []);
    // From 300, when the second slot begins a request that counts, to 800, when no second one follows at once.
    expect(summary.seconds).toBeCloseTo(0.5);
    expect(summary.bytes).toBe(500 + 1000 + 750 + 1000);
    expect(summary.requests).toBe(3);
    expect(summary.bytesPerSecond?.median).toBeCloseTo(3250 / 0.5);
  });

  it('takes latencies of requests that began before the end of the window and were answered', () => {
    const rows = [
      get(100, 1000),
      get(200, 300),
      get(300, 450, { status: 'failed', error: 'TIMEOUT', firstByteMs: null }),
      get(450, 900, { attempt: 2, firstByteMs: 460 }),
      get(1001, 2000),
    ];
    const summary = summarizePhase(phase(sweep2), rows, []);
    expect(summary.seconds).toBeCloseTo(0.7);
    expect(summary.requestMs).toEqual({ p50: 450, p90: 900, p99: 900, max: 900 });
    expect(summary.firstByteMs).toEqual({ p50: 0, p90: 10, p99: 10, max: 10 });
    expect(summary.errors).toEqual({ TIMEOUT: 1 });
    expect(latencies(rows, phase(sweep2))).toEqual([900, 100, 450]);
  });

  it('counts a read that kept its slot for all of the window: it is the slowest', () => {
    const quick = Array.from({ length: 50 }, (_, index) => get(110 + index * 10, 120 + index * 10));
    const { requestMs, seconds } = summarizePhase(phase(sweep2), [get(100, 2050), ...quick], []);
    expect(seconds).toBeCloseTo(0.5);
    expect(requestMs).toMatchObject({ p50: 10, max: 1950 });
  });

  it('takes latencies of all reads where there was one for each slot', () => {
    const rows = [get(100, 400), get(200, 550)];
    expect(summarizePhase(phase(sweep2), rows, []).requestMs).toMatchObject({ p50: 300, max: 350 });
  });

  it('is all that was measured where the slots were never busy', () => {
    const rows = [get(200, 700), get(700, 1000)];
    expect(summarizePhase(phase(sweep2), rows, []).seconds).toBe(2);
    expect(wasNeverBusy(phase(sweep2), rows)).toBe(true);
    expect(wasNeverBusy(phase({ type: 'sweep', concurrency: 1 }), rows)).toBe(false);
  });

  it('counts bytes from the first byte on, of a put from its start, of a failed attempt not at all', () => {
    const window = { warmUntilMs: 0, endMs: 1000 };
    const one: Workload = { type: 'store', prompts: 1 };
    const late = get(0, 2000, { firstByteMs: 1000 });
    expect(summarizePhase(phase(one, window), [late], []).bytesPerSecond).toBeNull();
    expect(summarizePhase(phase(one, window), [{ ...late, operation: 'put' }], []).bytes).toBe(500);
    expect(summarizePhase(phase(one, window), [get(0, 500, { status: 'failed' })], []).bytesPerSecond).toBeNull();
  });
});

describe('CPU', () => {
  it('is divided by all bytes between warm-up and end, whenever their requests began', () => {
    const process = { ...facts, cpuSeconds: 3 };
    const rows = [get(0, 200, { bytes: GIB }), get(200, 300, { bytes: GIB })];
    const summary = summarizePhase(phase({ type: 'sweep', concurrency: 1 }, { process }), rows, []);
    expect(summary.cpuSecondsPerGiB).toBeCloseTo(3 / 1.5);
  });

  it('is not known where nobody measured, or nothing moved', () => {
    expect(summarizePhase(phase(sweep2), [get(200, 300)], []).cpuSecondsPerGiB).toBeNull();
    expect(summarizePhase(phase(sweep2, { process: { ...facts, cpuSeconds: 1 } }), [], []).cpuSecondsPerGiB).toBeNull();
  });
});

describe('a phase of prompts', () => {
  it('counts the bytes of prompts, also where no request was needed', () => {
    const summary = summarizePhase(phase(hit), [], [prompt(50, 90), prompt(100, 1100), prompt(1100, 2100)]);
    expect(summary).toMatchObject({ prompts: 2, requests: 0, bytes: 2000, hitShare: 0.5, requestMs: null });
    expect(summary.bytesPerSecond).toEqual({ fastest: 1000, median: 1000, slowest: 1000 });
  });

  it('takes latencies from when a prompt was due, without those that failed', () => {
    const late = prompt(300, 400, { dueMs: 150, lookedUpMs: 320 });
    const failed = prompt(500, 600, { error: 'TIMEOUT', lookedUpMs: null });
    const summary = summarizePhase(phase(hit), [], [late, failed]);
    expect(summary.promptMs?.max).toBe(250);
    expect(summary.lookupMs?.max).toBe(20);
  });

  it('counts how long prompts had waited at the end, which found nothing since they never asked', () => {
    const waiting = prompt(2100, 2100, { dueMs: 600, error: 'ABORTED', lookedUpMs: null, hitTokens: 0, bytes: 0 });
    const summary = summarizePhase(phase(hit), [], [prompt(100, 200), waiting]);
    expect(summary).toMatchObject({ prompts: 2, hitShare: 0.5, promptMs: { p50: 100, max: 1500 } });
  });

  it('has no share of hits where prompts are stored', () => {
    const stored = prompt(100, 200, { lookedUpMs: null, hitTokens: 512 });
    expect(summarizePhase(phase({ type: 'store', prompts: 1 }), [], [stored]).hitShare).toBeNull();
  });

  it('takes the latencies of requests that carry values, and none of lookups in their place', () => {
    const stat = get(100, 110, { operation: 'stat', bytes: 0, status: 'miss' });
    expect(summarizePhase(phase(hit), [stat], [])).toMatchObject({ requestMs: null, firstByteMs: null });
    const both = summarizePhase(phase(hit), [stat, get(110, 310)], []);
    expect(both).toMatchObject({ requests: 2, timedRequests: 1, requestMs: { p50: 200 } });
  });

  it('knows no first byte of what is stored: that of the answer is its end', () => {
    const put = get(100, 300, { operation: 'put', firstByteMs: 300 });
    const summary = summarizePhase(phase({ type: 'store', prompts: 1 }), [put], []);
    expect(summary.requestMs?.p50).toBe(200);
    expect(summary.firstByteMs).toBeNull();
  });

  it('counts no request as failed that the client called off', () => {
    const calledOff = get(100, 200, { status: 'failed', error: 'ABORTED', bytes: 0 });
    const failed = get(100, 200, { status: 'failed', error: 'TIMEOUT', bytes: 0 });
    expect(summarizePhase(phase(hit), [calledOff, failed], []).errors).toEqual({ TIMEOUT: 1 });
  });
});
