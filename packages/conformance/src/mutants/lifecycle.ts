import { KvferryError, type ListEntry, type RemoteBackend } from '@kvferry/core';
import { aborted, driver, facade, type Mutant } from './mutant.ts';

const notOpen = (): KvferryError => new KvferryError('NOT_OPEN', 'not open');

/** Every backend that the mutant below has made. */
const siblings = new Set<RemoteBackend>();

export const mutants: readonly Mutant[] = [
  {
    fault: 'opens by itself at the first call',
    make: facade((inner) => ({
      stat: async (keys, options) => {
        if (inner.state === 'new') await inner.open();
        return await inner.stat(keys, options);
      },
    })),
    caught: ['LIFE-01', 'ERR-02', 'ERR-03'],
  },
  {
    fault: 'lets calls wait while it opens',
    make: facade((inner) => ({
      get: async (items, options) => {
        if (inner.state === 'opening') await inner.open();
        return await inner.get(items, options);
      },
    })),
    caught: ['LIFE-02'],
  },
  {
    fault: 'answers an empty batch in any state',
    make: facade((inner) => ({
      put: async (items, options) => (items.length === 0 ? [] : await inner.put(items, options)),
    })),
    caught: ['LIFE-01', 'LIFE-02', 'LIFE-11', 'LIFE-12', 'PUT-17'],
  },
  {
    fault: 'says that it is opening when it is open',
    make: facade((inner) => ({
      get state() {
        return inner.state === 'open' ? 'opening' : inner.state;
      },
    })),
    caught: ['LIFE-03', 'LIFE-04', 'LIFE-05', 'LIFE-07', 'LIFE-08', 'LIFE-20', 'ABORT-09'],
  },
  {
    fault: 'forgets everything when it is opened again',
    make: facade((inner) => ({
      open: async (options) => {
        const again = inner.state === 'open';
        await inner.open(options);
        if (!again) return;
        for await (const { key } of inner.list()) await inner.delete([key]);
      },
    })),
    caught: ['LIFE-04'],
  },
  {
    fault: 'refuses a second open while the first runs',
    make: facade((inner) => ({
      open: async (options) => {
        if (inner.state === 'opening') throw new KvferryError('UNAVAILABLE', 'opening already');
        await inner.open(options);
      },
    })),
    caught: ['LIFE-05', 'LIFE-07'],
  },
  {
    fault: 'cannot be opened after an open that was aborted',
    make: facade((inner) => {
      let spoilt = false;
      return {
        open: async (options) => {
          if (spoilt) throw notOpen();
          spoilt = options?.signal?.aborted ?? false;
          await inner.open(options);
        },
      };
    }),
    caught: ['LIFE-06'],
  },
  {
    fault: 'ends the opening for all when one of those who wait aborts',
    make: facade((inner) => {
      const ending = new AbortController();
      return {
        open: async (options) => {
          options?.signal?.addEventListener('abort', () => ending.abort(), { once: true });
          await inner.open(options);
          if (ending.signal.aborted) throw aborted();
        },
      };
    }),
    caught: ['LIFE-07', 'LIFE-08', 'ABORT-10'],
  },
  {
    fault: 'is open again when it was closed while it opened',
    make: facade((inner) => {
      let opening = false;
      return {
        open: async (options) => {
          opening = inner.state === 'new';
          await inner.open(options);
          opening = false;
        },
        close: async () => {
          if (!opening) await inner.close();
        },
      };
    }),
    caught: ['LIFE-10'],
  },
  {
    fault: 'does not close when it never was open',
    make: facade((inner) => ({
      close: async () => {
        if (inner.state === 'open') await inner.close();
      },
    })),
    caught: ['LIFE-09', 'LIFE-10'],
  },
  {
    fault: 'can be used after close',
    make: facade((inner) => {
      let state = (): RemoteBackend['state'] => inner.state;
      return {
        get state() {
          return state();
        },
        close: async () => {
          state = () => 'closed';
        },
      };
    }),
    caught: ['LIFE-09', 'LIFE-10', 'LIFE-11', 'LIFE-12', 'LIFE-14', 'LIFE-15', 'LIFE-16', 'LIFE-17', 'ERR-02'],
  },
  {
    fault: 'says that it is open while it closes',
    make: facade((inner) => ({
      get state() {
        return inner.state === 'closing' ? 'open' : inner.state;
      },
    })),
    caught: ['LIFE-12'],
  },
  {
    fault: 'rejects the second close',
    make: facade((inner) => ({
      close: async () => {
        if (inner.state === 'closed') throw notOpen();
        await inner.close();
      },
    })),
    caught: ['LIFE-13'],
  },
  {
    fault: 'lets a put run to its end when it closes',
    make: facade((inner) => {
      const running = new Set<Promise<unknown>>();
      return {
        put: async (items, options) => {
          const call = inner.put(items, options);
          running.add(call);
          return await call;
        },
        close: async () => {
          await Promise.allSettled(running);
          await inner.close();
        },
      };
    }),
    caught: ['LIFE-12', 'LIFE-14', 'LIFE-15'],
  },
  {
    fault: 'has closed before the memory of its calls is quiet',
    make: driver((inner) => ({
      get: async (batch) => {
        batch.signal.addEventListener('abort', () => {
          if (inner.state !== 'open' || batch.signal.reason instanceof KvferryError) {
            setImmediate(() => setImmediate(() => batch.items.at(-1)?.into.fill(0)));
          }
        });
        await inner.get(batch.items, { signal: batch.signal, onSettled: batch.settle });
      },
    })),
    caught: ['LIFE-15'],
  },
  {
    fault: 'goes on with a listing that rested when it closed',
    make: facade((inner) => ({
      async *list(options) {
        const found: ListEntry[] = [];
        for await (const entry of inner.list(options)) found.push(entry);
        yield* found;
      },
    })),
    caught: ['LIFE-16', 'ABORT-11', 'LIST-07'],
  },
  {
    fault: 'ends a listing in good order when it is not open',
    make: facade((inner) => ({
      list: (options) => ({
        async *[Symbol.asyncIterator]() {
          if (inner.state === 'open') yield* inner.list(options);
        },
      }),
    })),
    caught: ['LIFE-01', 'LIFE-11', 'LIFE-12', 'LIFE-17', 'ERR-02'],
  },
  {
    fault: 'does nothing when it is disposed',
    make: facade(() => ({ [Symbol.asyncDispose]: async () => {} })),
    caught: ['LIFE-18'],
  },
  {
    fault: 'asks for its state before it looks at the arguments',
    make: facade((inner) => ({
      stat: async (keys, options) => {
        if (inner.state !== 'open')
          throw new KvferryError('NOT_OPEN', 'not open', { operation: 'stat', backend: 'memory://memory' });
        return await inner.stat(keys, options);
      },
    })),
    caught: ['LIFE-19'],
  },
  {
    fault: 'closes its siblings with itself',
    make: (inner) => {
      siblings.add(inner);
      return facade(() => ({
        close: async () => {
          for (const sibling of siblings) await sibling.close();
          siblings.clear();
        },
      }))(inner);
    },
    caught: ['LIFE-20'],
  },
];
