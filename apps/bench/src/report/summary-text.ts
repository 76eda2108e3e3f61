import { plainTable } from 'kvferry/terminal';
import pc from 'picocolors';
import { PEER_NOTES } from '../peers/names.ts';
import type { PhaseSummary, Summary } from '../results/summary.ts';
import { answerOf, movedText } from './answer.ts';
import { costRows, errorRows, pairText, peerCells, promptRows } from './cells.ts';
import { type RateCells, rateColumns } from './rate-columns.ts';
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
    pairText(phase.requestMs, ' ms'),
    pairText(phase.firstByteMs, ' ms'),
    cpuSecondsPerGiB,
    phase.endedBy === 'failed' ? pc.red(ended) : ended,
  ];
}

function promptTable({ phases }: Summary): string | undefined {
  const rows = promptRows(phases, ' ms');
  if (rows.length === 0) return undefined;
  return plainTable(['', 'prompts', 'found', 'lookup p50/p99', 'whole prompt p50/p99'], rows, [1, 2, 3, 4]);
}

function peerTable({ peers }: Summary): string | undefined {
  if (peers.length === 0) return undefined;
  const { unit, measured, leftOut } = peerCells(peers);
  const table = plainTable(
    ['', 'version', 'CPU s/GiB', '× kvferry', unit.name],
    measured.map(({ client, version, cost, ratio, rate }) => [client, version, cost, ratio, rate]),
    [2, 3, 4],
  );
  const without = leftOut.map(({ client, reason }) => `left out: ${client}: ${reason}`);
  const notes = measured.length === 0 ? [] : PEER_NOTES;
  return [...(measured.length === 0 ? [] : [table]), ...[...without, ...notes].flatMap(dimmedLine)].join('\n');
}

function costTable({ plan }: Summary): string | undefined {
  if (plan.costs.length === 0) return undefined;
  const head = ['', 'tokens each', 'requests', 'transfer', 'a thousand hits', 'one kept a month'];
  const table = plainTable(head, costRows(plan.costs), [1, 2, 3, 4, 5]);
  const sources = new Set(
    plan.costs.map(({ service, priceDate, priceSource }) => `${service}: as of ${priceDate}, ${priceSource}`),
  );
  return [table, ...[...sources].flatMap(dimmedLine)].join('\n');
}

function errorTable({ errors }: Summary): string | undefined {
  const rows = errorRows(errors);
  return rows.length === 0 ? undefined : plainTable([], rows);
}

function list(lines: readonly string[]): string | undefined {
  return lines.length === 0 ? undefined : lines.flatMap((line) => wrapped(sentence(line))).join('\n');
}

function section(title: string, body: string | undefined): string | undefined {
  return body === undefined ? undefined : `${pc.bold(title)}\n${body.replace(/^(?=.)/gm, '  ')}`;
}
