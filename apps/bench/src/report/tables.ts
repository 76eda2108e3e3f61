import { formatBytes, formatCount } from 'kvferry/terminal';
import { neededText } from './answer.ts';
import { costRows, errorRows, pairText, peerCells, promptRows } from './cells.ts';
import { type Content, html, type Markup } from './markup.ts';
import { NONE, rateColumns } from './rate-columns.ts';
import type { ShownRun } from './run-data.ts';
import { millisecondsText, percentText, secondsText, threeDigits } from './units.ts';
import { endText, sentence, workloadText } from './words.ts';

/** A column: what stands over it, and whether it holds numbers. */
export interface Column {
  readonly head: string;
  readonly is: 'text' | 'number';
}

/** A table whose first column names the rows. On a narrow page each row is a block, and each cell carries the head of its column. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Content[])[]): Markup {
  const cells = (row: readonly Content[]): Markup[] =>
    row.map((cell, index) => {
      const { head, is } = columns[index] ?? { head: '', is: 'text' };
      if (index === 0) return html`<th scope="row">${cell}</th>`;
      return html`<td class="${is}" data-label="${head}">${cell}</td>`;
    });
  return html`<table class="${columns.length > 4 ? 'wide' : ''}">
<caption>${caption}</caption>
<thead><tr>${columns.map(({ head, is }) => html`<th scope="col" class="${is}">${head}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>\n`)}</tbody>
</table>
`;
}

/** Columns of numbers behind one of text. */
export function columns(first: string, ...numbers: readonly string[]): Column[] {
  return [{ head: first, is: 'text' }, ...numbers.map((head): Column => ({ head, is: 'number' }))];
}

export function phaseTable({ summary: { phases } }: ShownRun): Markup | undefined {
  if (phases.length === 0) return undefined;
  const { unit, cells } = rateColumns(phases);
  const heads = [
    `${unit.name}, median second`,
    'slowest–fastest',
    'request ms p50 / p99',
    'first byte ms p50 / p99',
    'CPU s/GiB',
  ];
  return table(
    'Phases',
    [...columns('', ...heads), { head: 'ended', is: 'text' }],
    phases.map((phase) => {
      const { median, range, cpuSecondsPerGiB } = cells(phase);
      const ended = endText(phase);
      return [
        workloadText(phase.workload),
        median,
        range,
        pairText(phase.requestMs, ''),
        pairText(phase.firstByteMs, ''),
        cpuSecondsPerGiB,
        phase.endedBy === 'failed' ? html`<span class="bad">${ended}</span>` : ended,
      ];
    }),
  );
}

export function promptTable({ summary: { phases } }: ShownRun): Markup | undefined {
  const rows = promptRows(phases, '');
  if (rows.length === 0) return undefined;
  const heads = ['prompts', 'tokens found', 'lookup ms p50 / p99', 'whole prompt ms p50 / p99'];
  return table('Prompts', columns('', ...heads), rows);
}

/** What the measuring process itself did: where a limit of the client shows. */
export function processTable({ summary: { phases } }: ShownRun): Markup | undefined {
  const rows = phases.flatMap(({ workload, process }) => (process === null ? [] : [{ workload, process }]));
  if (rows.length === 0) return undefined;
  const heads = ['CPU s', 'event loop busy', 'event loop late ms p50 / p99', 'machine busy', 'peak memory'];
  return table(
    'The measuring process',
    columns('', ...heads),
    rows.map(({ workload, process }) => [
      workloadText(workload),
      threeDigits(process.cpuSeconds),
      percentText(process.eventLoopUtilization),
      `${millisecondsText(process.eventLoopDelayMs.p50)} / ${millisecondsText(process.eventLoopDelayMs.p99)}`,
      percentText(process.machineBusy),
      formatBytes(process.peakMemoryBytes),
    ]),
  );
}

export function operationTable({ summary: { operations } }: ShownRun): Markup | undefined {
  if (operations.length === 0) return undefined;
  return table(
    'Requests, warm-up included',
    columns('', 'requests', 'failed', 'misses', 'retries', 'bytes', 'ms p50 / p90 / p99 / max'),
    operations.map(({ operation, requests, failed, misses, retries, bytes, requestMs }) => [
      operation,
      formatCount(requests),
      failed === 0 ? '0' : html`<span class="bad">${formatCount(failed)}</span>`,
      formatCount(misses),
      formatCount(retries),
      formatBytes(bytes),
      orNone(requestMs, ({ p50, p90, p99, max }) => [p50, p90, p99, max].map(millisecondsText).join(' / ')),
    ]),
  );
}

export function errorTable({ summary: { errors } }: ShownRun): Markup | undefined {
  const rows = errorRows(errors);
  return rows.length === 0 ? undefined : table('Failed requests', columns('code', 'requests'), rows);
}

export function peerTable({ summary: { peers } }: ShownRun): Markup | undefined {
  if (peers.length === 0) return undefined;
  const { unit, measured, leftOut } = peerCells(peers);
  const rows = measured.map(({ client, version, cost, ratio, rate }) => {
    return [client, version, cost, ratio === NONE ? NONE : `×${ratio}`, rate];
  });
  return html`<div>${rows.length === 0 ? undefined : table('Clients compared', columns('', 'version', 'CPU s/GiB', 'to kvferry', unit.name), rows)}
${leftOut.map(({ client, reason }) => html`<p class="muted">Left out: ${client}: ${reason ?? ''}</p>`)}</div>`;
}

export function curveTable({ summary: { plan } }: ShownRun): Markup | undefined {
  if (plan.curve.length === 0) return undefined;
  return table(
    `Loading or recomputing on ${plan.hardware}`,
    columns('tokens of prefix', 'load', 'compute'),
    plan.curve.map(({ tokens, loadSeconds, computeSeconds }) => [
      formatCount(tokens),
      secondsText(loadSeconds),
      secondsText(computeSeconds),
    ]),
  );
}

export function hardwareTable({ summary }: ShownRun): Markup | undefined {
  const { plan, concurrency } = summary;
  if (plan.byHardware.length === 0 || concurrency === null) return undefined;
  return table(
    'From which length loading wins, on this store',
    columns('hardware', 'prefills tokens/s', 'loading wins from'),
    plan.byHardware.map(({ hardware, prefillTokensPerSecond, breakEvenTokens, neededBytesPerSecond }) => [
      hardware,
      formatCount(Math.round(prefillTokensPerSecond)),
      breakEvenTokens === null ? `${neededText(neededBytesPerSecond)} only` : `${formatCount(breakEvenTokens)} tokens`,
    ]),
  );
}

export function costTable({ summary: { plan } }: ShownRun): Markup | undefined {
  if (plan.costs.length === 0) return undefined;
  const sources = new Set(
    plan.costs.map(
      ({ service, priceDate, priceSource }) => `${service}: list prices as of ${priceDate}, ${priceSource}`,
    ),
  );
  const heads = ['tokens each', 'requests', 'transfer', 'a thousand hits', 'one kept a month'];
  return html`<div class="wide">${table(
    'What a thousand hits cost, and what it costs to keep one',
    columns('', ...heads),
    costRows(plan.costs),
  )}${[...sources].map((source) => html`<p class="muted">${sentence(source)}</p>\n`)}</div>`;
}

function orNone<T>(value: T | null, text: (value: T) => Content): Content {
  return value === null ? NONE : text(value);
}
