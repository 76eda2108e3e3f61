import { partsOf, type RunParts } from '../analysis/run-parts.ts';
import type { RunRecord } from '../results/records.ts';
import type { Summary } from '../results/summary.ts';

/** A run as it is handed in to be shown. */
export interface RecordedRun {
  /** Names its folder. */
  readonly name: string;
  readonly summary: Summary;
  readonly records: readonly RunRecord[];
}

/** A run, and how the report tells it from another. */
export interface ShownRun extends RunParts {
  readonly name: string;
  readonly summary: Summary;
  /** Empty where there is one run only. */
  readonly letter: '' | 'A' | 'B';
  /** Colour of its marks, for CSS. */
  readonly colour: string;
}

export function shownRun({ name, summary, records }: RecordedRun, letter: ShownRun['letter']): ShownRun {
  return { ...partsOf(records), name, summary, letter, colour: letter === 'B' ? 'var(--orange)' : 'var(--blue)' };
}
