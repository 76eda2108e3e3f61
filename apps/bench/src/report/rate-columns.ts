import { movedRate } from '../analysis/phase-summary.ts';
import type { PhaseSummary } from '../results/summary.ts';
import { type RateUnit, rateUnit, threeDigits } from './units.ts';

/** How fast a phase was, as the columns of a table. */
export interface RateCells {
  readonly median: string;
  readonly range: string;
  readonly cpuSecondsPerGiB: string;
}

/** What stands where there is no figure. */
export const NONE = '–';

/**
 * Columns for the throughput of phases, all in one unit. What came from memory has none; and a single second has no range.
 */
export function rateColumns(phases: readonly PhaseSummary[]): {
  readonly unit: RateUnit;
  cells(phase: PhaseSummary): RateCells;
} {
  const unit = rateUnit(Math.max(0, ...phases.map((phase) => movedRate(phase)?.median ?? 0)));
  return {
    unit,
    cells(phase) {
      const rate = movedRate(phase);
      if (rate === null) return { median: NONE, range: NONE, cpuSecondsPerGiB: NONE };
      const { median, slowest, fastest } = rate;
      return {
        median: unit.text(median),
        range: phase.seconds < 2 ? NONE : `${unit.text(slowest)}–${unit.text(fastest)}`,
        cpuSecondsPerGiB: phase.cpuSecondsPerGiB === null ? NONE : threeDigits(phase.cpuSecondsPerGiB),
      };
    },
  };
}
