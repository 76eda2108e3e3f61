import { type GetItem, type GetResult, type Key, KvferryError, type RemoteBackend } from '@kvferry/core';
import { driver, facade, first, type Mutant } from './mutant.ts';

/** The whole value, for mutants that put it where it does not belong. */
async function wholeValue(inner: RemoteBackend, key: Key): Promise<Uint8Array | undefined> {
  const stat = await first(inner.stat([key]));
  if (stat.status !== 'hit') return undefined;
  const into = new Uint8Array(stat.byteLength);
  await inner.get([{ key, into }]);
  return into;
}

/** Answers each item by itself. */
function eachGet(get: (inner: RemoteBackend, item: GetItem) => Promise<GetResult>): Mutant['make'] {
  return driver((inner) => ({ get: (batch) => batch.each(4, (item) => get(inner, item)) }));
}

export const mutants: readonly Mutant[] = [
  {
    fault: 'remembers for ever that a key was absent',
    lmcacheFault: 2,
    make: driver((inner) => {
      const absent = new Set<Key>();
      return {
        stat: (batch) =>
          batch.each(1, async (key) => {
            const result = await first(inner.stat([key]));
            if (result.status === 'miss') absent.add(key);
            return absent.has(key) ? { status: 'miss' } : result;
          }),
      };
    }),
    caught: [
      'STAT-05',
      'PUT-08',
      'KEYS-01',
      'KEYS-02',
      'KEYS-03',
      'KEYS-04',
      'KEYS-05',
      'KEYS-06',
      'KEYS-07',
      'KEYS-08',
      'KEYS-09',
      'CONC-01',
    ],
  },
  {
    fault: 'remembers the length of a value for ever',
    lmcacheFault: 2,
    make: driver((inner) => {
      const lengths = new Map<Key, number>();
      return {
        stat: (batch) =>
          batch.each(1, async (key) => {
            const result = await first(inner.stat([key]));
            if (result.status !== 'hit') return result;
            const byteLength = lengths.get(key) ?? result.byteLength;
            lengths.set(key, byteLength);
            return { status: 'hit', byteLength };
          }),
      };
    }),
    caught: ['STAT-06', 'CONC-01'],
  },
  {
    fault: 'takes an empty value for a miss in stat',
    lmcacheFault: 29,
    make: driver((inner) => ({
      stat: (batch) =>
        batch.each(1, async (key) => {
          const result = await first(inner.stat([key]));
          return result.status === 'hit' && result.byteLength === 0 ? { status: 'miss' } : result;
        }),
    })),
    caught: ['STAT-04', 'PUT-02'],
  },
  {
    fault: 'closes holes in stat: results behind an absent key move forward',
    lmcacheFault: 12,
    make: driver((inner) => ({
      stat: async (batch) => {
        const results = await inner.stat(batch.items, { signal: batch.signal });
        const closed = results.filter(({ status }) => status !== 'miss');
        for (const index of results.keys()) batch.settle(index, closed[index] ?? { status: 'miss' });
      },
    })),
    caught: ['STAT-02', 'STAT-07', 'BATCH-07', 'ABORT-07'],
  },
  {
    fault: 'answers a key of stat that comes twice once',
    make: facade((inner) => ({
      stat: (keys, options) => inner.stat(Array.isArray(keys) ? [...new Set(keys)] : keys, options),
    })),
    caught: ['STAT-07', 'CONC-02'],
  },
  {
    fault: 'writes one byte behind the memory lent',
    make: eachGet(async (inner, item) => {
      const { into } = item;
      const behind = into.byteOffset + into.byteLength;
      if (behind < into.buffer.byteLength) new Uint8Array(into.buffer)[behind] = 0;
      return await first(inner.get([item]));
    }),
    caught: [
      'GET-01',
      'GET-02',
      'GET-03',
      'GET-04',
      'GET-05',
      'GET-06',
      'GET-07',
      'GET-09',
      'GET-10',
      'GET-12',
      'GET-18',
      'ABORT-02',
      'MEM-03',
    ],
  },
  {
    fault: 'writes a value that grew over the neighbouring memory',
    lmcacheFault: 30,
    make: eachGet(async (inner, { key, into }) => {
      const value = await wholeValue(inner, key);
      if (value === undefined) return { status: 'miss' };
      const room = new Uint8Array(into.buffer, into.byteOffset);
      room.set(value.subarray(0, room.byteLength));
      if (value.byteLength <= into.byteLength)
        return { status: 'hit', byteLength: value.byteLength, verified: 'length' };
      throw new KvferryError('BUFFER_TOO_SMALL', 'too small', { requiredBytes: value.byteLength });
    }),
    caught: ['GET-03', 'GET-04', 'GET-07', 'GET-18', 'PUT-09', 'MEM-03'],
  },
  {
    fault: 'announces the length of the memory in place of that of the value',
    lmcacheFault: 31,
    make: eachGet(async (inner, item) => {
      const result = await first(inner.get([item]));
      return result.status === 'hit' ? { ...result, byteLength: item.into.byteLength } : result;
    }),
    caught: [
      'CAP-09',
      'LIFE-03',
      'LIFE-04',
      'LIFE-05',
      'LIFE-06',
      'LIFE-07',
      'LIFE-08',
      'LIFE-20',
      'STAT-05',
      'GET-02',
      'GET-05',
      'GET-07',
      'GET-09',
      'GET-10',
      'GET-13',
      'GET-15',
      'GET-17',
      'GET-18',
      'PUT-01',
      'PUT-02',
      'PUT-03',
      'PUT-04',
      'PUT-05',
      'PUT-06',
      'PUT-07',
      'PUT-08',
      'PUT-09',
      'PUT-10',
      'PUT-11',
      'PUT-13',
      'PUT-14',
      'PUT-15',
      'PUT-16',
      'PUT-17',
      'PUT-19',
      'DEL-02',
      'DEL-03',
      'DEL-04',
      'DEL-06',
      'BATCH-07',
      'BATCH-08',
      'BATCH-09',
      'ABORT-01',
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
      'MEM-01',
      'MEM-03',
      'MEM-04',
    ],
  },
  {
    fault: 'gives the length that it saw first, whatever came',
    lmcacheFault: 31,
    make: driver((inner) => {
      const lengths = new Map<Key, number>();
      return {
        put: async (batch, mode) => {
          for (const { key } of batch.items) lengths.delete(key);
          await inner.put(batch.items, { mode, signal: batch.signal, onSettled: batch.settle });
        },
        get: (batch) =>
          batch.each(4, async (item) => {
            const result = await first(inner.get([item]));
            if (result.status !== 'hit') return result;
            const byteLength = lengths.get(item.key) ?? result.byteLength;
            lengths.set(item.key, byteLength);
            return { ...result, byteLength };
          }),
      };
    }),
    caught: ['GET-17'],
  },
  {
    fault: 'cuts a value to the memory lent',
    make: eachGet(async (inner, { key, into }) => {
      const value = (await wholeValue(inner, key))?.subarray(0, into.byteLength);
      if (value === undefined) return { status: 'miss' };
      into.set(value);
      return { status: 'hit', byteLength: value.byteLength, verified: 'length' };
    }),
    caught: ['GET-03', 'GET-04', 'GET-07', 'GET-12', 'GET-18', 'PUT-09', 'BATCH-06', 'ERR-01', 'ERR-03'],
  },
  {
    fault: 'does not say how many bytes it needs',
    make: eachGet(async (inner, item) => {
      const result = await first(inner.get([item]));
      if (result.status !== 'failed' || result.error.code !== 'BUFFER_TOO_SMALL') return result;
      throw new KvferryError('BUFFER_TOO_SMALL', 'too small');
    }),
    caught: ['GET-03', 'GET-04'],
  },
  {
    fault: 'takes memory of no byte for a question of presence',
    make: eachGet(async (inner, item) => {
      if (item.into.byteLength > 0) return await first(inner.get([item]));
      const stat = await first(inner.stat([item.key]));
      return stat.status === 'hit' ? { status: 'hit', byteLength: 0, verified: 'length' } : stat;
    }),
    caught: ['GET-04'],
  },
  {
    fault: 'takes an empty value for a miss in get',
    lmcacheFault: 29,
    make: eachGet(async (inner, item) => {
      const result = await first(inner.get([item]));
      return result.status === 'hit' && result.byteLength === 0 ? { status: 'miss' } : result;
    }),
    caught: ['GET-05', 'PUT-02', 'PUT-16', 'LIST-12'],
  },
  {
    fault: 'fails for an absent key of get',
    make: eachGet(async (inner, item) => {
      const result = await first(inner.get([item]));
      if (result.status === 'miss') throw new KvferryError('UNKNOWN', 'no such key');
      return result;
    }),
    caught: [
      'CAP-07',
      'STAT-05',
      'GET-06',
      'GET-10',
      'PUT-17',
      'DEL-01',
      'DEL-02',
      'DEL-03',
      'BATCH-07',
      'ABORT-01',
      'ABORT-04',
      'LIST-12',
      'CONC-01',
      'ERR-04',
    ],
  },
  {
    fault: 'fills a copy of shared memory',
    make: eachGet(async (inner, item) => {
      if (!(item.into.buffer instanceof SharedArrayBuffer)) return await first(inner.get([item]));
      return await first(inner.get([{ key: item.key, into: new Uint8Array(item.into) }]));
    }),
    caught: ['GET-07', 'GET-08', 'GET-12'],
  },
  {
    fault: 'fills memory in words of four bytes, from where a word begins',
    make: eachGet(async (inner, item) => {
      const { into } = item;
      const result = await first(inner.get([item]));
      const aligned = into.byteOffset - (into.byteOffset % 4);
      if (result.status === 'hit' && aligned !== into.byteOffset) new Uint8Array(into.buffer)[aligned] = 1;
      return result;
    }),
    caught: ['GET-08'],
  },
  {
    fault: 'fills the memory of one item of those that name the same key',
    make: driver((inner) => ({
      get: async (batch) => {
        const read = new Map<Key, GetResult>();
        await batch.each(1, async (item) => {
          const result = read.get(item.key) ?? (await first(inner.get([item])));
          read.set(item.key, result);
          return result;
        });
      },
    })),
    caught: ['GET-07', 'GET-08', 'GET-09', 'CONC-02'],
  },
  {
    fault: 'closes holes: results behind an absent key move forward',
    lmcacheFault: 12,
    make: driver((inner) => ({
      get: async (batch) => {
        const results = await inner.get(batch.items, { signal: batch.signal });
        const closed = results.filter(({ status }) => status !== 'miss');
        for (const index of results.keys()) batch.settle(index, closed[index] ?? { status: 'miss' });
      },
    })),
    caught: ['GET-10', 'BATCH-07'],
  },
  {
    fault: 'puts the bytes behind an absent key into the memory of the one before',
    lmcacheFault: 22,
    make: driver((inner) => ({
      get: async (batch) => {
        const stats = await inner.stat(batch.items.map(({ key }) => key));
        const there = batch.items.filter((_, index) => stats[index]?.status === 'hit');
        let next = 0;
        await batch.each(1, async ({ into }, index) => {
          if (stats[index]?.status !== 'hit') return { status: 'miss' };
          const place = there.length < batch.items.length ? (batch.items[next]?.into ?? into) : into;
          next += 1;
          return await first(inner.get([{ key: batch.items[index]?.key ?? '', into: place }]));
        });
      },
    })),
    caught: ['GET-10', 'BATCH-07', 'MEM-03'],
  },
  {
    fault: 'takes items that lend the same memory',
    make: facade((inner) => ({
      get: async (items, options) => {
        if (!Array.isArray(items) || items.length < 3 || options !== undefined) return await inner.get(items, options);
        await inner.get([]);
        return await Promise.all(items.map((item) => first(inner.get([item]))));
      },
    })),
    caught: ['GET-11'],
  },
  {
    fault: 'says nothing of how a value was checked',
    make: eachGet(async (inner, item) => {
      const result = await first(inner.get([item]));
      return result.status === 'hit' ? ({ status: 'hit', byteLength: result.byteLength } as GetResult) : result;
    }),
    caught: ['GET-14'],
  },
  {
    fault: 'takes any view for memory',
    make: facade((inner) => ({
      get: async (items, options) => {
        const [item] = Array.isArray(items) ? items : [];
        if (!(item?.into instanceof Uint16Array)) return await inner.get(items, options);
        return await inner.get([{ key: item.key, into: new Uint8Array(item.into.buffer) }], options);
      },
    })),
    caught: ['GET-16'],
  },
  {
    fault: 'gives 64 KiB at most',
    make: eachGet(async (inner, item) => {
      const result = await first(inner.get([item]));
      return result.status === 'hit' ? { ...result, byteLength: Math.min(result.byteLength, 65_536) } : result;
    }),
    caught: ['GET-07', 'GET-13', 'PUT-05', 'PUT-06', 'PUT-09', 'PUT-10', 'BATCH-02', 'ABORT-03'],
  },
  {
    fault: 'loses the last byte of a value that fills its last MiB',
    make: eachGet(async (inner, item) => {
      const result = await first(inner.get([item]));
      const fills = result.status === 'hit' && result.byteLength > 0 && result.byteLength % (1024 * 1024) === 0;
      if (fills) item.into[result.byteLength - 1] = 0;
      return result;
    }),
    caught: ['GET-13'],
  },
  {
    fault: 'gives each value and the end of the one that was longer',
    make: driver((inner) => {
      const longest = new Map<Key, Uint8Array>();
      return {
        get: (batch) =>
          batch.each(4, async (item) => {
            const result = await first(inner.get([item]));
            if (result.status !== 'hit') return result;
            const before = longest.get(item.key);
            if (before === undefined || before.byteLength <= result.byteLength) {
              longest.set(item.key, item.into.slice(0, result.byteLength));
              return result;
            }
            return { ...result, byteLength: Math.min(before.byteLength, item.into.byteLength) };
          }),
      };
    }),
    caught: ['GET-15', 'GET-17', 'PUT-07', 'CONC-01'],
  },
];
