import { requestFlow } from '../analysis/rows.ts';
import type { RequestRow } from '../results/records.ts';

/** Points of a curve, few enough to be drawn: a run of a hundred thousand rows is no larger a file than one of a thousand. */

/** A point of a percentile curve. */
export interface PercentilePoint {
  /** Share of all that took at most `milliseconds`, 0 to 1. */
  readonly share: number;
  /** Where it stands on an axis that gives each factor of ten of the rest the same room: 0 for none, 1 for 90 %, 2 for 99 %, 3 for 99.9 %. */
  readonly nines: number;
  readonly milliseconds: number;
}

const LARGEST_NINES = 3;
const STEPS_PER_NINE = 24;

export function ninesOf(share: number): number {
  return -Math.log10(1 - share);
}

/** By nearest rank. It ends where the number of values does: of a hundred, one is the slowest, so that nothing can be said beyond 99 %. */
export function percentileCurve(values: readonly number[]): PercentilePoint[] {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return [];
  const last = Math.min(LARGEST_NINES, Math.log10(sorted.length));
  const steps = Math.ceil(last * STEPS_PER_NINE);
  const points: PercentilePoint[] = [];
  for (let step = 0; step <= steps; step += 1) {
    const nines = Math.min(last, step / STEPS_PER_NINE);
    const share = 1 - 10 ** -nines;
    const rank = Math.max(1, Math.ceil(share * sorted.length - 1e-9));
    points.push({ share, nines, milliseconds: sorted[rank - 1] as number });
  }
  return points;
}

/** What was moved in each stretch of time. */
export interface Throughput {
  readonly binMs: number;
  /** Bytes per second, one for each bin from 0 on. */
  readonly read: Float64Array;
  readonly written: Float64Array;
}

const BINS_AT_MOST = 400;
const BIN_STEPS_MS = [100, 200, 250, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000];

export function throughputOverTime(rows: readonly RequestRow[], endMs: number): Throughput {
  const binMs = BIN_STEPS_MS.find((step) => endMs / step <= BINS_AT_MOST) ?? endMs / BINS_AT_MOST;
  const bins = Math.max(1, Math.ceil(endMs / binMs));
  const read = new Float64Array(bins);
  const written = new Float64Array(bins);
  for (const row of rows) {
    const flow = requestFlow(row);
    if (flow.bytes > 0)
      spread(row.operation === 'put' ? written : read, flow.bytes, flow.startMs / binMs, flow.endMs / binMs);
  }
  const perSecond = 1000 / binMs;
  return { binMs, read: read.map((bytes) => bytes * perSecond), written: written.map((bytes) => bytes * perSecond) };
}

function spread(bins: Float64Array, bytes: number, from: number, to: number): void {
  const last = bins.length - 1;
  const first = Math.min(last, Math.floor(from));
  const length = to - from;
  if (length <= 0) {
    bins[first] = (bins[first] ?? 0) + bytes;
    return;
  }
  for (let bin = first; bin <= last && bin < to; bin += 1) {
    const inside = Math.min(to, bin + 1) - Math.max(from, bin);
    bins[bin] = (bins[bin] ?? 0) + (bytes * inside) / length;
  }
}
