import { formatCount, plainTable } from 'kvferry/terminal';
import pc from 'picocolors';
import type { Comparison, MetricComparison } from '../analysis/comparison.ts';
import { durationText, rateText, threeDigits } from './units.ts';
import { sentence } from './words.ts';

/** Two runs for a terminal: first what sets them apart beside the store, then figure by figure. */
export function comparisonText({ caveats, metrics }: Comparison): string {
  const blocks = [
    ...(caveats.length === 0
      ? []
      : [
          [pc.yellow(pc.bold(CAVEATS_TITLE)), ...caveats.map((caveat) => `  ${pc.yellow(sentence(caveat))}`)].join(
            '\n',
          ),
        ]),
    metricTable(metrics),
  ];
  return blocks.join('\n\n');
}

/** What stands over the caveats. */
export const CAVEATS_TITLE = 'These runs differ in more than their figures';

function metricTable(metrics: readonly MetricComparison[]): string {
  return plainTable(
    ['', '', 'before', 'after', 'after/before', ''],
    metrics.map(({ phase, metric, unit, before, after, ratio, verdict }, index) => [
      phase === metrics[index - 1]?.phase ? '' : (phase ?? pc.bold('the whole run')),
      metric,
      figureText(before, metric, unit),
      figureText(after, metric, unit),
      ratio === null ? '–' : threeDigits(ratio),
      COLOURS[verdict](verdict),
    ]),
    [2, 3, 4],
  );
}

const COLOURS: Readonly<Record<MetricComparison['verdict'], (text: string) => string>> = {
  better: pc.green,
  worse: pc.red,
  'within the spread': pc.dim,
  unknown: pc.dim,
};

/** A compared figure with its unit. */
export function figureText(
  value: number | null,
  metric: MetricComparison['metric'],
  unit: MetricComparison['unit'],
): string {
  if (value === null) return metric === 'break-even' ? 'never' : '–';
  switch (unit) {
    case 'bytes/s':
      return rateText(value);
    case 'ms':
      return durationText(value);
    case 'CPU s/GiB':
      return `${threeDigits(value)} s/GiB`;
    case 'tokens':
      return `${formatCount(value)} tokens`;
    case 'requests':
      return formatCount(value);
  }
}
