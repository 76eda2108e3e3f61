import Table from 'cli-table3';
import pc from 'picocolors';
import type { GoalResult } from './goals.ts';
import type { Cell } from './plan.ts';
import { toRow } from './rows.ts';
import type { Measurement } from './run.ts';
import { cpuRatio } from './statistics.ts';

/** Shows a run to a person: a table for each cell, with the goals beside the figures they are about. */
export function renderTables(measurements: readonly Measurement[], goals: readonly GoalResult[]): string {
  const cells = [...new Set(measurements.map(({ cell }) => cell))];
  return cells
    .map((cell) => {
      const inCell = measurements.filter((measurement) => measurement.cell === cell);
      return `${pc.bold(titleOf(cell))}\n${renderCell(cell, inCell, goals)}\n`;
    })
    .join('\n');
}

function renderCell(cell: Cell, measurements: readonly Measurement[], goals: readonly GoalResult[]): string {
  const floor = measurements.find(({ contender }) => contender.client === 'floor');
  const ours = measurements.find(({ contender }) => contender.client === 'kvferry');
  const columns: readonly Column[] = [
    { head: 'client', text: ({ contender }) => contender.client, align: 'left' },
    { head: 'verify', text: ({ contender }) => contender.verify, align: 'left' },
    cell.operation === 'HEAD'
      ? { head: 'CPU µs/op', text: (each) => toRow(each).cpuMicrosecondsPerOperation.toFixed(1), align: 'right' }
      : { head: 'CPU s/GiB', text: (each) => toRow(each).cpuSecondsPerGiB?.toFixed(3) ?? '', align: 'right' },
    ...timesColumn('floor', floor),
    ...timesColumn('kvferry', ours),
    cell.operation === 'HEAD'
      ? { head: 'op/s', text: (each) => toRow(each).operationsPerSecond.toFixed(0), align: 'right' }
      : { head: 'GiB/s', text: (each) => (toRow(each).bytesPerSecond / 2 ** 30).toFixed(2), align: 'right' },
    {
      head: 'goal',
      text: (each) =>
        goals
          .filter((goal) => isAbout(goal, each))
          .map(goalText)
          .join('\n'),
      align: 'left',
    },
  ];
  const table = new Table({
    head: columns.map(({ head }) => head),
    colAligns: columns.map(({ align }) => align),
    style: { head: [], border: [], compact: true },
  });
  for (const measurement of measurements) {
    table.push(columns.map(({ text }) => text(measurement)));
  }
  return table.toString();
}

interface Column {
  readonly head: string;
  readonly align: 'left' | 'right';
  text(measurement: Measurement): string;
}

/** How many times the CPU of `base`; no column where there is no such row. */
function timesColumn(name: string, base: Measurement | undefined): Column[] {
  if (base === undefined) {
    return [];
  }
  return [{ head: `× ${name}`, align: 'right', text: (each) => cpuRatio(each.samples, base.samples).toFixed(2) }];
}

// A goal against the floor stands in kvferry's row, one against another client in that client's.
function isAbout(goal: GoalResult, { cell, contender }: Measurement): boolean {
  if (goal.operation !== cell.operation || goal.scheme !== cell.scheme || goal.bytes !== cell.bytes) {
    return false;
  }
  return goal.against === 'floor'
    ? contender.client === 'kvferry' && contender.verify === goal.verify
    : contender.client === goal.against;
}

function goalText({ comparison, goal, ratio, verify, outcome, against }: GoalResult): string {
  const sign = comparison === 'at most' ? '≤' : '≥';
  const base = against === 'floor' ? ' floor' : '';
  const which = verify === 'crc32c' && against !== 'floor' ? 'crc32c ' : '';
  const found = ratio === null ? '' : ` ${ratio.toFixed(2)}×`;
  const paint = outcome === 'ok' ? pc.green : pc.yellow;
  return `${which}goal ${sign}${goal}×${base}:${found} ${paint(outcome)}`;
}

function titleOf({ operation, scheme, bytes, concurrency }: Cell): string {
  return operation === 'HEAD'
    ? `HEAD over ${scheme}, ${concurrency} in flight`
    : `${operation} over ${scheme}, ${sizeText(bytes)} × ${concurrency} in flight`;
}

/** `4 MiB`, `256 KiB`. */
function sizeText(bytes: number): string {
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
}
