import * as Plot from '@observablehq/plot';
import type { PhaseRecord, Workload } from '../../results/records.ts';
import type { ShownRun } from '../run-data.ts';
import { type Throughput, throughputOverTime } from '../series.ts';
import { rateText, rateUnit } from '../units.ts';
import { endText } from '../words.ts';
import type { Figure, LegendEntry } from './figure.ts';
import { textWidth } from './labels.ts';

/** What was read and written in each stretch of a run; of two runs on the same axes, so that they can be compared by eye. */
export function throughputFigures(runs: readonly ShownRun[]): Figure[] {
  const series = runs.map((run) => ({ run, moved: throughputOverTime(run.requests, run.lastMs) }));
  const moving = series.filter(({ moved }) => peak(moved) > 0);
  const scale: Scale = {
    endMs: Math.max(0, ...moving.map(({ run }) => run.lastMs)),
    peak: Math.max(0, ...moving.map(({ moved }) => peak(moved))),
  };
  return moving.map(({ run, moved }) => throughputFigure(run, moved, scale));
}

interface Scale {
  readonly endMs: number;
  readonly peak: number;
}

function throughputFigure(run: ShownRun, moved: Throughput, scale: Scale): Figure {
  const unit = rateUnit(scale.peak);
  const sustained = sustainedMark(run);
  const of = run.letter === '' ? '' : `, run ${run.letter}`;
  const steps = `Bytes that moved in each ${moved.binMs < 1000 ? `${moved.binMs} ms` : `${moved.binMs / 1000} s`}, warm-up included.`;
  const told = sustained === undefined ? '' : ` The line marks the sustained ${rateText(sustained.rate)}.`;
  return {
    id: `throughput${run.letter.toLowerCase()}`,
    title: `Throughput over time${of}`,
    description: `${steps}${told}`,
    size: 'full',
    legend: legend(moved, run),
    draw: (width) => {
      const marginLeft = 44;
      const pixelsPerMs = (width - marginLeft - MARGIN_RIGHT) / scale.endMs;
      const broken = brokenPhases(run.phases);
      const groups = groupsOf(run.phases);
      return {
        height: 250,
        marginLeft,
        marginRight: MARGIN_RIGHT,
        marginTop: 34,
        marginBottom: 36,
        x: {
          domain: [0, scale.endMs / 1000],
          label: 'seconds since the run began',
          labelAnchor: 'right',
          tickSize: 0,
          labelArrow: 'none',
        },
        y: {
          domain: [0, scale.peak / unit.bytes],
          label: unit.name,
          grid: true,
          nice: true,
          ticks: 5,
          tickSize: 0,
          labelArrow: 'none',
        },
        marks: [
          Plot.rectY(
            groups.filter((_, index) => index % 2 === 0),
            { x1: 'from', x2: 'to', fill: 'var(--band)', y: scale.peak / unit.bytes },
          ),
          ...(['read', 'written'] as const).map((way) =>
            Plot.rectY(binsOf(moved, way, unit.bytes), {
              x1: 'from',
              x2: 'to',
              y: 'rate',
              fill: colours(run)[way],
              shapeRendering: 'crispEdges',
            }),
          ),
          ...(sustained === undefined
            ? []
            : [
                Plot.link([sustained], {
                  x1: ({ from }) => from,
                  x2: ({ to }) => to,
                  y1: ({ rate }) => rate / unit.bytes,
                  y2: ({ rate }) => rate / unit.bytes,
                  stroke: 'var(--ink)',
                  strokeWidth: 2,
                }),
              ]),
          Plot.text(groupLabels(groups, pixelsPerMs), {
            x: 'at',
            text: 'text',
            frameAnchor: 'top',
            dy: -20,
            fill: 'var(--muted)',
          }),
          Plot.text(sweepLabels(run.phases, pixelsPerMs), {
            x: 'at',
            text: 'text',
            frameAnchor: 'top',
            dy: -6,
            fill: 'var(--muted)',
          }),
          Plot.ruleX(broken, { x: 'at', stroke: 'var(--bad)', strokeWidth: 1.5 }),
          Plot.text(broken, {
            x: 'at',
            text: 'text',
            frameAnchor: 'top',
            textAnchor: 'end',
            dx: -5,
            dy: 12,
            fill: 'var(--bad)',
            stroke: 'var(--paper)',
            strokeWidth: 4,
            fontWeight: 600,
          }),
          Plot.ruleY([0], { stroke: 'var(--axis)' }),
        ],
      };
    },
  };
}

const MARGIN_RIGHT = 12;

function peak({ read, written }: Throughput): number {
  return read.reduce((most, value, bin) => Math.max(most, value, written[bin] ?? 0), 0);
}

/** Of two runs each reads in its own colour. */
function colours({ letter, colour }: ShownRun): { readonly read: string; readonly written: string } {
  return { read: colour, written: letter === '' ? 'var(--orange)' : 'var(--green)' };
}

function legend({ read, written }: Throughput, run: ShownRun): LegendEntry[] {
  const ways: LegendEntry[] = [];
  if (read.some((rate) => rate > 0)) ways.push({ text: 'read', colour: colours(run).read, shape: 'block' });
  if (written.some((rate) => rate > 0)) ways.push({ text: 'written', colour: colours(run).written, shape: 'block' });
  return ways;
}

interface Bin {
  readonly from: number;
  readonly to: number;
  readonly rate: number;
}

function binsOf({ binMs, ...moved }: Throughput, way: 'read' | 'written', unitBytes: number): Bin[] {
  const bins: Bin[] = [];
  moved[way].forEach((rate, bin) => {
    if (rate > 0) bins.push({ from: (bin * binMs) / 1000, to: ((bin + 1) * binMs) / 1000, rate: rate / unitBytes });
  });
  return bins;
}

/** The figure that the report opens with, where it was measured. */
function sustainedMark({ summary, phases }: ShownRun): Bin | undefined {
  const best = phases.find(({ workload }) => workload.type === 'sweep' && workload.concurrency === summary.concurrency);
  if (best === undefined || summary.bytesPerSecond === 0) return undefined;
  return { from: best.warmUntilMs / 1000, to: best.endMs / 1000, rate: summary.bytesPerSecond };
}

/** Where a phase did not come to its end. */
function brokenPhases(phases: readonly PhaseRecord[]): PlacedText[] {
  return phases.flatMap((phase) => {
    if (phase.endedBy !== 'failed' && phase.endedBy !== 'interrupted') return [];
    return [{ at: phase.endMs / 1000, text: endText(phase) }];
  });
}

interface Group {
  readonly type: Workload['type'];
  readonly from: number;
  readonly to: number;
}

/** Neighbouring phases of one kind, in seconds. */
function groupsOf(phases: readonly PhaseRecord[]): Group[] {
  const groups: Group[] = [];
  for (const { workload, startMs, endMs } of phases) {
    const last = groups.at(-1);
    const to = endMs / 1000;
    if (last?.type === workload.type) groups[groups.length - 1] = { ...last, to };
    else groups.push({ type: workload.type, from: startMs / 1000, to });
  }
  return groups;
}

interface PlacedText {
  readonly at: number;
  readonly text: string;
}

const names: Readonly<Record<Workload['type'], readonly string[]>> = {
  store: ['store'],
  hit: ['prefix hits', 'hits'],
  sweep: ['reads, so many at a time', 'reads at a time', 'reads'],
  'open-loop': ['open loop', 'open'],
  peers: ['clients compared, not shown', 'clients compared', 'clients'],
};

/** How far the label of a narrow group may stand beside it, in pixels. */
const NUDGES = [0, -8, 8, -16, 16];

/** The longest name that fits over each group; over a narrow one the shortest, where its neighbours leave room. */
function groupLabels(groups: readonly Group[], pixelsPerMs: number): PlacedText[] {
  const pixelsPerSecond = pixelsPerMs * 1000;
  const placed: (PlacedText & { readonly width: number })[] = [];
  const place = ({ type, from, to }: Group, room: number): void => {
    const text = names[type].find((name) => textWidth(name) <= room);
    if (text === undefined) return;
    const width = textWidth(text) / pixelsPerSecond;
    const at = NUDGES.map((pixels) =>
      Math.max((from + to) / 2 + pixels / pixelsPerSecond, width / 2 - 6 / pixelsPerSecond),
    ).find((tried) => placed.every((other) => Math.abs(other.at - tried) > (other.width + width) / 2));
    if (at !== undefined) placed.push({ at, text, width });
  };
  const isWide = ({ type, from, to }: Group): boolean =>
    textWidth(names[type].at(-1) ?? '') <= (to - from) * pixelsPerSecond - 4;
  for (const group of groups.filter(isWide)) place(group, (group.to - group.from) * pixelsPerSecond - 4);
  for (const group of groups.filter((each) => !isWide(each))) place(group, textWidth(names[group.type].at(-1) ?? ''));
  return placed;
}

function sweepLabels(phases: readonly PhaseRecord[], pixelsPerMs: number): PlacedText[] {
  return phases.flatMap(({ workload, startMs, endMs }) => {
    if (workload.type !== 'sweep') return [];
    const text = String(workload.concurrency);
    return textWidth(text) + 4 > (endMs - startMs) * pixelsPerMs ? [] : [{ at: (startMs + endMs) / 2000, text }];
  });
}
