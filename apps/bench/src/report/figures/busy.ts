import * as Plot from '@observablehq/plot';
import type { ProcessFacts } from '../../results/records.ts';
import type { ShownRun } from '../run-data.ts';
import { percentText } from '../units.ts';
import type { Figure } from './figure.ts';
import { moveApart } from './labels.ts';
import { concurrencyAxis, FRAME } from './sweep.ts';

/** How busy client and machine were while chunks were read: whether it was they that limited it. `undefined` where nobody measured. */
export function busyFigure(runs: readonly ShownRun[]): Figure | undefined {
  const lines = runs.flatMap((run) =>
    measures.map((measure) => ({ run, measure, steps: stepsOf(run) })).filter(({ steps }) => steps.length > 0),
  );
  if (lines.length === 0) return undefined;
  const concurrencies = [...new Set(lines.flatMap(({ steps }) => steps.map(({ concurrency }) => concurrency)))];
  const plotHeight = FRAME.height - FRAME.marginTop - FRAME.marginBottom;
  const ends = lines.map(
    ({ steps, measure }) => (1 - Math.min(1, steps.at(-1)?.process[measure.of] ?? 0)) * plotHeight,
  );
  const moved = moveApart(ends, 15, 0, plotHeight);
  return {
    id: 'busy',
    title: 'Client and machine, by how many at a time',
    description:
      'Share of the time in which the event loop of the client’s main thread was busy, and share of all processors in use.',
    size: 'half',
    legend: [],
    draw: () => ({
      ...FRAME,
      marginRight: 84,
      x: concurrencyAxis(concurrencies),
      y: {
        domain: [0, 1],
        label: 'busy',
        ticks: 5,
        tickSize: 0,
        tickFormat: percentText,
        grid: true,
        labelArrow: 'none',
      },
      marks: lines.flatMap(({ run, measure, steps }, index) => {
        const colour = measure.isDashed && runs.length === 1 ? 'var(--green)' : run.colour;
        const value = ({ process }: Step): number => Math.min(1, process[measure.of]);
        return [
          Plot.lineY(steps, {
            x: 'concurrency',
            y: value,
            stroke: colour,
            strokeWidth: 2,
            ...(measure.isDashed ? { strokeDasharray: '5 3' } : {}),
          }),
          Plot.dot(steps, {
            x: 'concurrency',
            y: value,
            fill: colour,
            r: 3,
            title: (step: Step) =>
              `${run.letter} ${step.concurrency} at a time, ${measure.name}: ${percentText(value(step))}`.trimStart(),
          }),
          Plot.text(steps.slice(-1), {
            x: 'concurrency',
            y: value,
            text: () => `${run.letter} ${measure.name}`.trimStart(),
            textAnchor: 'start',
            dx: 8,
            dy: (moved[index] ?? 0) - (ends[index] ?? 0),
            fill: 'var(--ink)',
          }),
        ];
      }),
    }),
  };
}

const measures = [
  { of: 'eventLoopUtilization', name: 'event loop', isDashed: false },
  { of: 'machineBusy', name: 'machine', isDashed: true },
] as const satisfies readonly { readonly of: keyof ProcessFacts; readonly name: string; readonly isDashed: boolean }[];

interface Step {
  readonly concurrency: number;
  readonly process: ProcessFacts;
}

function stepsOf({ summary }: ShownRun): Step[] {
  return summary.phases
    .flatMap(({ workload, process }) =>
      workload.type === 'sweep' && process !== null ? [{ concurrency: workload.concurrency, process }] : [],
    )
    .sort((a, b) => a.concurrency - b.concurrency);
}
