import { median } from '../shared/statistics.ts';

/**
 * How many times as much CPU `one` used as `other`: the median of the ratios of each round. What disturbed the machine in a round disturbed
 * both, so a ratio within a round says more than one of two medians.
 */
export function cpuRatio(one: readonly CpuSample[], other: readonly CpuSample[]): number {
  const rounds = Math.min(one.length, other.length);
  return median(
    Array.from(
      { length: rounds },
      (_, round) => cpuPerOperation(one[round] as CpuSample) / cpuPerOperation(other[round] as CpuSample),
    ),
  );
}

export interface CpuSample {
  readonly cpuSeconds: number;
  readonly operations: number;
}

function cpuPerOperation({ cpuSeconds, operations }: CpuSample): number {
  return cpuSeconds / operations;
}
