import type { RequestRow } from '../results/records.ts';
import type { OperationSummary } from '../results/summary.ts';
import { percentilesOf } from './percentiles.ts';
import { firstByteMs, isAnswered, isCalledOff, requestMs } from './rows.ts';

/** All requests by operation, most bytes first, then most requests. Latencies are those of answered ones, warm-up included. */
export function summarizeOperations(rows: readonly RequestRow[]): OperationSummary[] {
  return [...Map.groupBy(rows, ({ operation }) => operation)]
    .map(([operation, all]) => summarizeOperation(operation, all))
    .sort((one, other) => other.bytes - one.bytes || other.requests - one.requests);
}

/** Rows of attempts beyond the first. */
export function countRetries(rows: readonly RequestRow[]): number {
  return rows.filter(({ attempt }) => attempt > 1).length;
}

/** Bytes of all answered requests. */
export function countBytes(rows: readonly RequestRow[]): number {
  return rows.reduce((sum, row) => sum + (isAnswered(row) ? row.bytes : 0), 0);
}

function summarizeOperation(operation: string, rows: readonly RequestRow[]): OperationSummary {
  const answered = rows.filter(isAnswered);
  return {
    operation,
    requests: rows.length,
    failed: rows.filter((row) => !isAnswered(row) && !isCalledOff(row)).length,
    misses: rows.filter(({ status }) => status === 'miss').length,
    retries: countRetries(rows),
    bytes: countBytes(rows),
    requestMs: percentilesOf(answered.map(requestMs)),
    firstByteMs: percentilesOf(firstByteMs(answered)),
  };
}
