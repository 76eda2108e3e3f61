import type { BatchOptions, GetResult } from '@kvferry/core';
import { driver, facade, first, type Mutant } from './mutant.ts';

/** The same options, with reports that go through `change`. */
function reporting<Result>(
  options: BatchOptions<Result> | undefined,
  change: (report: (index: number, result: Result) => void) => (index: number, result: Result) => void,
): BatchOptions<Result> {
  const { onSettled } = options ?? {};
  return onSettled === undefined ? { ...options } : { ...options, onSettled: change(onSettled) };
}

export const mutants: readonly Mutant[] = [
  {
    fault: 'rejects an empty batch',
    make: facade((inner) => ({
      get: async (items, options) => {
        if (items?.length === 0 && inner.state === 'open') throw new TypeError('nothing to get');
        return await inner.get(items, options);
      },
    })),
    caught: ['BATCH-01'],
  },
  {
    fault: 'answers in order of completion',
    make: facade((inner) => ({
      get: async (items, options) => {
        const results = await inner.get(items, options);
        const large = (result: GetResult): number => (result.status === 'hit' && result.byteLength > 100_000 ? 1 : 0);
        return [...results].sort((one, other) => large(one) - large(other));
      },
    })),
    caught: ['BATCH-02'],
  },
  {
    fault: 'reports an item twice',
    make: facade((inner) => ({
      stat: (keys, options) =>
        inner.stat(
          keys,
          reporting(options, (report) => (index, result) => {
            report(index, result);
            if (index === 7) report(index, result);
          }),
        ),
    })),
    caught: ['BATCH-03'],
  },
  {
    fault: 'does not report items that failed',
    make: facade((inner) => ({
      get: (items, options) =>
        inner.get(
          items,
          reporting(options, (report) => (index, result) => {
            if (result.status !== 'failed') report(index, result);
          }),
        ),
    })),
    caught: ['BATCH-03', 'MEM-03'],
  },
  {
    fault: 'reports an item after the promise has settled',
    make: facade((inner) => ({
      stat: (keys, options) =>
        inner.stat(
          keys,
          reporting(options, (report) => (index, result) => {
            if (index === 7) setImmediate(() => report(index, result));
            else report(index, result);
          }),
        ),
    })),
    caught: ['BATCH-03', 'BATCH-08'],
  },
  {
    fault: 'does not report deletes',
    make: facade((inner) => ({ delete: (keys, options) => inner.delete(keys, { signal: options?.signal }) })),
    caught: ['BATCH-04', 'ABORT-07'],
  },
  {
    fault: 'does not report items that exist',
    make: facade((inner) => ({
      put: (items, options) =>
        inner.put(items, {
          ...options,
          ...reporting(options, (report) => (index, result) => {
            if (result.status !== 'exists') report(index, result);
          }),
        }),
    })),
    caught: ['BATCH-05'],
  },
  {
    fault: 'loses the whole batch for one item that fails',
    lmcacheFault: 35,
    make: driver((inner) => ({
      get: async (batch) => {
        const results = await inner.get(batch.items, { signal: batch.signal });
        for (const result of results) if (result.status === 'failed') throw result.error;
        for (const [index, result] of results.entries()) batch.settle(index, result);
      },
    })),
    caught: ['GET-07', 'GET-12', 'BATCH-06', 'ERR-01'],
  },
  {
    fault: 'answers no more than 1,000 items',
    make: facade((inner) => ({
      stat: async (keys, options) => {
        const results = await inner.stat(keys, options);
        return results.map((result, index) => (index < 1000 ? result : { status: 'miss' }));
      },
    })),
    caught: ['BATCH-07'],
  },
  {
    fault: 'loses the call when onSettled throws',
    make: facade((inner) => ({
      stat: async (keys, options) => {
        let thrown: unknown;
        const safe = reporting(options, (report) => (index, result) => {
          try {
            report(index, result);
          } catch (error) {
            thrown = error;
          }
        });
        const results = await inner.stat(keys, safe);
        if (thrown !== undefined) throw thrown;
        return results;
      },
    })),
    caught: ['BATCH-08'],
  },
  {
    fault: 'swallows what onSettled throws',
    make: facade((inner) => ({
      put: (items, options) =>
        inner.put(items, {
          ...options,
          ...reporting(options, (report) => (index, result) => {
            try {
              report(index, result);
            } catch {
              // Lost.
            }
          }),
        }),
    })),
    caught: ['BATCH-08'],
  },
  {
    fault: 'reports a get before its memory is filled',
    make: driver((inner) => ({
      get: async (batch) => {
        const scratch = batch.items.map(({ key, into }) => ({ key, into: new Uint8Array(into.byteLength) }));
        await inner.get(scratch, { signal: batch.signal, onSettled: batch.settle });
        for (const [index, { into }] of batch.items.entries()) into.set(scratch[index]?.into ?? []);
      },
    })),
    caught: ['BATCH-09', 'MEM-03'],
  },
  {
    fault: 'reads a key that comes twice into the memory of the last that names it',
    make: driver((inner) => ({
      get: (batch) =>
        batch.each(1, async (item) => {
          const last = batch.items.findLast(({ key }) => key === item.key) ?? item;
          return await first(inner.get([last.into.byteLength >= item.into.byteLength ? last : item]));
        }),
    })),
    caught: ['GET-08', 'GET-09', 'CONC-02'],
  },
];
