import { formatCount, plainTable } from 'kvferry/terminal';
import pc from 'picocolors';
import type { Comparison, MetricComparison } from '../analysis/comparison.ts';
import { NONE } from './rate-columns.ts';
import { durationText, rateText, threeDigits } from './units.ts';
import { sentence } from './words.ts';
import { wrapped } from './wrapped.ts';

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
    wrapped(REPEAT_NOTE)
      .map((line) => pc.dim(line))
      .join('\n'),
  ];
  return blocks.join('\n\n');
}

/** What stands over the caveats. */
export const CAVEATS_TITLE = 'These runs differ in more than their figures';

/** What stands under the figures. */
export const REPEAT_NOTE =
  'One run is held against one: whatever else the machine, the network or the store had to do looks like a change too. Repeat both before you trust one.';

function metricTable(metrics: readonly MetricComparison[]): string {
  return plainTable(
    ['', '', 'before', 'after', 'after/before', ''],
    metrics.map((compared, index) => {
      const { phase, metric, ratio, verdict } = compared;
      return [
        phase === metrics[index - 1]?.phase ? '' : (phase ?? pc.bold('the whole run')),
        metric,
        figureText(compared, 'before'),
        figureText(compared, 'after'),
        ratio === null ? NONE : threeDigits(ratio),
        COLOURS[verdict](verdict),
      ];
    }),
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
export function figureText(compared: MetricComparison, which: 'before' | 'after'): string {
  const value = compared[which];
  if (value === null) return compared.metric === 'break-even' && compared.verdict !== 'unknown' ? 'never' : NONE;
  switch (compared.unit) {
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
