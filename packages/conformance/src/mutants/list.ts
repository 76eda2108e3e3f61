import { setImmediate } from 'node:timers/promises';
import { KvferryError, type ListEntry, type ListOptions, type RemoteBackend } from '@kvferry/core';
import { driver, facade, type Mutant } from './mutant.ts';

/** Changes the entries that a listing gives. */
function entries(
  change: (inner: RemoteBackend, prefix: string, signal: AbortSignal) => AsyncIterable<ListEntry>,
): Mutant['make'] {
  return driver((inner) => ({ list: (prefix, signal) => change(inner, prefix, signal) }));
}

/** An iterator of its own in place of the backend's. */
function iterator(
  change: (inner: AsyncIterator<ListEntry>, options: ListOptions | undefined) => AsyncIterator<ListEntry>,
): Mutant['make'] {
  return facade((inner) => ({
    list: (options) => ({
      [Symbol.asyncIterator]: () => change(inner.list(options)[Symbol.asyncIterator](), options),
    }),
  }));
}

/** Takes these characters of a prefix for parts of a pattern, each for what stands beside it in a regular expression. */
function patterns(characters: Readonly<Record<string, string>>): Mutant['make'] {
  return entries(async function* (inner, prefix, signal) {
    const escaped = [...prefix].map(
      (character) => characters[character] ?? character.replace(/[\\^$.*+?()[\]{}|]/, '\\$&'),
    );
    const pattern = new RegExp(`^${escaped.join('')}`, 's');
    for await (const entry of inner.list({ signal })) if (pattern.test(entry.key)) yield entry;
  });
}

const done = { done: true, value: undefined } as const;

export const mutants: readonly Mutant[] = [
  {
    fault: 'gives the first entry twice',
    make: entries(async function* (inner, prefix, signal) {
      let begun = false;
      for await (const entry of inner.list({ prefix, signal })) {
        yield entry;
        if (!begun) yield entry;
        begun = true;
      }
    }),
    caught: [
      'CAP-08',
      'PUT-06',
      'ABORT-10',
      'ABORT-11',
      'KEYS-11',
      'LIST-01',
      'LIST-02',
      'LIST-04',
      'LIST-05',
      'LIST-06',
      'LIST-07',
      'LIST-08',
      'LIST-10',
      'LIST-12',
      'CONC-05',
    ],
  },
  {
    fault: 'does not know the length of values',
    make: entries(async function* (inner, prefix, signal) {
      for await (const { key } of inner.list({ prefix, signal })) yield { key, byteLength: 0 };
    }),
    caught: [
      'CAP-08',
      'PUT-06',
      'KEYS-11',
      'LIST-01',
      'LIST-02',
      'LIST-04',
      'LIST-05',
      'LIST-07',
      'LIST-08',
      'LIST-10',
      'LIST-12',
      'CONC-05',
    ],
  },
  {
    fault: 'tells the time of writing in seconds',
    make: entries(async function* (inner, prefix, signal) {
      for await (const { key, byteLength, modifiedMs = 0 } of inner.list({ prefix, signal })) {
        yield { key, byteLength, modifiedMs: modifiedMs / 1000 };
      }
    }),
    caught: ['LIST-11'],
  },
  {
    fault: 'tells the time of listing for that of writing',
    make: driver((inner) => {
      let now = Date.now();
      return {
        async *list(prefix, signal) {
          for await (const { key, byteLength } of inner.list({ prefix, signal })) {
            now += 1;
            yield { key, byteLength, modifiedMs: now };
          }
        },
      };
    }),
    caught: ['LIST-11'],
  },
  {
    fault: 'takes a prefix for a folder',
    make: entries(async function* (inner, prefix, signal) {
      const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
      yield* inner.list({ prefix: folder, signal });
    }),
    caught: ['CAP-08', 'PUT-06', 'KEYS-11', 'LIST-02'],
  },
  {
    fault: 'gives what lies right in the folder alone',
    make: entries(async function* (inner, prefix, signal) {
      for await (const entry of inner.list({ prefix, signal }))
        if (!entry.key.slice(prefix.length).includes('/')) yield entry;
    }),
    caught: [
      'KEYS-11',
      'LIST-01',
      'LIST-02',
      'LIST-05',
      'LIST-07',
      'LIST-08',
      'LIST-10',
      'LIST-11',
      'LIST-12',
      'CONC-05',
    ],
  },
  {
    fault: 'gives the keys of the folder that the prefix ends in',
    make: entries((inner, prefix, signal) =>
      inner.list({ prefix: prefix.slice(0, prefix.lastIndexOf('/') + 1), signal }),
    ),
    caught: ['KEYS-11', 'LIST-02', 'LIST-03'],
  },
  {
    fault: 'ends after the first page',
    make: entries(async function* (inner, prefix, signal) {
      let count = 0;
      for await (const entry of inner.list({ prefix, signal })) {
        if (count === 1000) return;
        count += 1;
        yield entry;
      }
    }),
    caught: ['LIST-04'],
  },
  {
    fault: 'fails when the loop is left',
    make: iterator((inner) => ({
      next: () => inner.next(),
      return: async () => {
        await inner.return?.();
        throw new Error('left');
      },
    })),
    caught: ['ABORT-10', 'LIST-05', 'LIST-06'],
  },
  {
    fault: 'has no way to be left',
    make: iterator((inner) => ({ next: () => inner.next(), return: async () => done })),
    caught: ['ABORT-10', 'LIST-06'],
  },
  {
    fault: 'can be iterated once',
    make: facade((inner) => ({
      async *list(options) {
        yield* inner.list(options);
      },
    })),
    caught: ['LIST-07'],
  },
  {
    fault: 'lists a key that was deleted',
    make: driver((inner) => {
      const deleted = new Set<string>();
      return {
        delete: async (batch) => {
          for (const key of batch.items) if ((await inner.stat([key]))[0]?.status === 'hit') deleted.add(key);
          await inner.delete(batch.items, { signal: batch.signal, onSettled: batch.settle });
        },
        async *list(prefix, signal) {
          yield* inner.list({ prefix, signal });
          for (const key of deleted) {
            if (key.startsWith(prefix) && (await inner.stat([key]))[0]?.status === 'miss') yield { key, byteLength: 1 };
          }
        },
      };
    }),
    caught: ['LIST-08', 'LIST-12'],
  },
  {
    fault: 'takes a prefix that is no text for none',
    make: facade((inner) => ({
      list: (options) => inner.list(typeof options?.prefix === 'string' ? options : { signal: options?.signal }),
    })),
    caught: ['LIST-09'],
  },
  {
    fault: 'gives the same entry to two who ask at once',
    make: iterator((inner) => {
      let pending: Promise<IteratorResult<ListEntry>> | undefined;
      return {
        next: () => {
          pending ??= inner.next().finally(() => {
            pending = undefined;
          });
          return pending;
        },
        return: async () => (await inner.return?.()) ?? done,
      };
    }),
    caught: ['LIST-10'],
  },
  {
    fault: 'fails when a key goes while it lists',
    make: entries(async function* (inner, prefix, signal) {
      const before: ListEntry[] = [];
      for await (const entry of inner.list({ prefix, signal })) before.push(entry);
      await setImmediate();
      for (const entry of before) {
        const [stat] = await inner.stat([entry.key]);
        if (stat?.status === 'miss') throw new Error('gone');
        yield entry;
      }
    }),
    caught: ['CONC-05'],
  },
  {
    fault: 'takes a prefix for a pattern of GLOB',
    make: patterns({ '*': '.*', '?': '.', '[': '[', ']': ']' }),
    caught: ['LIST-03'],
  },
  {
    fault: 'takes an underscore of a prefix for any character, as LIKE does',
    make: patterns({ _: '.' }),
    caught: ['LIST-03'],
  },
  {
    fault: 'takes a prefix for a regular expression',
    make: patterns({ '.': '.', '*': '*', '(': '(', '|': '|', ')': ')' }),
    caught: ['LIST-02', 'LIST-03'],
  },
  {
    fault: 'writes nothing while a listing is open',
    make: driver((inner) => {
      let listings = 0;
      return {
        put: (batch, mode) => {
          if (listings > 0) throw new KvferryError('UNAVAILABLE', 'the table is locked');
          return inner.put(batch.items, { mode, signal: batch.signal, onSettled: batch.settle }).then(() => {});
        },
        async *list(prefix, signal) {
          listings += 1;
          try {
            yield* inner.list({ prefix, signal });
          } finally {
            listings -= 1;
          }
        },
      };
    }),
    caught: ['LIST-12'],
  },
  {
    fault: 'goes on at the number of entries that it has given, whatever was deleted meanwhile',
    make: entries(async function* (inner, prefix, signal) {
      for (let given = 0; ; given += 4) {
        const all = [];
        for await (const entry of inner.list({ prefix, signal })) all.push(entry);
        if (given >= all.length) return;
        yield* all.slice(given, given + 4);
      }
    }),
    caught: ['LIST-12'],
  },
];
