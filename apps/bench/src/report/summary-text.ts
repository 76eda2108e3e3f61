import { formatCount, plainTable } from 'kvferry/terminal';
import pc from 'picocolors';
import { PEER_NOTES } from '../peers/names.ts';
import type { Percentiles, PhaseSummary, Summary } from '../results/summary.ts';
import { answerOf, movedText } from './answer.ts';
import { dollarsText, millisecondsText, percentText, type RateUnit, rateUnit, threeDigits } from './units.ts';
import { endText, sentence, workloadText } from './words.ts';

/** A run for a terminal: what went wrong, the answer, then the tables it follows from. */
export function summaryText(summary: Summary): string {
  const blocks = [
    troubleBlock(summary),
    answerBlock(summary),
    section('Phases', phaseTable(summary)),
    section('Prompts', promptTable(summary)),
    section('Clients compared, reading the same chunks in turns', peerTable(summary)),
    section('What a thousand hits cost, at list prices', costTable(summary)),
    section('Failed requests', errorTable(summary)),
    section('Notes', list(summary.notes)),
  ];
  return blocks.filter((block) => block !== undefined).join('\n\n');
}

function troubleBlock(summary: Summary): string | undefined {
  const { trouble } = answerOf(summary);
  if (trouble === null) return undefined;
  return [pc.red(pc.bold(`${trouble}.`)), ...summary.problems.map((problem) => `  ${pc.red(sentence(problem))}`)].join(
    '\n',
  );
}

function answerBlock(summary: Summary): string {
  const { throughput, breakEven, limit, conformance } = answerOf(summary);
  const failures = summary.conformance?.failures ?? [];
  return [
    pc.bold(throughput),
    breakEven,
    ...(summary.plan.curve.length === 0
      ? []
      : [pc.dim(`  ${sentence(summary.plan.reason)} Rate: ${sentence(summary.plan.prefillSource)}`)]),
    ...(limit === null ? [] : [limit]),
    failures.length === 0 ? conformance : pc.red(conformance),
    ...failures.map(({ id, title, reason }) => `  ${pc.red('✗')} ${title} ${pc.dim(`(${id})`)}: ${reason}`),
    pc.dim(
      `${movedText(summary)}, on ${summary.store}${summary.sharesMachine ? '; store and client shared one machine' : ''}`,
    ),
  ].join('\n');
}

function phaseTable({ phases }: Summary): string | undefined {
  if (phases.length === 0) return undefined;
  const unit = rateUnit(Math.max(...phases.map(({ bytesPerSecond }) => bytesPerSecond?.median ?? 0)));
  const head = ['', unit.name, 'slow–fast', 'request p50/p99', 'first byte p50/p99', 'CPU s/GiB', 'ended'];
  return plainTable(
    head,
    phases.map((phase) => phaseRow(phase, unit)),
    [1, 2, 3, 4, 5],
  );
}

function phaseRow(phase: PhaseSummary, unit: RateUnit): string[] {
  const { bytesPerSecond: rate, cpuSecondsPerGiB } = phase;
  const ended = endText(phase);
  return [
    workloadText(phase.workload),
    rate === null ? NONE : unit.text(rate.median),
    rate === null ? NONE : `${unit.text(rate.slowest)}–${unit.text(rate.fastest)}`,
    pairText(phase.requestMs),
    pairText(phase.firstByteMs),
    cpuSecondsPerGiB === null ? NONE : threeDigits(cpuSecondsPerGiB),
    phase.endedBy === 'failed' ? pc.red(ended) : ended,
  ];
}

function promptTable({ phases }: Summary): string | undefined {
  const withPrompts = phases.filter(({ prompts }) => prompts > 0);
  if (withPrompts.length === 0) return undefined;
  return plainTable(
    ['', 'prompts', 'found', 'lookup p50/p99', 'whole prompt p50/p99'],
    withPrompts.map((phase) => [
      workloadText(phase.workload),
      formatCount(phase.prompts),
      phase.hitShare === null || phase.workload.type === 'store' ? NONE : percentText(phase.hitShare),
      pairText(phase.lookupMs),
      pairText(phase.promptMs),
    ]),
    [1, 2, 3, 4],
  );
}

function peerTable({ peers }: Summary): string | undefined {
  const measured = peers.filter(({ reason }) => reason === null);
  const leftOut = peers.filter(({ reason }) => reason !== null);
  if (peers.length === 0) return undefined;
  const unit = rateUnit(Math.max(0, ...measured.map(({ bytesPerSecond }) => bytesPerSecond ?? 0)));
  const table = plainTable(
    ['', 'version', 'CPU s/GiB', '× kvferry', unit.name],
    measured.map(({ client, version, cpuSecondsPerGiB, cpuRatio, bytesPerSecond }) => [
      client,
      version ?? '',
      cpuSecondsPerGiB === null ? NONE : threeDigits(cpuSecondsPerGiB),
      cpuRatio === null ? NONE : threeDigits(cpuRatio),
      bytesPerSecond === null ? NONE : unit.text(bytesPerSecond),
    ]),
    [2, 3, 4],
  );
  const without = leftOut.map(({ client, reason }) => pc.dim(`left out: ${client}, as ${reason}`));
  const notes = measured.length === 0 ? [] : PEER_NOTES.map((note) => pc.dim(note));
  return [...(measured.length === 0 ? [] : [table]), ...without, ...notes].join('\n');
}

function costTable({ plan }: Summary): string | undefined {
  if (plan.costs.length === 0) return undefined;
  const table = plainTable(
    ['', 'tokens each', 'requests', 'transfer', 'a thousand hits', 'kept for a month'],
    plan.costs.map((cost) => [
      `${cost.service}, ${cost.region}`,
      formatCount(cost.tokens),
      dollarsText(cost.requestDollars * 1000),
      dollarsText(cost.transferDollars * 1000),
      dollarsText(cost.hitDollars * 1000),
      dollarsText(cost.storageDollarsPerMonth),
    ]),
    [1, 2, 3, 4, 5],
  );
  const sources = new Set(plan.costs.map(({ priceDate, priceSource }) => `Prices of ${priceDate}, ${priceSource}`));
  return [table, ...[...sources].map((source) => pc.dim(source))].join('\n');
}

function errorTable({ errors }: Summary): string | undefined {
  const codes = Object.entries(errors).sort(([, a], [, b]) => b - a);
  if (codes.length === 0) return undefined;
  return plainTable(
    [],
    codes.map(([code, count]) => [code, formatCount(count)]),
  );
}

function list(lines: readonly string[]): string | undefined {
  return lines.length === 0 ? undefined : lines.map(sentence).join('\n');
}

function section(title: string, body: string | undefined): string | undefined {
  return body === undefined ? undefined : `${pc.bold(title)}\n${body.replace(/^(?=.)/gm, '  ')}`;
}

const NONE = '–';

/** Median and 99th percentile in milliseconds. */
function pairText(of: Percentiles | null): string {
  return of === null ? NONE : `${millisecondsText(of.p50)} / ${millisecondsText(of.p99)} ms`;
}
