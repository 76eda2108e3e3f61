import { formatCount, plainTable } from 'kvferry/terminal';
import pc from 'picocolors';
import { PEER_NOTES } from '../peers/names.ts';
import type { Percentiles, PhaseSummary, Summary } from '../results/summary.ts';
import { answerOf, movedText } from './answer.ts';
import { NONE, type RateCells, rateColumns } from './rate-columns.ts';
import { dollarsText, millisecondsText, percentText, rateUnit, threeDigits } from './units.ts';
import { endText, sentence, workloadText } from './words.ts';
import { wrapped } from './wrapped.ts';

/** A run for a terminal: what went wrong, the answer, then the tables it follows from. */
export function summaryText(summary: Summary): string {
  const blocks = [
    troubleBlock(summary),
    answerBlock(summary),
    section('Phases', phaseTable(summary)),
    section('Prompts', promptTable(summary)),
    section('Clients compared, reading the same chunks in turns', peerTable(summary)),
    section('What a thousand hits cost at list prices, and keeping one', costTable(summary)),
    section('Failed requests', errorTable(summary)),
    section('Notes', list(summary.notes)),
  ];
  return blocks.filter((block) => block !== undefined).join('\n\n');
}

function troubleBlock(summary: Summary): string | undefined {
  const { trouble } = answerOf(summary);
  if (trouble === null) return undefined;
  const problems = summary.problems.flatMap((problem) => wrapped(sentence(problem), '  '));
  return [pc.red(pc.bold(`${trouble}.`)), ...problems.map((line) => pc.red(line))].join('\n');
}

function answerBlock(summary: Summary): string {
  const { throughput, breakEven, limit, conformance } = answerOf(summary);
  const failures = summary.conformance?.failures ?? [];
  return [
    pc.bold(throughput),
    ...wrapped(breakEven),
    ...(summary.plan.curve.length === 0
      ? []
      : dimmed(sentence(summary.plan.reason), `Rate of computing: ${sentence(summary.plan.prefillSource)}`)),
    ...(limit === null ? [] : wrapped(limit)),
    failures.length === 0 ? conformance : pc.red(conformance),
    ...failures.map(({ id, title, reason }) => `  ${pc.red('✗')} ${title} ${pc.dim(`(${id})`)}: ${reason}`),
    ...wrapped(
      `${movedText(summary)}, on ${summary.store}${summary.sharesMachine ? '; store and client shared one machine' : ''}`,
    ).map((line) => pc.dim(line)),
  ].join('\n');
}

function dimmedLine(text: string): string[] {
  return wrapped(text).map((line) => pc.dim(line));
}

function dimmed(...texts: readonly string[]): string[] {
  return texts.flatMap((text) => wrapped(text, '  ')).map((line) => pc.dim(line));
}

function phaseTable({ phases }: Summary): string | undefined {
  if (phases.length === 0) return undefined;
  const { unit, cells } = rateColumns(phases);
  const head = ['', unit.name, 'slow–fast', 'request p50/p99', 'first byte p50/p99', 'CPU s/GiB', 'ended'];
  return plainTable(
    head,
    phases.map((phase) => phaseRow(phase, cells(phase))),
    [1, 2, 3, 4, 5],
  );
}

function phaseRow(phase: PhaseSummary, { median, range, cpuSecondsPerGiB }: RateCells): string[] {
  const ended = endText(phase);
  return [
    workloadText(phase.workload),
    median,
    range,
    pairText(phase.requestMs),
    pairText(phase.firstByteMs),
    cpuSecondsPerGiB,
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
  const without = leftOut.map(({ client, reason }) => `left out: ${client}: ${reason}`);
  const notes = measured.length === 0 ? [] : PEER_NOTES;
  return [...(measured.length === 0 ? [] : [table]), ...[...without, ...notes].flatMap(dimmedLine)].join('\n');
}

function costTable({ plan }: Summary): string | undefined {
  if (plan.costs.length === 0) return undefined;
  const table = plainTable(
    ['', 'tokens each', 'requests', 'transfer', 'a thousand hits', 'one kept a month'],
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
  const sources = new Set(
    plan.costs.map(({ service, priceDate, priceSource }) => `${service}: as of ${priceDate}, ${priceSource}`),
  );
  return [table, ...[...sources].flatMap(dimmedLine)].join('\n');
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
  return lines.length === 0 ? undefined : lines.flatMap((line) => wrapped(sentence(line))).join('\n');
}

function section(title: string, body: string | undefined): string | undefined {
  return body === undefined ? undefined : `${pc.bold(title)}\n${body.replace(/^(?=.)/gm, '  ')}`;
}

/** Median and 99th percentile in milliseconds. */
function pairText(of: Percentiles | null): string {
  return of === null ? NONE : `${millisecondsText(of.p50)} / ${millisecondsText(of.p99)} ms`;
}
