import { setImmediate } from 'node:timers/promises';
import { type Key, KvferryError, type PutItem, type PutMode, type PutResult, type RemoteBackend } from '@kvferry/core';
import { driver, facade, first, type Mutant } from './mutant.ts';

/** Puts each item by itself. */
function eachPut(put: (inner: RemoteBackend, item: PutItem, mode: PutMode) => Promise<PutResult>): Mutant['make'] {
  return driver((inner) => ({ put: (batch, mode) => batch.each(4, (item) => put(inner, item, mode)) }));
}

/** Puts other parts than it was given. */
function otherParts(change: (parts: readonly Uint8Array[]) => readonly Uint8Array[]): Mutant['make'] {
  return eachPut(
    async (inner, { key, parts }, mode) => await first(inner.put([{ key, parts: change(parts) }], { mode })),
  );
}

const MIB = 1024 * 1024;

export const mutants: readonly Mutant[] = [
  {
    fault: 'stores the first part alone',
    make: otherParts((parts) => parts.slice(0, 1)),
    caught: ['STAT-01', 'PUT-01', 'PUT-03', 'PUT-04', 'PUT-05', 'PUT-18', 'CONC-01', 'MEM-01', 'MEM-05'],
  },
  {
    fault: 'ends a value at its first empty part',
    make: otherParts((parts) => {
      const end = parts.findIndex((part) => part.byteLength === 0);
      return end === -1 ? parts : parts.slice(0, end);
    }),
    caught: ['STAT-01', 'PUT-01', 'PUT-18'],
  },
  { fault: 'stores 1,024 parts at most', make: otherParts((parts) => parts.slice(0, 1024)), caught: ['PUT-03'] },
  {
    fault: 'stores the memory of a view in place of the view',
    make: otherParts((parts) => parts.map((part) => new Uint8Array(part.buffer, 0, part.byteLength))),
    caught: ['PUT-03', 'PUT-04', 'PUT-05', 'CONC-01'],
  },
  {
    fault: 'stores nothing of shared memory',
    make: otherParts((parts) => parts.filter((part) => !(part.buffer instanceof SharedArrayBuffer))),
    caught: ['PUT-05'],
  },
  {
    fault: 'refuses a value of no byte',
    make: eachPut(async (inner, item, mode) => {
      if (item.parts.every((part) => part.byteLength === 0)) throw new KvferryError('UNKNOWN', 'nothing to store');
      return await first(inner.put([item], { mode }));
    }),
    caught: [
      'STAT-04',
      'GET-05',
      'PUT-02',
      'PUT-16',
      'PUT-18',
      'KEYS-11',
      'LIST-01',
      'LIST-02',
      'LIST-03',
      'LIST-04',
      'LIST-05',
      'LIST-06',
      'LIST-07',
      'LIST-08',
      'LIST-10',
      'LIST-11',
      'LIST-12',
    ],
  },
  {
    fault: 'stores the first 8 MiB of a value',
    make: otherParts((parts) => parts.map((part) => part.subarray(0, 8 * 1024 * 1024))),
    caught: ['PUT-06'],
  },
  {
    fault: 'knows the length of the first MiB of a value',
    make: driver((inner) => ({
      stat: (batch) =>
        batch.each(1, async (key) => {
          const result = await first(inner.stat([key]));
          return result.status === 'hit' ? { ...result, byteLength: Math.min(result.byteLength, MIB) } : result;
        }),
    })),
    caught: ['PUT-06'],
  },
  {
    fault: 'lists the length of the first MiB of a value',
    make: driver((inner) => ({
      async *list(prefix, signal) {
        for await (const entry of inner.list({ prefix, signal })) {
          yield { ...entry, byteLength: Math.min(entry.byteLength, MIB) };
        }
      },
    })),
    caught: ['PUT-06'],
  },
  {
    fault: 'reports as stored what failed',
    lmcacheFault: 32,
    make: eachPut(async (inner, item, mode) => {
      if (item.parts.length < 4) return await first(inner.put([item], { mode }));
      return { status: 'stored' };
    }),
    caught: ['PUT-01', 'PUT-03'],
  },
  {
    fault: 'keeps the value that is there, also in mode replace',
    make: eachPut(async (inner, item, mode) => {
      const result = await first(inner.put([item], { mode: 'create' }));
      return mode === 'replace' ? { status: 'stored' } : result;
    }),
    caught: [
      'STAT-06',
      'GET-12',
      'GET-15',
      'PUT-07',
      'PUT-09',
      'PUT-19',
      'ABORT-04',
      'KEYS-01',
      'KEYS-02',
      'KEYS-03',
      'KEYS-04',
      'KEYS-05',
      'KEYS-06',
      'KEYS-07',
      'KEYS-08',
      'KEYS-09',
      'LIST-08',
      'CONC-01',
    ],
  },
  {
    fault: 'takes a length that is the same for a value that is the same',
    make: eachPut(async (inner, item, mode) => {
      const stat = await first(inner.stat([item.key]));
      const byteLength = item.parts.reduce((sum, part) => sum + part.byteLength, 0);
      if (mode === 'replace' && stat.status === 'hit' && stat.byteLength === byteLength) return { status: 'stored' };
      return await first(inner.put([item], { mode }));
    }),
    caught: ['PUT-07'],
  },
  {
    fault: 'says stored before the value can be seen',
    make: driver((inner) => ({
      put: async (batch, mode) => {
        const [last] = batch.items.slice(-1);
        const others = batch.items.length > 1 ? batch.items.slice(0, -1) : batch.items;
        await inner.put(others, { mode, onSettled: batch.settle });
        if (batch.items.length < 2 || last === undefined) return;
        batch.settle(batch.items.length - 1, { status: 'stored' });
        await inner.put([last], { mode });
      },
    })),
    caught: ['PUT-08', 'PUT-15', 'PUT-16', 'MEM-01'],
  },
  {
    fault: 'writes a value in two halves, so that a reader can see the first alone',
    make: eachPut(async (inner, item, mode) => {
      if (mode === 'create' || item.parts.length !== 1) return await first(inner.put([item], { mode }));
      const [part = new Uint8Array(0)] = item.parts;
      if (part.byteLength < 100_000) return await first(inner.put([item], { mode }));
      await inner.put([{ key: item.key, parts: [part.slice(0, part.byteLength / 2)] }]);
      await setImmediate();
      return await first(inner.put([item], { mode }));
    }),
    caught: ['PUT-09', 'PUT-10'],
  },
  {
    fault: 'writes a value in pieces of a MiB, so that a reader can see the first alone',
    make: eachPut(async (inner, item, mode) => {
      const [part = new Uint8Array(0)] = item.parts;
      if (part.byteLength > MIB) {
        await inner.put([{ key: item.key, parts: [part.subarray(0, MIB)] }]);
        await setImmediate();
      }
      return await first(inner.put([item], { mode }));
    }),
    caught: ['PUT-10'],
  },
  {
    fault: 'deletes the old value before it writes the new one',
    make: eachPut(async (inner, item, mode) => {
      if (mode === 'replace') {
        await inner.delete([item.key]);
        await setImmediate();
      }
      return await first(inner.put([item], { mode }));
    }),
    caught: ['PUT-09'],
  },
  {
    fault: 'mixes the values of two writers of one key',
    make: driver((inner) => {
      const writing = new Map<Key, number>();
      return {
        put: (batch, mode) =>
          batch.each(4, async (item) => {
            const writers = (writing.get(item.key) ?? 0) + 1;
            writing.set(item.key, writers);
            await setImmediate();
            const mixed = mode === 'replace' && writers > 1;
            const parts = mixed ? [...item.parts, new Uint8Array(1)] : item.parts;
            const result = await first(inner.put([{ key: item.key, parts }], { mode }));
            writing.set(item.key, (writing.get(item.key) ?? 1) - 1);
            return result;
          }),
      };
    }),
    caught: ['PUT-11', 'PUT-12', 'PUT-13'],
  },
  {
    fault: 'leaves a key "being put" for ever',
    lmcacheFault: 39,
    make: driver((inner) => {
      const putting = new Set<Key>();
      return {
        put: (batch, mode) =>
          batch.each(4, async (item) => {
            if (putting.has(item.key)) throw new KvferryError('UNAVAILABLE', 'being put');
            if (item.parts[0]?.byteLength === 2000) putting.add(item.key);
            return await first(inner.put([item], { mode }));
          }),
      };
    }),
    caught: ['PUT-13', 'PUT-15'],
  },
  {
    fault: 'looks whether a key is there, and creates it later',
    make: eachPut(async (inner, item, mode) => {
      if (mode === 'replace') return await first(inner.put([item], { mode }));
      const stat = await first(inner.stat([item.key]));
      await setImmediate();
      if (stat.status === 'hit') return { status: 'exists' };
      return await first(inner.put([item]));
    }),
    caught: ['PUT-14', 'PUT-15'],
  },
  {
    fault: 'creates over an empty value',
    make: eachPut(async (inner, item, mode) => {
      const stat = await first(inner.stat([item.key]));
      if (mode === 'create' && stat.status === 'hit' && stat.byteLength === 0) return await first(inner.put([item]));
      return await first(inner.put([item], { mode }));
    }),
    caught: ['PUT-16'],
  },
  {
    fault: 'creates once for each call, not for each key',
    make: driver((inner) => ({
      put: async (batch, mode) => {
        if (mode === 'replace') {
          await inner.put(batch.items, { signal: batch.signal, onSettled: batch.settle });
          return;
        }
        const before = await inner.stat(batch.items.map(({ key }) => key));
        await batch.each(1, async (item, index) => {
          if (before[index]?.status === 'hit') return { status: 'exists' };
          const result = await first(inner.put([item], { mode }));
          return batch.items.length > 1 && result.status === 'exists' ? await first(inner.put([item])) : result;
        });
      },
    })),
    caught: ['PUT-15'],
  },
  {
    fault: 'stores what comes before a wrong item',
    make: facade((inner) => ({
      put: async (items, options) => {
        if (Array.isArray(items) && items.length > 1) {
          await inner.put(items, options).catch(() => inner.put(items.slice(0, 1), options));
        }
        return await inner.put(items, options);
      },
    })),
    caught: [
      'LIFE-14',
      'PUT-08',
      'PUT-15',
      'PUT-16',
      'PUT-17',
      'BATCH-03',
      'BATCH-05',
      'BATCH-08',
      'KEYS-10',
      'MEM-01',
    ],
  },
  {
    fault: 'takes a mode that it does not know for replace',
    make: facade((inner) => ({
      put: (items, options) =>
        inner.put(items, { ...options, mode: options?.mode === 'create' ? 'create' : 'replace' }),
    })),
    caught: ['PUT-17'],
  },
  {
    fault: 'stores a header in front of each value',
    make: driver((inner) => ({
      put: (batch, mode) =>
        batch.each(4, ({ key, parts }) => first(inner.put([{ key, parts: [new Uint8Array(4), ...parts] }], { mode }))),
      stat: (batch) =>
        batch.each(4, async (key) => {
          const result = await first(inner.stat([key]));
          return result.status === 'hit' ? { ...result, byteLength: Math.max(result.byteLength - 4, 0) } : result;
        }),
      get: (batch) =>
        batch.each(4, async ({ key, into }) => {
          const whole = new Uint8Array(into.byteLength + 4);
          const result = await first(inner.get([{ key, into: whole }]));
          if (result.status === 'failed' && result.error.requiredBytes !== undefined) {
            throw new KvferryError('BUFFER_TOO_SMALL', 'too small', { requiredBytes: result.error.requiredBytes - 4 });
          }
          if (result.status !== 'hit') return result;
          into.set(whole.subarray(4, result.byteLength));
          return { ...result, byteLength: Math.max(result.byteLength - 4, 0) };
        }),
      async *list(prefix, signal) {
        for await (const { key, byteLength } of inner.list({ prefix, signal }))
          yield { key, byteLength: byteLength - 4 };
      },
    })),
    caught: ['GET-17', 'PUT-18'],
  },
  {
    fault: 'keeps a bad object alive: a put does not replace what was read with another length',
    make: driver((inner) => {
      const bad = new Set<Key>();
      return {
        get: (batch) =>
          batch.each(4, async (item) => {
            const result = await first(inner.get([item]));
            if (result.status !== 'hit' || result.byteLength !== item.into.byteLength) bad.add(item.key);
            return result;
          }),
        put: (batch, mode) =>
          batch.each(4, async (item) => {
            const stat = await first(inner.stat([item.key]));
            if (stat.status === 'hit' && bad.has(item.key) && stat.byteLength === 500) return { status: 'stored' };
            return await first(inner.put([item], { mode }));
          }),
      };
    }),
    caught: ['PUT-07', 'PUT-19'],
  },
];
