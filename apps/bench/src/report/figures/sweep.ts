import * as Plot from '@observablehq/plot';
import type { Percentiles } from '../../results/summary.ts';
import type { ShownRun } from '../run-data.ts';
import { durationText, rateText, rateUnit } from '../units.ts';
import type { Figure } from './figure.ts';
import { moveApart, tickText } from './labels.ts';

/** Throughput and latency of reading single chunks, over how many are read at a time. */
export function sweepFigures(runs: readonly ShownRun[]): Figure[] {
  const sweeps = runs.map((run) => ({ run, steps: stepsOf(run) })).filter(({ steps }) => steps.length > 0);
  if (sweeps.length === 0) return [];
  const concurrencies = [...new Set(sweeps.flatMap(({ steps }) => steps.map(({ concurrency }) => concurrency)))];
  return [sweepThroughput(sweeps, concurrencies), sweepLatency(sweeps, concurrencies)];
}

interface Sweep {
  readonly run: ShownRun;
  readonly steps: readonly Step[];
}

interface Step {
  readonly concurrency: number;
  readonly rate: { readonly fastest: number; readonly median: number; readonly slowest: number };
  readonly requestMs: Percentiles;
  readonly isWhole: boolean;
  readonly isShort: boolean;
}

function stepsOf({ summary }: ShownRun): Step[] {
  return summary.phases
    .flatMap(({ workload, bytesPerSecond, requestMs, endedBy, seconds }) => {
      if (workload.type !== 'sweep' || bytesPerSecond === null || requestMs === null) return [];
      const step = { concurrency: workload.concurrency, rate: bytesPerSecond, requestMs };
      return [{ ...step, isWhole: endedBy !== 'failed', isShort: seconds < 2 }];
    })
    .sort((a, b) => a.concurrency - b.concurrency);
}

/** Where a step has one second only, nothing is seen of how even it was. */
function shortText(sweeps: readonly Sweep[]): string {
  const haveShort = sweeps.some(({ steps }) => steps.some(({ isShort }) => isShort));
  return haveShort ? ', where a step has more than one' : '';
}

/** A hollow point stands for less than a whole phase. */
function brokenText(sweeps: readonly Sweep[]): string {
  const areWhole = sweeps.every(({ steps }) => steps.every(({ isWhole }) => isWhole));
  return areWhole ? '' : ' Hollow: the phase failed.';
}

export const FRAME = { height: 250, marginTop: 34, marginBottom: 40, marginLeft: 48 };

export function concurrencyAxis(concurrencies: readonly number[]): Plot.ScaleOptions {
  const [least, most] = [Math.min(...concurrencies), Math.max(...concurrencies)];
  return {
    type: 'log',
    base: 2,
    // A single step stands in the middle.
    domain: least === most ? [least / 2, most * 2] : [least, most],
    ticks: concurrencies,
    tickFormat: String,
    label: 'chunks read at a time',
    labelAnchor: 'right',
    labelArrow: 'none',
    inset: 12,
    tickSize: 0,
  };
}

function sweepThroughput(sweeps: readonly Sweep[], concurrencies: readonly number[]): Figure {
  const most = Math.max(...sweeps.flatMap(({ steps }) => steps.map(({ rate }) => rate.fastest)));
  const unit = rateUnit(most);
  const median = ({ rate }: Step): number => rate.median / unit.bytes;
  return {
    id: 'sweep-throughput',
    title: 'Throughput, by how many at a time',
    description: `The median second, and from the slowest second to the fastest${shortText(sweeps)}.${brokenText(sweeps)}`,
    size: 'half',
    legend: [],
    draw: () => ({
      ...FRAME,
      marginRight: 20,
      x: concurrencyAxis(concurrencies),
      y: {
        domain: [0, (most / unit.bytes) * 1.08],
        label: unit.name,
        grid: true,
        ticks: 5,
        tickSize: 0,
        labelArrow: 'none',
      },
      marks: sweeps.flatMap(({ run, steps }, index) => {
        const best = steps.find(({ concurrency }) => concurrency === run.summary.concurrency) ?? steps.at(-1);
        return [
          Plot.areaY(steps, {
            x: 'concurrency',
            y1: ({ rate }) => rate.slowest / unit.bytes,
            y2: ({ rate }) => rate.fastest / unit.bytes,
            fill: run.colour,
            fillOpacity: 0.16,
          }),
          Plot.lineY(steps, { x: 'concurrency', y: median, stroke: run.colour, strokeWidth: 2 }),
          Plot.dot(steps, {
            x: 'concurrency',
            y: median,
            fill: (step: Step) => (step.isWhole ? run.colour : 'var(--paper)'),
            stroke: run.colour,
            r: 3.5,
            title: ({ concurrency, rate }) =>
              `${run.letter} ${concurrency} at a time: ${rateText(rate.median)}`.trimStart(),
          }),
          Plot.text(best === undefined ? [] : [best], {
            x: 'concurrency',
            y: median,
            text: ({ rate }) => `${run.letter} ${rateText(rate.median)}`.trimStart(),
            dy: sweeps.length > 1 && index === 0 ? 16 : -14,
            textAnchor: best === steps.at(-1) ? 'end' : best === steps[0] ? 'start' : 'middle',
            fill: 'var(--ink)',
            fontWeight: 600,
            stroke: 'var(--paper)',
            strokeWidth: 3,
          }),
        ];
      }),
    }),
  };
}

function sweepLatency(sweeps: readonly Sweep[], concurrencies: readonly number[]): Figure {
  // No axis has no length.
  const most = Math.max(0.1, ...sweeps.flatMap(({ steps }) => steps.map(({ requestMs }) => requestMs.p99)));
  const inSeconds = most >= 10_000;
  const lines = sweeps.flatMap(({ run, steps }) =>
    (['p99', 'p50'] as const).map((percentile) => ({ run, steps, percentile })),
  );
  const plotHeight = FRAME.height - FRAME.marginTop - FRAME.marginBottom;
  const ends = lines.map(({ steps, percentile }) => {
    const value = steps.at(-1)?.requestMs[percentile] ?? 0;
    return (1 - value / (most * 1.08)) * plotHeight;
  });
  const moved = moveApart(ends, 15, 0, plotHeight);
  return {
    id: 'sweep-latency',
    title: 'Latency of a chunk, by how many at a time',
    description: `From asking to the last byte: median and 99th percentile.${brokenText(sweeps)}`,
    size: 'half',
    legend: [],
    draw: () => ({
      ...FRAME,
      marginRight: 56,
      x: concurrencyAxis(concurrencies),
      y: {
        domain: [0, most * 1.08],
        label: inSeconds ? 'seconds' : 'milliseconds',
        grid: true,
        ticks: 5,
        tickSize: 0,
        tickFormat: (milliseconds: number) => tickText(inSeconds ? milliseconds / 1000 : milliseconds),
        labelArrow: 'none',
      },
      marks: lines.flatMap(({ run, steps, percentile }, index) => [
        Plot.lineY(steps, {
          x: 'concurrency',
          y: ({ requestMs }) => requestMs[percentile],
          stroke: run.colour,
          strokeWidth: 2,
          ...(percentile === 'p50' ? { strokeDasharray: '5 3' } : {}),
        }),
        Plot.dot(steps, {
          x: 'concurrency',
          y: ({ requestMs }) => requestMs[percentile],
          fill: (step: Step) => (step.isWhole ? run.colour : 'var(--paper)'),
          stroke: run.colour,
          r: 3,
          title: ({ concurrency, requestMs }) =>
            `${run.letter} ${concurrency} at a time, ${percentile}: ${durationText(requestMs[percentile])}`.trimStart(),
        }),
        Plot.text(steps.slice(-1), {
          x: 'concurrency',
          y: ({ requestMs }) => requestMs[percentile],
          text: () => `${run.letter} ${percentile}`.trimStart(),
          textAnchor: 'start',
          dx: 8,
          dy: (moved[index] ?? 0) - (ends[index] ?? 0),
          fill: 'var(--ink)',
        }),
      ]),
    }),
  };
}
