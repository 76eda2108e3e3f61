import * as Plot from '@observablehq/plot';
import { formatMilliseconds } from 'kvferry/terminal';
import { latencies } from '../../analysis/phase-summary.ts';
import type { RequestRow } from '../../results/records.ts';
import type { ShownRun } from '../run-data.ts';
import { ninesOf, type PercentilePoint, percentileCurve } from '../series.ts';
import type { Figure } from './figure.ts';
import { logDomain, logTicks, moveApart, textWidth, tickText } from './labels.ts';

/** How long reading a chunk took, by how many were read at a time; of two runs, each at its best. */
export function readLatencyFigure(runs: readonly ShownRun[]): Figure | undefined {
  const curves = runs.flatMap((run) => {
    const sweeps = run.phases.flatMap((phase) =>
      phase.workload.type === 'sweep' ? [{ phase, at: phase.workload.concurrency }] : [],
    );
    const chosen = runs.length === 1 ? sweeps : sweeps.filter(({ at }) => at === 1 || at === run.summary.concurrency);
    return chosen.map(({ phase, at }, index): Curve => {
      const sequential = `var(--seq-${chosen.length === 1 ? 3 : Math.round((index * 5) / (chosen.length - 1))})`;
      return {
        label: `${run.letter}${run.letter === '' ? '' : ' '}${at}`,
        colour: runs.length === 1 ? sequential : run.colour,
        isDashed: runs.length > 1 && at === 1 && run.summary.concurrency !== 1,
        points: percentileCurve(latencies(readsOf(run.requestsOf.get(phase.id) ?? []), phase)),
      };
    });
  });
  return curveFigure('read-latency', {
    title: 'Reading a chunk',
    description:
      runs.length === 1
        ? 'From asking to the last byte. A curve for each number of chunks that were read at a time, which stands at its end.'
        : 'From asking to the last byte, read one at a time (dashed) and as many at a time as were best.',
    curves,
  });
}

/** How long the requests of whole prompts took: stores, reads and lookups. */
export function operationLatencyFigure(runs: readonly ShownRun[]): Figure | undefined {
  const operations = ['get', 'put', 'stat', 'list'] as const;
  const curves = runs.flatMap((run) =>
    operations.map((operation): Curve => {
      const values = run.phases
        .filter(({ workload }) => workload.type === 'store' || workload.type === 'hit' || workload.type === 'open-loop')
        .flatMap((phase) =>
          latencies(
            (run.requestsOf.get(phase.id) ?? []).filter((row) => row.operation === operation),
            phase,
          ),
        );
      return {
        label: `${run.letter}${run.letter === '' ? '' : ' '}${operation}`,
        colour: runs.length === 1 ? OPERATION_COLOURS[operation] : run.colour,
        isDashed: runs.length > 1 && operation !== 'get',
        points: percentileCurve(values),
      };
    }),
  );
  return curveFigure('operation-latency', {
    title: 'Requests of whole prompts',
    description: 'Chunks are stored (put), looked up (stat) and read (get), those of one prompt side by side.',
    curves,
  });
}

interface Curve {
  readonly label: string;
  readonly colour: string;
  readonly isDashed: boolean;
  readonly points: readonly PercentilePoint[];
}

const OPERATION_COLOURS = {
  get: 'var(--blue)',
  put: 'var(--orange)',
  stat: 'var(--green)',
  list: 'var(--purple)',
} as const;

function readsOf(rows: readonly RequestRow[]): RequestRow[] {
  return rows.filter(({ operation }) => operation === 'get');
}

interface CurveFacts {
  readonly title: string;
  readonly description: string;
  readonly curves: readonly Curve[];
}

/** Percentile curves; `undefined` where no request was answered. */
function curveFigure(id: string, { title, description, curves: all }: CurveFacts): Figure | undefined {
  const curves = all.filter(({ points }) => points.length > 0);
  if (curves.length === 0) return undefined;
  const times = curves.flatMap(({ points }) => points.map(({ milliseconds }) => Math.max(LEAST_MS, milliseconds)));
  const [least, most] = logDomain(times);
  const top = Math.max(1, ...curves.map(({ points }) => points.at(-1)?.nines ?? 0));
  return {
    id,
    title,
    description,
    size: 'half',
    legend: [],
    draw: (width) => {
      const [marginLeft, marginRight, marginTop, marginBottom, height] = [48, 20, 44, 40, 290];
      const pixels = (width - marginLeft - marginRight) / Math.log(most / least);
      const ends = curves.map(({ label, points }) => {
        const { milliseconds, nines } = points.at(-1) as PercentilePoint;
        return { label, nines, at: Math.log(Math.max(LEAST_MS, milliseconds) / least) * pixels };
      });
      const gap = Math.max(...ends.map(({ label }) => textWidth(label))) + 6;
      // Only labels at one height are in each other's way.
      const centred = ends.map(({ at }) => at);
      for (const row of rowsOf(ends.map(({ nines }) => nines))) {
        const moved = moveApart(
          row.map((index) => centred[index] ?? 0),
          gap,
          0,
          width - marginLeft - marginRight,
        );
        for (const [place, index] of row.entries()) centred[index] = moved[place] ?? 0;
      }
      return {
        height,
        marginLeft,
        marginRight,
        marginTop,
        marginBottom,
        x: {
          type: 'log',
          domain: [least, most],
          label: 'milliseconds',
          labelAnchor: 'right',
          labelArrow: 'none',
          ticks: logTicks(least, most, width - marginLeft - marginRight),
          tickFormat: tickText,
          tickSize: 0,
        },
        y: {
          domain: [0, top],
          ticks: SHARES.map(ninesOf).filter((nines) => nines <= top + 0.001),
          tickFormat: (nines: number) => `${Number((100 - 100 * 10 ** -nines).toFixed(1))} %`,
          label: 'share of requests that took no longer',
          labelArrow: 'none',
          labelOffset: 0,
          grid: true,
          tickSize: 0,
        },
        marks: [
          ...curves.map((curve) =>
            Plot.line(curve.points, {
              x: ({ milliseconds }) => Math.max(LEAST_MS, milliseconds),
              y: 'nines',
              stroke: curve.colour,
              strokeWidth: 2,
              ...(curve.isDashed ? { strokeDasharray: '5 3' } : {}),
            }),
          ),
          ...curves.map((curve, index) =>
            Plot.text([curve.points.at(-1) as PercentilePoint], {
              x: ({ milliseconds }) => Math.max(LEAST_MS, milliseconds),
              y: 'nines',
              text: () => curve.label,
              dx: (centred[index] ?? 0) - (ends[index]?.at ?? 0),
              dy: -9,
              fill: 'var(--ink)',
              stroke: 'var(--paper)',
              strokeWidth: 3,
              title: ({ milliseconds, share }) =>
                `${curve.label}: ${(share * 100).toFixed(1)} % within ${formatMilliseconds(milliseconds)}`,
            }),
          ),
        ],
      };
    },
  };
}

/** Indices of values that lie close to one another, for each such group. */
function rowsOf(values: readonly number[]): number[][] {
  const order = values.map((_, index) => index).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const rows: number[][] = [];
  for (const index of order) {
    const last = rows.at(-1)?.at(-1);
    if (last !== undefined && (values[index] ?? 0) - (values[last] ?? 0) < 0.2) rows.at(-1)?.push(index);
    else rows.push([index]);
  }
  return rows;
}

/** Nothing on a logarithmic axis is shorter. */
const LEAST_MS = 0.01;
const SHARES = [0, 0.5, 0.9, 0.99, 0.999];
