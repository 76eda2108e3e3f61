import type { PhaseRecord } from '../results/records.ts';
import type { PhaseSummary } from '../results/summary.ts';
import type { Throughput } from './window.ts';

/** One step of the concurrency sweep that has read something, and did not fail. */
export interface Step {
  readonly concurrency: number;
  readonly bytesPerSecond: Throughput;
  /** How many of the machine's cores the client kept busy; `null` where that was not measured. */
  readonly coresUsed: number | null;
  readonly phase: PhaseSummary;
}

/** Within this share of the highest throughput, more requests at once gain nothing but latency. */
const PLATEAU_SHARE = 0.95;

/** What a phase was as a step of the sweep; `undefined` for any other phase, for one that failed, and for one that read nothing. */
export function stepOf(record: PhaseRecord, phase: PhaseSummary): Step | undefined {
  const { endMs, endedBy, process, warmUntilMs, workload } = record;
  const { bytesPerSecond } = phase;
  if (workload.type !== 'sweep' || endedBy === 'failed') return undefined;
  // Where nothing came in most of its seconds, nothing was sustained.
  if (bytesPerSecond === null || bytesPerSecond.median === 0) return undefined;
  const seconds = (endMs - warmUntilMs) / 1000;
  const coresUsed = process === null || seconds <= 0 ? null : process.cpuSeconds / seconds;
  return { concurrency: workload.concurrency, bytesPerSecond, coresUsed, phase };
}

/** The steps whose median throughput lies within 5 % of the highest, by concurrency. */
export function plateauOf(steps: readonly Step[]): Step[] {
  const highest = steps.reduce((most, { bytesPerSecond }) => Math.max(most, bytesPerSecond.median), 0);
  return byConcurrency(steps).filter(({ bytesPerSecond }) => bytesPerSecond.median >= PLATEAU_SHARE * highest);
}

/** The step to run a store at: the lowest concurrency of the plateau. `undefined` where nothing could be read. */
export function bestStep(steps: readonly Step[]): Step | undefined {
  return plateauOf(steps)[0];
}

/** The steps, the narrowest first. */
export function byConcurrency(steps: readonly Step[]): Step[] {
  return steps.toSorted((one, other) => one.concurrency - other.concurrency);
}
