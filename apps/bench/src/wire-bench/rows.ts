import type { Operation } from '../clients/types.ts';
import { median } from '../shared/statistics.ts';
import type { ClientName, Sample, Scheme, Verify } from './plan.ts';
import type { Measurement } from './run.ts';

/** Figures of one client in one cell, each the median over all rounds. */
export interface Row {
  readonly client: ClientName;
  readonly operation: Operation;
  readonly scheme: Scheme;
  /** Size of the object. */
  readonly bytes: number;
  readonly concurrency: number;
  readonly verify: Verify;
  /** CPU of the client's process per GiB of bodies. `null` for HEAD, which carries none. */
  readonly cpuSecondsPerGiB: number | null;
  readonly cpuMicrosecondsPerOperation: number;
  /** 0 for HEAD. */
  readonly bytesPerSecond: number;
  readonly operationsPerSecond: number;
}

export function toRow({ cell, contender, samples }: Measurement): Row {
  const middle = (figure: (sample: Sample) => number): number => median(samples.map(figure));
  return {
    client: contender.client,
    operation: cell.operation,
    scheme: cell.scheme,
    bytes: cell.bytes,
    concurrency: cell.concurrency,
    verify: contender.verify,
    cpuSecondsPerGiB:
      cell.operation === 'HEAD' ? null : middle(({ cpuSeconds, bytes }) => cpuSeconds / (bytes / 2 ** 30)),
    cpuMicrosecondsPerOperation: middle(({ cpuSeconds, operations }) => (cpuSeconds * 1_000_000) / operations),
    bytesPerSecond: middle(({ bytes, seconds }) => bytes / seconds),
    operationsPerSecond: middle(({ operations, seconds }) => operations / seconds),
  };
}
