import { type Key, KvferryError } from '@kvferry/core';
import { driver, facade, first, type Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    fault: 'fails for a key that was absent',
    make: driver((inner) => ({
      delete: (batch) =>
        batch.each(1, async (key) => {
          const stat = await first(inner.stat([key]));
          if (stat.status === 'miss') throw new KvferryError('UNKNOWN', 'no such key');
          return await first(inner.delete([key]));
        }),
    })),
    caught: ['DEL-01', 'DEL-05', 'CONC-01', 'ERR-04'],
  },
  {
    fault: 'deletes every key that begins alike',
    make: driver((inner) => ({
      delete: (batch) =>
        batch.each(1, async (prefix) => {
          for await (const { key } of inner.list({ prefix })) await inner.delete([key]);
          return { status: 'deleted' };
        }),
    })),
    caught: ['DEL-02', 'CONC-01'],
  },
  {
    fault: 'hides a key that was deleted for ever',
    make: driver((inner) => {
      const deleted = new Set<Key>();
      return {
        delete: (batch) =>
          batch.each(1, (key) => {
            deleted.add(key);
            return { status: 'deleted' };
          }),
        get: (batch) =>
          batch.each(1, async (item) => (deleted.has(item.key) ? { status: 'miss' } : await first(inner.get([item])))),
        stat: (batch) =>
          batch.each(1, async (key) => (deleted.has(key) ? { status: 'miss' } : await first(inner.stat([key])))),
        async *list(prefix, signal) {
          for await (const entry of inner.list({ prefix, signal })) if (!deleted.has(entry.key)) yield entry;
        },
      };
    }),
    caught: ['DEL-03', 'DEL-04', 'CONC-01'],
  },
  {
    fault: 'does not create a key that was deleted',
    make: driver((inner) => {
      const deleted = new Set<Key>();
      return {
        delete: (batch) =>
          batch.each(1, (key) => {
            deleted.add(key);
            return first(inner.delete([key]));
          }),
        put: (batch, mode) =>
          batch.each(1, async (item) =>
            mode === 'create' && deleted.has(item.key)
              ? { status: 'exists' }
              : await first(inner.put([item], { mode })),
          ),
      };
    }),
    caught: ['DEL-04', 'CONC-01'],
  },
  {
    fault: 'deletes the first 1,000 keys of a batch',
    make: driver((inner) => ({
      delete: (batch) =>
        batch.each(1, async (key, index) => (index < 1000 ? await first(inner.delete([key])) : { status: 'deleted' })),
    })),
    caught: ['DEL-05'],
  },
  {
    fault: 'deletes what comes before a wrong key',
    make: facade((inner) => ({
      delete: async (keys, options) => {
        if (Array.isArray(keys) && keys.length > 1) {
          await inner.delete(keys, options).catch(() => inner.delete(keys.slice(0, 1), options).catch(() => {}));
        }
        return await inner.delete(keys, options);
      },
    })),
    caught: ['DEL-06', 'BATCH-04'],
  },
];
