import * as Plot from '@observablehq/plot';
import { formatCount } from 'kvferry/terminal';
import type { ShownRun } from '../run-data.ts';
import { secondsText } from '../units.ts';
import type { Figure } from './figure.ts';
import { logDomain, logTicks, moveApart, tickText, tokenTick } from './labels.ts';

/** Loading a prefix beside computing it, over its length; `undefined` where nothing could be read. */
export function planFigure(runs: readonly ShownRun[]): Figure | undefined {
  const lines = linesOf(runs);
  const points = lines.flatMap(({ points }) => points);
  if (points.length === 0) return undefined;
  const seconds = points.map(({ seconds }) => seconds);
  const domain = logDomain(seconds);
  const hardware = [...new Set(runs.map(({ summary }) => summary.plan.hardware))].join(' and ');
  return {
    id: 'plan',
    title: 'Loading or recomputing',
    description: `Time until a prefix of so many tokens is there: loaded from the store, or computed on ${hardware}.`,
    size: 'half',
    legend: [],
    draw: () => {
      const plotHeight = HEIGHT - MARGIN_TOP - MARGIN_BOTTOM;
      const ends = lines.map(({ points: own }) => {
        const last = own.at(-1)?.seconds ?? domain[0];
        return (1 - Math.log(last / domain[0]) / Math.log(domain[1] / domain[0])) * plotHeight;
      });
      const moved = moveApart(ends, 15, 0, plotHeight);
      return {
        height: HEIGHT,
        marginLeft: 52,
        marginRight: 84,
        marginTop: MARGIN_TOP,
        marginBottom: MARGIN_BOTTOM,
        x: {
          type: 'log',
          base: 2,
          label: 'tokens of prefix',
          labelAnchor: 'right',
          labelArrow: 'none',
          ticks: tokenTicks(points.map(({ tokens }) => tokens)),
          tickFormat: tokenTick,
          tickSize: 0,
        },
        y: {
          type: 'log',
          domain: [...domain],
          label: 'seconds',
          labelArrow: 'none',
          grid: true,
          // Upright, labels need their height only.
          ticks: logTicks(...domain, plotHeight * 3),
          tickFormat: tickText,
          tickSize: 0,
        },
        marks: [
          ...lines.flatMap(({ colour, isDashed, label, points: own }, index) => [
            Plot.line(own, {
              x: 'tokens',
              y: 'seconds',
              stroke: colour,
              strokeWidth: 2,
              ...(isDashed ? { strokeDasharray: '5 3' } : {}),
            }),
            Plot.text(own.slice(-1), {
              x: 'tokens',
              y: 'seconds',
              text: () => label,
              textAnchor: 'start',
              dx: 6,
              dy: (moved[index] ?? 0) - (ends[index] ?? 0),
              fill: 'var(--ink)',
            }),
          ]),
          ...breakEvens(runs).flatMap(({ run, tokens, seconds: at }, index) => [
            Plot.dot([0], {
              x: () => tokens,
              y: () => at,
              r: 5,
              fill: 'var(--paper)',
              stroke: run.colour,
              strokeWidth: 2.5,
              title: () => `${run.letter} from ${formatCount(tokens)} tokens on, ${secondsText(at)}`.trimStart(),
            }),
            Plot.text([0], {
              x: () => tokens,
              y: () => at,
              text: () => `${run.letter} ${formatCount(tokens)} tokens`.trimStart(),
              // The second stands above its point; to the left of it where there is room before the axis.
              textAnchor: index === 0 || tokens < LEFT_TOKENS ? 'start' : 'end',
              dx: index === 0 || tokens < LEFT_TOKENS ? 9 : -9,
              dy: index === 0 ? 10 : -10,
              fontWeight: 600,
              fill: 'var(--ink)',
              stroke: 'var(--paper)',
              strokeWidth: 3,
            }),
          ]),
        ],
      };
    },
  };
}

/** About the middle of the axis, which is logarithmic. */
const LEFT_TOKENS = 6000;
const HEIGHT = 290;
const MARGIN_TOP = 34;
const MARGIN_BOTTOM = 40;

interface Line {
  readonly label: string;
  readonly colour: string;
  readonly isDashed: boolean;
  readonly points: readonly { readonly tokens: number; readonly seconds: number }[];
}

/** A line of loading for each run, and one of computing for each hardware and model. */
function linesOf(runs: readonly ShownRun[]): Line[] {
  const loads = runs.map(({ letter, colour, summary }): Line => {
    const points = summary.plan.curve.map(({ tokens, loadSeconds }) => ({ tokens, seconds: loadSeconds }));
    return { label: `${letter} load`.trimStart(), colour, isDashed: false, points };
  });
  const computes = new Map<string, Line>();
  for (const { letter, summary } of runs) {
    const { plan, model } = summary;
    const points = plan.curve.map(({ tokens, computeSeconds }) => ({ tokens, seconds: computeSeconds }));
    const same = `${plan.hardware} ${plan.prefillTokensPerSecond} ${model}`;
    const label = computes.size === 0 ? 'compute' : `${letter} compute`;
    if (points.length > 0 && !computes.has(same)) {
      computes.set(same, { label, colour: 'var(--muted)', isDashed: true, points });
    }
  }
  return [...loads.filter(({ points }) => points.length > 0), ...computes.values()];
}

interface BreakEven {
  readonly run: ShownRun;
  readonly tokens: number;
  readonly seconds: number;
}

/** Where the curves cross, as far as they are drawn. */
function breakEvens(runs: readonly ShownRun[]): BreakEven[] {
  return runs.flatMap((run) => {
    const { breakEvenTokens: tokens, curve } = run.summary.plan;
    const [first, last] = [curve[0], curve.at(-1)];
    if (tokens === null || first === undefined || last === undefined) return [];
    if (tokens < first.tokens || tokens > last.tokens) return [];
    return [{ run, tokens, seconds: secondsAt(curve, tokens) }];
  });
}

/** Of the curve of loading, between its points by a straight line on both logarithmic axes, as it is drawn. */
function secondsAt(curve: ShownRun['summary']['plan']['curve'], tokens: number): number {
  const after = curve.findIndex((point) => point.tokens >= tokens);
  const [left, right] = [curve[Math.max(0, after - 1)], curve[after]];
  if (left === undefined || right === undefined) return 0;
  if (left.tokens === right.tokens) return right.loadSeconds;
  const share = Math.log(tokens / left.tokens) / Math.log(right.tokens / left.tokens);
  return left.loadSeconds * (right.loadSeconds / left.loadSeconds) ** share;
}

/** Powers of four, so that labels keep apart on a narrow page too. */
function tokenTicks(tokens: readonly number[]): number[] {
  const [least, most] = [Math.min(...tokens), Math.max(...tokens)];
  const ticks: number[] = [];
  for (let tick = 4 ** Math.ceil(Math.log2(least) / 2 - 1e-9); tick <= most; tick *= 4) ticks.push(tick);
  return ticks;
}
