import type { BatchOptions, RemoteBackend } from '../backend.ts';
import type { BackendDriver, Batch } from '../driver.ts';

/** What a layer does its own way: any methods of a driver. */
export type LayerMethods = Partial<Omit<BackendDriver, 'info' | 'capabilities'>>;

/**
 * Makes a driver that passes every call on to `inner`, but for the methods in `own`: what a layer is built of. Each call carries the batch's
 * signal, and each result is passed on as it comes. Opening it opens `inner`, closing it closes `inner`.
 */
export function forwardTo(inner: RemoteBackend, own: LayerMethods = {}): BackendDriver {
  return {
    // Read each time: a backend may know more about itself once it is open.
    get info() {
      return inner.info;
    },
    capabilities: inner.capabilities,
    open: (signal) => inner.open({ signal }),
    stat: (batch) => answered(inner.stat(batch.items, optionsOf(batch))),
    get: (batch) => answered(inner.get(batch.items, optionsOf(batch))),
    put: (batch, mode) => answered(inner.put(batch.items, { ...optionsOf(batch), mode })),
    delete: (batch) => answered(inner.delete(batch.items, optionsOf(batch))),
    list: (prefix, signal) => inner.list({ prefix, signal }),
    close: () => inner.close(),
    ...own,
  };
}

function optionsOf<Result>(batch: Batch<unknown, Result>): BatchOptions<Result> {
  return { signal: batch.signal, onSettled: (index, result) => batch.settle(index, result) };
}

/** The results were passed on one by one, so the list of them says nothing new. */
async function answered(results: Promise<readonly unknown[]>): Promise<void> {
  await results;
}
