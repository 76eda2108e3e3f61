import { type BatchOptions, defineBackend, forwardTo, type Layer } from '@kvferry/core';
import type { RequestRow } from '../results/records.ts';

/** One item of a call, by this process's clock. */
export type ItemRow = Pick<RequestRow, 'operation' | 'startMs' | 'endMs' | 'bytes' | 'status' | 'error'>;

/** Tells of each item of a call when it settles: for backends that tell of no requests themselves. Each counts from the beginning of its call. */
export function itemRows(tell: (row: ItemRow) => void): Layer {
  return (inner) =>
    defineBackend(
      forwardTo(inner, {
        stat: async (batch) =>
          void (await inner.stat(
            batch.items,
            told(batch, tell, 'stat', () => 0),
          )),
        get: async (batch) =>
          void (await inner.get(
            batch.items,
            told(batch, tell, 'get', (_, result) => (result.status === 'hit' ? result.byteLength : 0)),
          )),
        put: async (batch, mode) => {
          const sizes = batch.items.map(({ parts }) => parts.reduce((sum, part) => sum + part.byteLength, 0));
          const options = told(batch, tell, 'put', (index, result) =>
            result.status === 'stored' ? (sizes[index] as number) : 0,
          );
          await inner.put(batch.items, { ...options, mode });
        },
      }),
    );
}

type Settled = { readonly status: string; readonly error?: { readonly code: string } };

function told<Result extends Settled>(
  batch: { readonly signal: AbortSignal; settle(index: number, result: Result): void },
  tell: (row: ItemRow) => void,
  operation: ItemRow['operation'],
  bytesOf: (index: number, result: Result) => number,
): BatchOptions<Result> {
  const startMs = performance.now();
  return {
    signal: batch.signal,
    onSettled(index, result) {
      const endMs = performance.now();
      const status = result.status === 'failed' || result.status === 'miss' ? result.status : 'ok';
      tell({ operation, startMs, endMs, bytes: bytesOf(index, result), status, error: result.error?.code ?? null });
      batch.settle(index, result);
    },
  };
}
