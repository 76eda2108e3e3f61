import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { REQUEST_CHANNEL, type RequestRecord } from '@kvferry/s3-protocol';
import { nearestRank } from './statistics.ts';

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

/** By nearest rank; 0 where there was none. */
function percentiles(values: readonly number[]): { p50: number; p99: number } {
  if (values.length === 0) return { p50: 0, p99: 0 };
  const sorted = Float64Array.from(values).sort();
  return { p50: nearestRank(sorted, 0.5), p99: nearestRank(sorted, 0.99) };
}
