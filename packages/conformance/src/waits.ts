import { type Key, KvferryError, type RemoteBackend } from '@kvferry/core';

/** What a case waits for right now, in words: a case that takes too long fails with them. */
export class Waits {
  readonly #pending = new Map<symbol, string>();

  /** Notes `what` until `promise` has settled, and gives back the same promise. */
  during<Result>(what: string, promise: Promise<Result>): Promise<Result> {
    const id = Symbol();
    this.#pending.set(id, what);
    const done = (): void => {
      this.#pending.delete(id);
    };
    promise.then(done, done);
    return promise;
  }

  toString(): string {
    const all = [...this.#pending.values()];
    if (all.length === 0) return 'something of its own';
    return all.length <= 5 ? all.join(', ') : `${all.slice(0, 5).join(', ')} and ${all.length - 5} more`;
  }
}

/**
 * Stands for a backend, notes what its callers wait for, and calls `onPut` with every key that is written. It adds nothing to what the
 * backend does: promises and results are the backend's own.
 */
export function watchedBackend(backend: RemoteBackend, waits: Waits, onPut: (key: Key) => void): RemoteBackend {
  const watched = new Map<string | symbol, (...args: never[]) => unknown>();
  return new Proxy(backend, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      let method = watched.get(property);
      if (method === undefined) {
        method = (...args: never[]) => {
          if (property === 'put') for (const key of keysOf(args[0])) onPut(key);
          const result: unknown = value.apply(target, args);
          if (result instanceof Promise) void waits.during(describeCall(String(property), args[0]), result);
          return property === 'list' ? watchedListing(result as ReturnType<RemoteBackend['list']>, waits) : result;
        };
        watched.set(property, method);
      }
      return method;
    },
  });
}

function watchedListing(listing: ReturnType<RemoteBackend['list']>, waits: Waits): ReturnType<RemoteBackend['list']> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = listing[Symbol.asyncIterator]();
      const watched: AsyncIterator<{ readonly key: Key; readonly byteLength: number }> = {
        next: () => waits.during('the next entry of list', iterator.next()),
      };
      if (iterator.return !== undefined) watched.return = () => waits.during('the end of list', endOf(iterator));
      return watched;
    },
  };
}

function endOf<Entry>(iterator: AsyncIterator<Entry>): Promise<IteratorResult<Entry>> {
  return iterator.return?.() ?? Promise.resolve({ done: true, value: undefined });
}

function describeCall(operation: string, items: unknown): string {
  const keys = keysOf(items);
  if (keys.length === 0) return operation;
  return keys.length === 1 ? `${operation} of ${JSON.stringify(keys[0])}` : `${operation} of ${keys.length} items`;
}

/** Of what may be no batch at all: cases pass wrong arguments on purpose. */
function keysOf(items: unknown): string[] {
  if (!Array.isArray(items)) return [];
  const keys = items.map((item: unknown) =>
    typeof item === 'object' && item !== null && 'key' in item ? item.key : item,
  );
  return keys.filter((key) => typeof key === 'string');
}

/** Says what was thrown, by its message; anything that is no error by itself. */
export function messageOf(thrown: unknown): string {
  if (KvferryError.is(thrown) || thrown instanceof Error) return thrown.message;
  return String(thrown);
}
