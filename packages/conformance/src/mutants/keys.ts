import {
  defineBackend,
  forwardTo,
  type Key,
  KvferryError,
  keyProblem,
  type ListEntry,
  type RemoteBackend,
} from '@kvferry/core';
import { driver, facade, type Mutant } from './mutant.ts';

/** Stores each key under another name, and knows the key of a name again by what it has stored. */
function renamed(
  nameOf: (key: Key) => string,
  keyOfName: (name: string) => Key | undefined = () => undefined,
): Mutant['make'] {
  return (inner: RemoteBackend) => {
    const keys = new Map<string, Key>();
    const named = (key: Key): Key => {
      const name = nameOf(key);
      if (!keys.has(name)) keys.set(name, key);
      return name;
    };
    const options = (batch: { readonly signal: AbortSignal }) => ({ signal: batch.signal });
    return defineBackend({
      ...forwardTo(inner),
      stat: async (batch) => {
        await inner.stat(batch.items.map(named), { ...options(batch), onSettled: batch.settle });
      },
      get: async (batch) => {
        const items = batch.items.map(({ key, into }) => ({ key: named(key), into }));
        await inner.get(items, { ...options(batch), onSettled: withoutKey(batch.settle) });
      },
      put: async (batch, mode) => {
        const items = batch.items.map(({ key, parts }) => ({ key: named(key), parts }));
        await inner.put(items, { ...options(batch), mode, onSettled: batch.settle });
      },
      delete: async (batch) => {
        await inner.delete(batch.items.map(named), { ...options(batch), onSettled: batch.settle });
      },
      async *list(prefix, signal): AsyncGenerator<ListEntry> {
        for await (const { key: name, byteLength } of inner.list({ signal })) {
          const key = keyOfName(name) ?? keys.get(name) ?? name;
          if (key.startsWith(prefix)) yield { key, byteLength };
        }
      },
    });
  };
}

/** The error names the name, and not the key: `defineBackend` adds what is missing. */
function withoutKey<Result extends { readonly status: string }>(settle: (index: number, result: Result) => void) {
  return (index: number, result: Result): void => {
    const { error } = result as unknown as { readonly error?: KvferryError };
    if (error === undefined) settle(index, result);
    else
      settle(index, {
        ...result,
        error: new KvferryError(error.code, error.reason, { requiredBytes: error.requiredBytes }),
      });
  };
}

/** Answers with a failure for keys that it does not like. */
function refusing(refuses: (key: Key) => boolean): Mutant['make'] {
  return facade((inner) => ({
    put: async (items, options) => {
      const results = await inner.put(items, options);
      const error = new KvferryError('UNKNOWN', 'no such name');
      return results.map((result, index) => (refuses(items[index]?.key ?? '') ? { status: 'failed', error } : result));
    },
  }));
}

/** Names keys otherwise when it lists them. */
function listing(nameOf: (key: Key) => string): Mutant['make'] {
  return driver((inner) => ({
    async *list(prefix, signal) {
      for await (const { key, byteLength } of inner.list({ prefix, signal })) yield { key: nameOf(key), byteLength };
    },
  }));
}

export const mutants: readonly Mutant[] = [
  {
    fault: 'turns every slash into an underscore',
    lmcacheFault: 1,
    make: renamed((key) => key.replaceAll('/', '_')),
    caught: ['GET-17', 'GET-18', 'PUT-18', 'KEYS-02', 'KEYS-07', 'KEYS-08', 'KEYS-09'],
  },
  {
    fault: 'ignores the case of keys',
    make: renamed((key) => key.toLowerCase()),
    caught: [
      'GET-17',
      'GET-18',
      'PUT-18',
      'DEL-02',
      'KEYS-01',
      'KEYS-02',
      'KEYS-03',
      'KEYS-04',
      'KEYS-06',
      'KEYS-08',
      'KEYS-09',
    ],
  },
  {
    fault: 'folds keys as Unicode has them composed',
    make: renamed((key) => key.normalize('NFC')),
    caught: ['KEYS-04', 'KEYS-11'],
  },
  {
    fault: 'decodes percent signs of keys',
    make: renamed((key) => {
      try {
        const decoded = decodeURIComponent(key);
        return keyProblem(decoded) === undefined ? decoded : key;
      } catch {
        return key;
      }
    }),
    caught: ['DEL-02', 'KEYS-02', 'KEYS-11'],
  },
  {
    fault: 'takes a plus in a key for a space',
    make: renamed((key) => key.replaceAll('+', ' ')),
    caught: ['KEYS-01', 'KEYS-02', 'KEYS-11'],
  },
  {
    fault: 'cuts a key at a question mark or a hash sign',
    make: renamed((key) => key.replace(/[?#].*$/, '') || key),
    caught: ['KEYS-01', 'KEYS-02'],
  },
  {
    fault: 'drops dots and spaces at the end of a key',
    make: renamed((key) => key.replace(/[. ]+$/, '') || key),
    caught: ['DEL-02', 'KEYS-02', 'KEYS-06', 'KEYS-11'],
  },
  {
    fault: 'drops replacement characters',
    make: renamed((key) => key.replaceAll('\ufffd', '')),
    caught: ['KEYS-04', 'KEYS-05'],
  },
  {
    fault: 'turns backslashes into slashes',
    make: renamed((key) => key.replaceAll('\\', '/')),
    caught: ['KEYS-01', 'KEYS-02'],
  },
  {
    fault: 'takes colons out of keys, as Windows would',
    make: renamed((key) => key.replaceAll(':', '')),
    caught: ['KEYS-02'],
  },
  {
    fault: 'drops what stands behind the fifth @ of a key',
    make: renamed((key) => key.split('@').slice(0, 5).join('@')),
    caught: ['KEYS-07'],
  },
  {
    fault: 'stores 200 characters of a key',
    make: renamed((key) => key.slice(0, 200)),
    caught: ['KEYS-08', 'KEYS-09'],
  },
  {
    fault: 'stores no segment of 255 bytes',
    make: refusing((key) => key.split('/').some((segment) => Buffer.byteLength(segment) === 255)),
    caught: ['KEYS-08'],
  },
  { fault: 'stores no key of 512 bytes', make: refusing((key) => Buffer.byteLength(key) === 512), caught: ['KEYS-09'] },
  {
    fault: 'stores no key that begins with a dot',
    make: refusing((key) => /\/\.[^/]*$/.test(key)),
    caught: ['KEYS-01', 'KEYS-06', 'KEYS-11'],
  },
  {
    fault: 'stores no key outside of ASCII',
    make: refusing((key) => /[^ -~]/.test(key)),
    caught: ['KEYS-03', 'KEYS-04', 'KEYS-05', 'KEYS-07', 'KEYS-08', 'KEYS-09', 'KEYS-11'],
  },
  {
    fault: 'lists names as the wire has them',
    make: listing((key) => key.split('/').map(encodeURIComponent).join('/').replaceAll('%40', '@')),
    caught: ['KEYS-11'],
  },
  {
    fault: 'reads a plus in a listed name as a space',
    make: listing((key) => key.replaceAll('+', ' ')),
    caught: ['KEYS-11'],
  },
  {
    fault: 'takes keys of 513 bytes',
    make: facade((inner) => ({
      stat: async (keys, options) => {
        const long = Array.isArray(keys) && keys.some((key) => typeof key === 'string' && key.length === 513);
        return long ? [{ status: 'miss' }] : await inner.stat(keys, options);
      },
    })),
    caught: ['KEYS-10', 'KEYS-12'],
  },
  {
    fault: 'takes a lone surrogate for U+FFFD',
    make: facade((inner) => ({
      put: (items, options) =>
        inner.put(
          Array.isArray(items)
            ? items.map((item) => (typeof item?.key === 'string' ? { ...item, key: item.key.toWellFormed() } : item))
            : items,
          options,
        ),
    })),
    caught: ['KEYS-10'],
  },
  {
    fault: 'fails an item with a wrong key in place of the call',
    make: facade((inner) => ({
      get: async (items, options) => {
        try {
          return await inner.get(items, options);
        } catch (thrown) {
          if (!KvferryError.is(thrown) || thrown.code !== 'INVALID_ARGUMENT' || items?.length !== 2) throw thrown;
          return [{ status: 'miss' }, { status: 'failed', error: thrown }];
        }
      },
    })),
    caught: ['GET-16'],
  },
];
