import { expect, test } from 'vitest';
import type { PhaseSummary } from '../results/summary.ts';
import { rateColumns } from './rate-columns.ts';
import { exampleRun } from './testing/example-reports.ts';

test('what a warm cache hands out does not make the unit too large for a slow store', () => {
  const slow = (phase: PhaseSummary): PhaseSummary => ({
    ...phase,
    bytesPerSecond: phase.id.endsWith('warm')
      ? { fastest: 4e11, median: 4e11, slowest: 4e11 }
      : { fastest: 24e6, median: 23e6, slowest: 22e6 },
  });
  const phases = exampleRun().summary.phases.map(slow);
  const { unit, cells } = rateColumns(phases);
  expect(unit.name).toBe('MB/s');
  const cellsOf = (id: string) => cells(phases.find((phase) => phase.id === id) as PhaseSummary);
  expect(cellsOf('sweep-16')).toMatchObject({ median: '23.0', range: '22.0–24.0' });
  expect(cellsOf('hit-95-warm')).toEqual({ median: '–', range: '–', cpuSecondsPerGiB: '–' });
});
