import type { Percentiles } from '../results/summary.ts';
import { median, nearestRank } from '../shared/statistics.ts';

/** Percentiles by nearest rank. `null` of none. */
export function percentilesOf(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => nearestRank(sorted, share);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** The middle value. `null` of none. */
export function medianOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : median(values);
}
