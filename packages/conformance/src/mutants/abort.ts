import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Key, RemoteBackend } from '@kvferry/core';
import { aborted, driver, facade, first, type Mutant } from './mutant.ts';

/** A place in flight that each call takes, and one that is aborted keeps. */
const PLACES = 8;

export const mutants: readonly Mutant[] = [
  {
    fault: 'stores although the signal has fired before',
    make: facade((inner) => ({
      put: async (items, options) => {
        if (options?.signal?.aborted && inner.state === 'open') await inner.put(items);
        return await inner.put(items, options);
      },
    })),
    caught: ['ABORT-01'],
  },
  {
    fault: 'writes memory after an abort has settled',
    lmcacheFault: 16,
    make: facade((inner) => ({
      get: async (items, options) => {
        options?.signal?.addEventListener('abort', () => setImmediate(() => items.at(-1)?.into.fill(0)), {
          once: true,
        });
        return await inner.get(items, options);
      },
    })),
    caught: ['ABORT-02', 'ABORT-03', 'ABORT-10'],
  },
  {
    fault: 'ignores an abort of get',
    make: facade((inner) => ({
      get: (items, options) => inner.get(items, options?.signal?.aborted ? options : { onSettled: options?.onSettled }),
    })),
    caught: ['ABORT-02', 'ABORT-03', 'ABORT-09', 'ABORT-12'],
  },
  {
    fault: 'ignores an abort of stat',
    make: facade((inner) => ({
      stat: (keys, options) => inner.stat(keys, options?.signal?.aborted ? options : { onSettled: options?.onSettled }),
    })),
    caught: ['ABORT-06'],
  },
  {
    fault: 'ignores an abort of delete',
    make: facade((inner) => ({
      delete: (keys, options) =>
        inner.delete(keys, options?.signal?.aborted ? options : { onSettled: options?.onSettled }),
    })),
    caught: ['ABORT-07'],
  },
  {
    fault: 'goes on writing values after an abort has settled',
    lmcacheFault: 16,
    make: driver((inner) => ({
      put: async (batch, mode) => {
        await batch.each(4, async (item) => await first(inner.put([item], { mode })));
        if (batch.signal.aborted) setImmediate(() => void inner.put(batch.items.slice(-1)).catch(() => {}));
      },
    })),
    caught: ['ABORT-05'],
  },
  {
    fault: 'goes on deleting after an abort has settled',
    make: driver((inner) => ({
      delete: async (batch) => {
        await batch.each(4, async (key) => await first(inner.delete([key])));
        if (batch.signal.aborted) setImmediate(() => void inner.delete(batch.items.slice(-1)).catch(() => {}));
      },
    })),
    caught: ['ABORT-07'],
  },
  {
    fault: 'leaves a part of the value that it was writing when it was aborted',
    make: driver((inner) => ({
      put: async (batch, mode) => {
        await batch.each(4, async (item) => await first(inner.put([item], { mode })));
        if (!batch.signal.aborted) return;
        const { key, parts } = batch.items.at(-1) ?? { key: '', parts: [] };
        await inner.put([{ key, parts: [parts[0]?.slice(0, 100) ?? new Uint8Array(0)] }]).catch(() => {});
      },
    })),
    caught: ['ABORT-04'],
  },
  {
    fault: 'deletes the old value of a put that is aborted',
    make: driver((inner) => ({
      put: async (batch, mode) => {
        await batch.each(4, async (item) => await first(inner.put([item], { mode })));
        if (batch.signal.aborted) await inner.delete(batch.items.slice(-2).map(({ key }) => key)).catch(() => {});
      },
    })),
    caught: ['ABORT-04'],
  },
  {
    fault: 'rejects for an abort that came when all had settled',
    make: facade((inner) => ({
      stat: async (keys, options) => {
        const results = await inner.stat(keys, options);
        if (options?.signal?.aborted) throw aborted();
        return results;
      },
    })),
    caught: ['ABORT-08'],
  },
  {
    fault: 'ends every call when one is aborted',
    make: facade((inner) => {
      let ending = new AbortController();
      return {
        get: async (items, options) => {
          options?.signal?.addEventListener('abort', () => ending.abort(), { once: true });
          if (ending.signal.aborted) ending = new AbortController();
          if (options?.signal?.aborted) return await inner.get(items, options);
          return await inner.get(items, { ...options, signal: ending.signal });
        },
      };
    }),
    caught: ['ABORT-09', 'ABORT-10'],
  },
  {
    fault: 'leaves its listener on the signal',
    make: facade((inner) => ({
      stat: (keys, options) => {
        options?.signal?.addEventListener('abort', () => {});
        return inner.stat(keys, options);
      },
    })),
    caught: ['ABORT-10'],
  },
  {
    fault: 'leaves the listener of a listing that was left',
    make: facade((inner) => ({
      list: (options) => ({
        [Symbol.asyncIterator]() {
          const entries = inner.list(options)[Symbol.asyncIterator]();
          const { signal } = options ?? {};
          const listener = (): void => {};
          signal?.addEventListener('abort', listener);
          return {
            next: async () => {
              const step = await entries.next();
              if (step.done === true) signal?.removeEventListener('abort', listener);
              return step;
            },
            return: async () => (await entries.return?.()) ?? { done: true, value: undefined },
          };
        },
      }),
    })),
    caught: ['ABORT-10'],
  },
  {
    fault: 'does not give back the place of a call that was aborted',
    lmcacheFault: 16,
    make: (inner: RemoteBackend) => {
      let taken = 0;
      return facade(() => ({
        get: async (items, options) => {
          if (taken >= PLACES) throw aborted();
          const results = inner.get(items, options);
          taken += 1;
          const given = await results;
          taken -= 1;
          return given;
        },
      }))(inner);
    },
    caught: ['GET-16', 'ABORT-12', 'KEYS-10', 'CONC-02', 'CONC-04'],
  },
  {
    fault: 'reports items after their call was aborted',
    make: facade((inner) => ({
      stat: async (keys, options) => {
        try {
          return await inner.stat(keys, options);
        } catch (thrown) {
          if (options?.signal?.aborted) options.onSettled?.(1, { status: 'miss' });
          throw thrown;
        }
      },
    })),
    caught: ['ABORT-06'],
  },
  {
    fault: 'rejects with the reason of the signal in place of ABORTED',
    make: facade((inner) => ({
      put: async (items, options) => {
        try {
          return await inner.put(items, options);
        } catch (thrown) {
          throw inner.state === 'open' && options?.signal?.aborted ? options.signal.reason : thrown;
        }
      },
    })),
    caught: ['ABORT-01', 'ABORT-04', 'ABORT-05'],
  },
  {
    fault: 'takes a turn after an abort before it stops writing',
    make: driver((inner) => {
      const scratch = new Map<Key, Uint8Array>();
      return {
        get: (batch) =>
          batch.each(4, async ({ key, into }) => {
            const copy = scratch.get(key) ?? new Uint8Array(into.byteLength);
            const result = await first(inner.get([{ key, into: copy }]));
            if (batch.signal.aborted) void nextTurn().then(() => into.set(copy));
            else into.set(copy);
            return result;
          }),
      };
    }),
    caught: ['ABORT-03'],
  },
];
