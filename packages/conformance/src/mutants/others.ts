import { setImmediate } from 'node:timers/promises';
import { type Key, KvferryError } from '@kvferry/core';
import { driver, facade, first, MUTANT_SECRET, type Mutant } from './mutant.ts';

/** Concurrency, memory and errors. */
export const mutants: readonly Mutant[] = [
  {
    fault: 'reads through one buffer that all calls share',
    make: driver((inner) => {
      const scratch = new Uint8Array(16 * 1024 * 1024);
      return {
        get: (batch) =>
          batch.each(1, async ({ key, into }) => {
            const result = await first(inner.get([{ key, into: scratch.subarray(0, into.byteLength) }]));
            await setImmediate();
            if (result.status === 'hit') into.set(scratch.subarray(0, result.byteLength));
            return result;
          }),
      };
    }),
    caught: ['PUT-08', 'CONC-01', 'CONC-02'],
  },
  {
    fault: 'loses a put when 50 others run',
    make: driver((inner) => {
      let running = 0;
      return {
        put: async (batch, mode) => {
          running += 1;
          await setImmediate();
          if (running > 50) for (const index of batch.items.keys()) batch.settle(index, { status: 'stored' });
          else await inner.put(batch.items, { mode, signal: batch.signal, onSettled: batch.settle });
          running -= 1;
        },
      };
    }),
    caught: ['CONC-03'],
  },
  {
    fault: 'refuses to read a key that 16 others read',
    make: driver((inner) => {
      const readers = new Map<Key, number>();
      return {
        get: (batch) =>
          batch.each(4, async (item) => {
            const others = readers.get(item.key) ?? 0;
            if (others > 16) throw new KvferryError('THROTTLED', 'busy');
            readers.set(item.key, others + 1);
            await setImmediate();
            const result = await first(inner.get([item]));
            readers.set(item.key, (readers.get(item.key) ?? 1) - 1);
            return result;
          }),
      };
    }),
    caught: ['CONC-04'],
  },
  {
    fault: 'keeps the parts of a put in place of their bytes',
    make: driver((inner) => {
      const kept = new Map<Key, readonly Uint8Array[]>();
      return {
        put: (batch, mode) =>
          batch.each(4, async (item) => {
            const result = await first(inner.put([item], { mode }));
            if (result.status === 'stored') kept.set(item.key, item.parts);
            return result;
          }),
        get: (batch) =>
          batch.each(4, async (item) => {
            const result = await first(inner.get([item]));
            const parts = kept.get(item.key);
            const length = parts?.reduce((sum, part) => sum + part.byteLength, 0);
            if (result.status === 'hit' && length === result.byteLength) item.into.set(Buffer.concat(parts ?? []));
            return result;
          }),
      };
    }),
    caught: ['MEM-01'],
  },
  {
    fault: 'changes the parts as it sends them',
    make: driver((inner) => ({
      put: async (batch, mode) => {
        await inner.put(batch.items, { mode, signal: batch.signal, onSettled: batch.settle });
        for (const { parts } of batch.items) parts[0]?.subarray(0, 1).fill(0);
      },
    })),
    caught: [
      'LIFE-20',
      'GET-10',
      'GET-13',
      'PUT-03',
      'PUT-04',
      'PUT-06',
      'PUT-09',
      'PUT-10',
      'PUT-11',
      'PUT-12',
      'DEL-02',
      'BATCH-02',
      'BATCH-07',
      'BATCH-08',
      'ABORT-02',
      'ABORT-03',
      'ABORT-04',
      'ABORT-08',
      'ABORT-09',
      'ABORT-12',
      'KEYS-01',
      'KEYS-02',
      'KEYS-03',
      'KEYS-04',
      'KEYS-05',
      'KEYS-06',
      'KEYS-07',
      'KEYS-08',
      'KEYS-09',
      'LIST-12',
      'CONC-01',
      'CONC-02',
      'CONC-03',
      'MEM-02',
      'MEM-03',
      'MEM-05',
    ],
  },
  {
    fault: 'writes memory after its item was reported',
    make: driver((inner) => ({
      get: async (batch) => {
        await inner.get(batch.items, { signal: batch.signal, onSettled: batch.settle });
        await setImmediate();
        const [last] = batch.items.slice(-1);
        if (last !== undefined && batch.items.length === 30) last.into.subarray(-1).fill(0);
      },
    })),
    caught: ['MEM-03'],
  },
  {
    fault: 'takes the memory of a get for its own copy of the value',
    make: driver((inner) => {
      const kept = new Map<Key, Uint8Array>();
      return {
        put: async (batch, mode) => {
          for (const { key } of batch.items) kept.delete(key);
          await inner.put(batch.items, { mode, signal: batch.signal, onSettled: batch.settle });
        },
        get: (batch) =>
          batch.each(4, async (item) => {
            const result = await first(inner.get([item]));
            if (result.status !== 'hit') return result;
            const own = kept.get(item.key);
            if (own?.byteLength === result.byteLength) item.into.set(own);
            else kept.set(item.key, item.into.subarray(0, result.byteLength));
            return result;
          }),
      };
    }),
    caught: ['ABORT-02', 'ABORT-03', 'MEM-03', 'MEM-04'],
  },
  {
    fault: 'makes notes in the items of its caller',
    make: facade((inner) => ({
      get: async (items, options) => {
        if (Array.isArray(items) && inner.state === 'open') {
          for (const item of items) if (typeof item === 'object' && item !== null) Object.assign(item, { begun: true });
        }
        return await inner.get(items, options);
      },
    })),
    caught: ['MEM-05'],
  },
  {
    fault: 'names no key in its errors',
    make: facade((inner) => ({
      get: async (items, options) => {
        const results = await inner.get(items, options);
        return results.map((result) => {
          if (result.status !== 'failed') return result;
          const { code, reason, backend, operation, requiredBytes } = result.error;
          return { status: 'failed', error: new KvferryError(code, reason, { backend, operation, requiredBytes }) };
        });
      },
    })),
    caught: ['BATCH-03', 'ERR-01'],
  },
  {
    fault: 'names the operation that it does inside',
    make: facade((inner) => ({
      delete: async (keys, options) => {
        try {
          return await inner.delete(keys, options);
        } catch (thrown) {
          if (!KvferryError.is(thrown)) throw thrown;
          throw new KvferryError(thrown.code, thrown.reason, { backend: thrown.backend, operation: 'put' });
        }
      },
    })),
    caught: ['ERR-02'],
  },
  {
    fault: 'throws errors of its own',
    make: facade((inner) => ({
      open: async (options) => {
        if (inner.state === 'closed') throw new Error('closed');
        await inner.open(options);
      },
    })),
    caught: ['LIFE-09', 'LIFE-10', 'LIFE-11', 'ERR-02'],
  },
  {
    fault: 'tells its secret among its details',
    make: facade((inner) => ({ info: { ...inner.info, details: { identity: MUTANT_SECRET } } })),
    caught: ['ERR-03'],
  },
  {
    fault: 'tells its secret in the cause of an error',
    make: driver((inner) => ({
      get: (batch) =>
        batch.each(4, async (item) => {
          const result = await first(inner.get([item]));
          if (result.status !== 'failed') return result;
          const cause = new Error(`GET with key ${MUTANT_SECRET}`);
          throw new KvferryError(result.error.code, 'too small', { cause, requiredBytes: result.error.requiredBytes });
        }),
    })),
    caught: ['ERR-03'],
  },
  {
    fault: 'takes an absent folder for an error',
    make: driver((inner) => ({
      stat: (batch) =>
        batch.each(1, async (key) => {
          const result = await first(inner.stat([key]));
          if (result.status === 'miss' && key.endsWith('/below')) throw new KvferryError('UNKNOWN', 'no such folder');
          return result;
        }),
    })),
    caught: ['ERR-04'],
  },
];
