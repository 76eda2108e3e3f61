import * as Plot from '@observablehq/plot';
import { formatMilliseconds } from 'kvferry/terminal';
import type { PhaseSummary } from '../../results/summary.ts';
import type { ShownRun } from '../run-data.ts';
import { millisecondsText } from '../units.ts';
import { workloadText } from '../words.ts';
import type { Figure } from './figure.ts';
import { logDomain, logTicks, nameAxis, textWidth, tickText } from './labels.ts';

/** How long whole prompts took, by share of hits and by what the cache knew before; `undefined` where there were none. */
export function promptFigure(runs: readonly ShownRun[]): Figure | undefined {
  const rows = runs.flatMap((run) => run.summary.phases.flatMap((phase) => rowOf(run, phase)));
  if (rows.length === 0) return undefined;
  const names = [...new Set(rows.map(({ name }) => name))];
  const marginRight = Math.max(...rows.map(({ text }) => textWidth(text))) + 14;
  const domain = logDomain(rows.flatMap(({ p50, p99 }) => [p50, p99]));
  const apart = runs.length === 1 ? 0 : 8;
  return {
    id: 'prompts',
    title: 'Whole prompts',
    description:
      'From when a prompt was due until all of it was there, or stored: median (dot) to 99th percentile (bar), in milliseconds.',
    size: 'half',
    legend:
      runs.length > 1
        ? []
        : [
            { text: 'cold: a cache that knows nothing', colour: 'var(--blue)', shape: 'dot' },
            ...(rows.some(({ isWarm }) => isWarm)
              ? [{ text: 'warm: kept in memory', colour: 'var(--green)', shape: 'dot' } as const]
              : []),
          ],
    draw: (width) => {
      const axis = nameAxis(names.map(shortName), width);
      return {
        height: names.length * (runs.length === 1 ? 30 : 40) + 56,
        marginLeft: axis.room,
        marginRight,
        marginTop: 8,
        marginBottom: 40,
        x: {
          type: 'log',
          domain: [...domain],
          label: 'milliseconds',
          labelAnchor: 'right',
          labelArrow: 'none',
          ticks: logTicks(...domain, width - axis.room - marginRight),
          tickFormat: tickText,
          tickSize: 0,
          grid: true,
        },
        y: {
          domain: names,
          type: 'band',
          label: null,
          tickSize: 0,
          tickFormat: (name: string) => axis.text(shortName(name)),
        },
        marks: runs.flatMap((run, index) => {
          const own = rows.filter((row) => row.run === run);
          const dy = (index * 2 - 1) * apart;
          const colour = (row: Row): string =>
            runs.length > 1 ? run.colour : row.isWarm ? 'var(--green)' : 'var(--blue)';
          return [
            Plot.ruleY(own, { y: 'name', x1: 'p50', x2: 'p99', stroke: colour, strokeWidth: 2, dy }),
            Plot.tickX(own, {
              y: 'name',
              x: 'p99',
              stroke: colour,
              strokeWidth: 2,
              inset: runs.length > 1 ? 12 : 9,
              dy,
            }),
            Plot.dot(own, { y: 'name', x: 'p50', fill: colour, r: 4.5, dy, title: (row: Row) => row.told }),
            Plot.text(own, {
              y: 'name',
              frameAnchor: 'right',
              textAnchor: 'start',
              dx: 8,
              dy,
              text: 'text',
              fill: 'var(--ink)',
            }),
          ];
        }),
      };
    },
  };
}

/** Nothing on a logarithmic axis is shorter. */
const LEAST_MS = 0.01;

interface Row {
  readonly run: ShownRun;
  readonly name: string;
  readonly isWarm: boolean;
  readonly p50: number;
  readonly p99: number;
  readonly text: string;
  readonly told: string;
}

function rowOf(run: ShownRun, { workload, promptMs }: PhaseSummary): Row[] {
  if (promptMs === null) return [];
  const name = workloadText(workload);
  const told = `${run.letter} ${name}: median ${formatMilliseconds(promptMs.p50)}, p99 ${formatMilliseconds(promptMs.p99)}`;
  const isWarm = workload.type === 'hit' && workload.temperature === 'warm';
  const atLeast = (milliseconds: number): number => Math.max(LEAST_MS, milliseconds);
  const text = `${run.letter} ${millisecondsText(promptMs.p50)} – ${millisecondsText(promptMs.p99)}`.trimStart();
  return [{ run, name, isWarm, text, p50: atLeast(promptMs.p50), p99: atLeast(promptMs.p99), told: told.trimStart() }];
}

/** An axis has room for so much only. */
function shortName(name: string): string {
  return name.replace(/^open loop, (.*) prompts\/s$/, 'open loop, $1/s');
}
