import type { PhaseSummary, Summary } from '../results/summary.ts';

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

/**
 * Compares two runs: the figures at the top, then those of each phase that both have, and that failed in neither.
 *
 * A figure is `within the spread` where the ratio of the two, or its reciprocal, is no larger than the spread of either run's throughput in the same phase:
 * its fastest second over the median, or the median over its slowest, whichever is more, and 1.05 at least. The figures at the top take the spread of the
 * best steps. Errors have no spread.
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
    ...lacksOf(before, 'before'),
    ...lacksOf(after, 'after'),
  ];
}

function lacksOf({ phases, status }: Summary, which: 'before' | 'after'): string[] {
  const failed = phases.filter(hasFailed).map(({ id }) => `${id} failed in the run ${which}: it is not compared.`);
  return status === 'complete' ? failed : [`The run ${which} is not complete: ${status}.`, ...failed];
}

function hasFailed({ endedBy }: PhaseSummary): boolean {
  return endedBy === 'failed';
}

function topMetrics(before: Summary, after: Summary): MetricComparison[] {
  const spread = Math.max(spreadOf(bestPhase(before)), spreadOf(bestPhase(after)));
  const top = (
    metric: Metric,
    unit: MetricComparison['unit'],
    good: Direction,
    figure: (summary: Summary) => number | null | undefined,
  ): MetricComparison =>
    compare({ phase: null, metric, unit, before: figure(before) ?? null, after: figure(after) ?? null }, good, spread);
  return [
    top('throughput', 'bytes/s', 'more', (run) => (run.concurrency === null ? null : run.bytesPerSecond)),
    top('chunk p50', 'ms', 'less', (run) => run.chunkMilliseconds?.p50),
    top('chunk p99', 'ms', 'less', (run) => run.chunkMilliseconds?.p99),
    top('CPU', 'CPU s/GiB', 'less', (run) => run.cpuSecondsPerGiB),
    breakEvens(before, after, spread),
    errors(before, after),
  ];
}

function phaseMetrics(before: Summary, after: Summary): MetricComparison[] {
  return before.phases.flatMap((one) => {
    const other = after.phases.find(({ id }) => id === one.id);
    if (other === undefined || hasFailed(one) || hasFailed(other)) return [];
    const spread = Math.max(spreadOf(one), spreadOf(other));
    const of = (
      metric: Metric,
      unit: MetricComparison['unit'],
      good: Direction,
      figure: (phase: PhaseSummary) => number | null | undefined,
    ): MetricComparison[] => {
      const figures = { phase: one.id, metric, unit, before: figure(one) ?? null, after: figure(other) ?? null };
      return figures.before === null && figures.after === null ? [] : [compare(figures, good, spread)];
    };
    return [
      ...of('throughput', 'bytes/s', 'more', (phase) => phase.bytesPerSecond?.median),
      ...of('chunk p50', 'ms', 'less', (phase) => phase.requestMs?.p50),
      ...of('chunk p99', 'ms', 'less', (phase) => phase.requestMs?.p99),
      ...of('prompt p50', 'ms', 'less', (phase) => phase.promptMs?.p50),
      ...of('prompt p99', 'ms', 'less', (phase) => phase.promptMs?.p99),
      ...of('lookup p50', 'ms', 'less', (phase) => phase.lookupMs?.p50),
      ...of('CPU', 'CPU s/GiB', 'less', (phase) => phase.cpuSecondsPerGiB),
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
  const isWithin = ratio <= spread && ratio * spread >= 1;
  const verdict = isWithin ? 'within the spread' : ratio > 1 === (good === 'more') ? 'better' : 'worse';
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
  if (before.concurrency === null || after.concurrency === null || compared.ratio !== null) return compared;
  if (figures.before === figures.after) return { ...compared, verdict: 'within the spread' };
  return { ...compared, verdict: figures.after === null ? 'worse' : 'better' };
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
  return Math.max(LEAST_SPREAD, fastest / median, median / slowest);
}
