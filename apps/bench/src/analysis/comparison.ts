import type { Workload } from '../results/records.ts';
import type { Percentiles, PhaseSummary, Summary } from '../results/summary.ts';
import { movedRate } from './phase-summary.ts';

/** Two runs, figure by figure: what became of `before` in `after`. */
export interface Comparison {
  /** What must be said first, a sentence each: in what the runs differ, so that a difference of figures need not be one of the store or the client. */
  readonly caveats: readonly string[];
  readonly metrics: readonly MetricComparison[];
}

export interface MetricComparison {
  /** Phase that the figure is of; `null` for one of the whole run. */
  readonly phase: string | null;
  readonly metric: Metric;
  readonly unit: 'bytes/s' | 'ms' | 'CPU s/GiB' | 'tokens' | 'requests';
  /** `null` where the run has no such figure. For `break-even`: loading never wins. */
  readonly before: number | null;
  readonly after: number | null;
  /** `after / before`; `null` where one of them is missing, or `before` is 0. */
  readonly ratio: number | null;
  /** `within the spread`: the two differ by no more than the seconds of one run do among themselves. `unknown`: one of them is missing. */
  readonly verdict: 'better' | 'worse' | 'within the spread' | 'unknown';
}

export type Metric =
  | 'throughput'
  | 'chunk p50'
  | 'chunk p99'
  | 'CPU'
  | 'break-even'
  | 'errors'
  | 'prompt p50'
  | 'prompt p99'
  | 'lookup p50';

/** Two runs of the same store on the same machine differ by as much as this, however even their seconds are. */
const LEAST_SPREAD = 1.05;
/** A single second has no other to differ from. Steps of a sweep that were that short lay up to 21 % apart in two like runs on two shared cores. */
const SPREAD_OF_ONE_SECOND = 1.25;
/** Of fewer values, the 99th percentile is the slowest alone. */
const SLOWEST_ALONE = 100;
/** Of fewer values, the 99th percentile follows from ten of them or less. */
const FEW_VALUES = 1000;
/** A machine that had more to do for each core was busy with something else. */
const BUSY_BEFORE = 0.5;

/**
 * Compares two runs: the figures at the top, then those of each phase that both have, and that failed in neither.
 *
 * A figure is `within the spread` where the ratio of the two, or its reciprocal, is no larger than the spread of either run's throughput in the same phase:
 * its fastest second over the median, or the median over its slowest, whichever is more, and 1.05 at least; 1.25 at least where it was measured for less than two
 * seconds. A 99th percentile of fewer than 1,000 values may lie as far off as it lies from the 90th, of fewer than 100 as from the median. The figures at the top
 * take the spread of the best steps. Errors have no spread. What was not done under the same load is not compared.
 */
export function compareSummaries(before: Summary, after: Summary): Comparison {
  return { caveats: caveatsOf(before, after), metrics: [...topMetrics(before, after), ...phaseMetrics(before, after)] };
}

function caveatsOf(before: Summary, after: Summary): string[] {
  const differ = (what: string, one: string, other: string): string[] =>
    one === other ? [] : [`${what}: ${one} before, ${other} after.`];
  const bytes = (summary: Summary): string => `${summary.chunkBytes.toLocaleString('en-US')} bytes`;
  const machine = ({ machine: { cores, processor } }: Summary): string => `${processor}, ${cores} cores`;
  const hardware = ({ plan: { hardware, prefillTokensPerSecond } }: Summary): string =>
    `${hardware} at ${Math.round(prefillTokensPerSecond).toLocaleString('en-US')} tokens/s`;
  const place = ({ sharesMachine }: Summary): string => (sharesMachine ? 'on the same machine' : 'elsewhere');
  return [
    ...differ('Not the same backend', before.backend, after.backend),
    ...differ('Not the same target', before.target, after.target),
    ...differ('Not the same model', before.model, after.model),
    ...differ('Not the same size of chunks', bytes(before), bytes(after)),
    ...differ('Not the same machine', machine(before), machine(after)),
    ...differ('The store did not run in the same place', place(before), place(after)),
    ...differ('Not the same version of Node', before.machine.node, after.machine.node),
    ...differ('Break-even is not of the same hardware', hardware(before), hardware(after)),
    ...busyBefore(before, 'before'),
    ...busyBefore(after, 'after'),
    ...lacksOf(before, 'before'),
    ...lacksOf(after, 'after'),
    ...(haveSameLoad(before, after)
      ? []
      : [
          `Not the same best concurrency: ${before.concurrency} before, ${after.concurrency} after; so the times per chunk of the whole run are not compared.`,
        ]),
    ...pairsOf(before, after).flatMap(([one, other]) => otherWork(one, other)),
  ];
}

/** Whether the figures at the top are of as many reads at a time, as far as there are any: the more there are, the longer each takes. */
function haveSameLoad({ concurrency: one }: Summary, { concurrency: other }: Summary): boolean {
  return one === other || one === null || other === null;
}

function busyBefore({ machine: { cores, loadBefore } }: Summary, which: 'before' | 'after'): string[] {
  const load = loadBefore[0] ?? 0;
  if (load <= BUSY_BEFORE * cores) return [];
  return [`The machine was busy when the run ${which} began: load ${load.toFixed(1)} on ${cores} cores.`];
}

/** Phases that both have, and that failed in neither. */
function pairsOf(before: Summary, after: Summary): [PhaseSummary, PhaseSummary][] {
  return before.phases.flatMap((one): [PhaseSummary, PhaseSummary][] => {
    const other = after.phases.find(({ id }) => id === one.id);
    return other === undefined || hasFailed(one) || hasFailed(other) ? [] : [[one, other]];
  });
}

/** In what two phases of one name differ beside their figures, in a sentence; none where they did the same. */
function otherWork({ id, workload: one }: PhaseSummary, { workload: other }: PhaseSummary): string[] {
  const [before, after] = [promptsOf(one), promptsOf(other)];
  if (before === undefined || after === undefined) return [];
  const size = before.tokens === after.tokens ? [] : [[`prompts of ${before.tokens} tokens`, `of ${after.tokens}`]];
  const ratio = before.perSecond / after.perSecond;
  const load = isWithin(ratio, LEAST_SPREAD)
    ? []
    : [[`${before.perSecond.toPrecision(3)} prompts/s`, after.perSecond.toPrecision(3)]];
  return [...size, ...load].map(([was, is]) => `${id} is not compared: ${was} before, ${is} after.`);
}

function promptsOf(workload: Workload): { readonly tokens: number; readonly perSecond: number } | undefined {
  if (workload.type === 'hit') return { tokens: workload.promptTokens, perSecond: 1 };
  if (workload.type === 'open-loop') return { tokens: workload.promptTokens, perSecond: workload.promptsPerSecond };
  return undefined;
}

function isWithin(ratio: number, spread: number): boolean {
  return ratio <= spread && ratio * spread >= 1;
}

function lacksOf({ phases, status }: Summary, which: 'before' | 'after'): string[] {
  const failed = phases.filter(hasFailed).map(({ id }) => `${id} failed in the run ${which}: it is not compared.`);
  return status === 'complete' ? failed : [`The run ${which} is not complete: ${status}.`, ...failed];
}

function hasFailed({ endedBy }: PhaseSummary): boolean {
  return endedBy === 'failed';
}

function topMetrics(before: Summary, after: Summary): MetricComparison[] {
  const best = [bestPhase(before), bestPhase(after)];
  const spread = Math.max(...best.map(spreadOf));
  const tail = Math.max(spread, ...best.map((phase) => tailSpread(phase?.requestMs, phase?.timedRequests)));
  const top = (
    metric: Metric,
    unit: MetricComparison['unit'],
    good: Direction,
    figure: (summary: Summary) => number | null | undefined,
    within = spread,
  ): MetricComparison =>
    compare({ phase: null, metric, unit, before: figure(before) ?? null, after: figure(after) ?? null }, good, within);
  return [
    top('throughput', 'bytes/s', 'more', (run) => (run.concurrency === null ? null : run.bytesPerSecond)),
    ...(haveSameLoad(before, after)
      ? [
          top('chunk p50', 'ms', 'less', (run) => run.chunkMilliseconds?.p50),
          top('chunk p99', 'ms', 'less', (run) => run.chunkMilliseconds?.p99, tail),
        ]
      : []),
    top('CPU', 'CPU s/GiB', 'less', (run) => run.cpuSecondsPerGiB),
    breakEvens(before, after, spread),
    errors(before, after),
  ];
}

function phaseMetrics(before: Summary, after: Summary): MetricComparison[] {
  return pairsOf(before, after).flatMap(([one, other]) => {
    if (otherWork(one, other).length > 0) return [];
    const spread = Math.max(spreadOf(one), spreadOf(other));
    const tail = (of: (phase: PhaseSummary) => number): number => Math.max(spread, of(one), of(other));
    const of = (
      metric: Metric,
      unit: MetricComparison['unit'],
      good: Direction,
      figure: (phase: PhaseSummary) => number | null | undefined,
      within = spread,
    ): MetricComparison[] => {
      const figures = { phase: one.id, metric, unit, before: figure(one) ?? null, after: figure(other) ?? null };
      return figures.before === null && figures.after === null ? [] : [compare(figures, good, within)];
    };
    return [
      ...of('throughput', 'bytes/s', 'more', (phase) => movedRate(phase)?.median),
      ...of('chunk p50', 'ms', 'less', (phase) => phase.requestMs?.p50),
      ...of('chunk p99', 'ms', 'less', (phase) => phase.requestMs?.p99, tail(requestTail)),
      ...of('prompt p50', 'ms', 'less', (phase) => phase.promptMs?.p50),
      ...of('prompt p99', 'ms', 'less', (phase) => phase.promptMs?.p99, tail(promptTail)),
      ...of('lookup p50', 'ms', 'less', (phase) => phase.lookupMs?.p50),
      ...of('CPU', 'CPU s/GiB', 'less', (phase) => movedRate(phase) && phase.cpuSecondsPerGiB),
    ];
  });
}

type Direction = 'more' | 'less';
type Figures = Omit<MetricComparison, 'ratio' | 'verdict'>;

function compare(figures: Figures, good: Direction, spread: number): MetricComparison {
  const { before, after } = figures;
  const ratio = before === null || after === null || before === 0 ? null : after / before;
  if (ratio === null)
    return { ...figures, ratio, verdict: before === 0 && after === 0 ? 'within the spread' : 'unknown' };
  const verdict = isWithin(ratio, spread) ? 'within the spread' : ratio > 1 === (good === 'more') ? 'better' : 'worse';
  return { ...figures, ratio, verdict };
}

/** That loading never wins is a figure too, and the worst; that nothing could be read is none. */
function breakEvens(before: Summary, after: Summary, spread: number): MetricComparison {
  const figures: Figures = {
    phase: null,
    metric: 'break-even',
    unit: 'tokens',
    before: before.breakEvenTokens,
    after: after.breakEvenTokens,
  };
  const compared = compare(figures, 'less', spread);
  if (!hasPlan(before) || !hasPlan(after) || compared.ratio !== null) return compared;
  if (figures.before === figures.after) return { ...compared, verdict: 'within the spread' };
  return { ...compared, verdict: figures.after === null ? 'worse' : 'better' };
}

function hasPlan({ concurrency, plan }: Summary): boolean {
  return concurrency !== null && plan.prefillTokensPerSecond > 0;
}

function errors(before: Summary, after: Summary): MetricComparison {
  const count = ({ errors: counts }: Summary): number => Object.values(counts).reduce((sum, each) => sum + each, 0);
  const figures: Figures = {
    phase: null,
    metric: 'errors',
    unit: 'requests',
    before: count(before),
    after: count(after),
  };
  const compared = compare(figures, 'less', 1);
  return compared.verdict === 'unknown' ? { ...compared, verdict: 'worse' } : compared;
}

function bestPhase({ concurrency, phases }: Summary): PhaseSummary | undefined {
  return phases.find(({ workload }) => workload.type === 'sweep' && workload.concurrency === concurrency);
}

function spreadOf(phase: PhaseSummary | undefined): number {
  const throughput = phase?.bytesPerSecond;
  if (!throughput) return LEAST_SPREAD;
  const { fastest, median, slowest } = throughput;
  if (slowest === 0) return Number.POSITIVE_INFINITY;
  const least = phase.seconds < 2 ? SPREAD_OF_ONE_SECOND : LEAST_SPREAD;
  return Math.max(least, fastest / median, median / slowest);
}

function requestTail({ requestMs, timedRequests }: PhaseSummary): number {
  return tailSpread(requestMs, timedRequests);
}

function promptTail({ promptMs, prompts }: PhaseSummary): number {
  return tailSpread(promptMs, prompts);
}

/** By how much a 99th percentile may be off, since so few values make it. */
function tailSpread(of: Percentiles | null | undefined, count = 0): number {
  if (!of || count >= FEW_VALUES) return 1;
  const nearest = count < SLOWEST_ALONE ? of.p50 : of.p90;
  return nearest > 0 ? of.p99 / nearest : Number.POSITIVE_INFINITY;
}
