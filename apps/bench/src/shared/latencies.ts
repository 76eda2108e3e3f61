import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { REQUEST_CHANNEL, type RequestRecord } from '@kvferry/s3-protocol';

/** Latencies of requests on the wire, in milliseconds. */
export interface LatencySummary {
  readonly requests: number;
  readonly failed: number;
  readonly firstByteMs: { readonly p50: number; readonly p99: number };
  readonly totalMs: { readonly p50: number; readonly p99: number };
}

/** Collects the requests of one method from the telemetry of the S3 backends until `stop`. */
export function collectLatencies(method: string): { stop(): LatencySummary } {
  const firstByte: number[] = [];
  const total: number[] = [];
  let failed = 0;
  const collect = (message: unknown): void => {
    const record = message as RequestRecord;
    if (record.method !== method) return;
    if (record.errorCode !== undefined) failed += 1;
    if (record.firstByteMs > 0) firstByte.push(record.firstByteMs - record.startMs);
    total.push(record.endMs - record.startMs);
  };
  subscribe(REQUEST_CHANNEL, collect);
  return {
    stop() {
      unsubscribe(REQUEST_CHANNEL, collect);
      return { requests: total.length, failed, firstByteMs: percentiles(firstByte), totalMs: percentiles(total) };
    },
  };
}

function percentiles(values: number[]): { p50: number; p99: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

/** The value at a share of a sorted list, by nearest rank; 0 for an empty list. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
