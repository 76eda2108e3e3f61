import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { GetItem, RemoteBackend, StatResult } from '../backend.ts';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import type { BackendDriver } from '../driver.ts';
import { type ErrorFacts, KvferryError } from '../errors.ts';
import { behaviours } from '../testing/behaviours.ts';
import { collect, errorOf } from '../testing/values.ts';
import { forwardTo } from './forward.ts';
import { type RetryOptions, retry } from './retry.ts';

/** Time and chance are the test's own: nothing here waits. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const miss = { status: 'miss' } as const;
const failed = (facts: ErrorFacts = {}) =>
  ({ status: 'failed', error: new KvferryError('UNAVAILABLE', 'busy', facts) }) as const;

function over(overrides: Partial<BackendDriver>): RemoteBackend {
  return defineBackend(forwardTo(memoryBackend(), overrides));
}

/** A store that answers its attempts one after another as listed, the last answer for ever. */
function answering(...attempts: readonly (readonly StatResult[])[]): { inner: RemoteBackend; asked: string[][] } {
  const asked: string[][] = [];
  const inner = over({
    stat: async (batch) => {
      const results = attempts[Math.min(asked.length, attempts.length - 1)] ?? [];
      asked.push([...batch.items]);
      for (const [index, result] of results.entries()) batch.settle(index, result);
    },
  });
  return { inner, asked };
}

async function opened(inner: RemoteBackend, options?: RetryOptions): Promise<RemoteBackend> {
  const backend = retry(options)(inner);
  await backend.open();
  return backend;
}

/** Lets a call go on, pauses skipped, until it has ended. */
async function finished<T>(call: Promise<T>): Promise<T> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  call.then(end, end);
  for (await turn(); !ended; await turn()) vi.runOnlyPendingTimers();
  return call;
}

describe('retry', () => {
  for (const { title, run } of behaviours) {
    test(`where nothing fails: ${title}`, async () => {
      const backend = await opened(memoryBackend());
      await run(backend);
      await backend.close();
      expect(vi.getTimerCount()).toBe(0);
    });
  }

  test.each([
    ['later', 3, 'exhausted'],
    ['never', 1, 'never'],
    ['exhausted', 1, 'exhausted'],
  ] as const)('what fails with retry %s is tried %i times', async (asIs, attempts, inTheEnd) => {
    const { inner, asked } = answering([failed({ retry: asIs, httpStatus: 503 })]);
    const backend = await opened(inner);
    const [result] = await finished(backend.stat(['a']));
    expect(asked).toHaveLength(attempts);
    expect(errorOf(result)).toMatchObject({ code: 'UNAVAILABLE', retry: inTheEnd, httpStatus: 503, key: 'a' });
  });

  test('repeats only what failed, and settles the rest as it comes', async () => {
    const never = failed({ retry: 'never' });
    const { inner, asked } = answering(
      [failed(), { status: 'hit', byteLength: 1 }, never, failed(), miss],
      [failed(), miss],
      [{ status: 'hit', byteLength: 7 }],
    );
    const backend = await opened(inner);
    const settled: number[] = [];
    const stat = backend.stat(['a', 'b', 'c', 'd', 'e'], { onSettled: (index) => settled.push(index) });
    await turn();
    expect(settled).toEqual([1, 2, 4]);
    const results = await finished(stat);
    expect(asked).toEqual([['a', 'b', 'c', 'd', 'e'], ['a', 'd'], ['a']]);
    expect(settled).toEqual([1, 2, 4, 3, 0]);
    expect(results.map((result) => result.status)).toEqual(['hit', 'hit', 'failed', 'miss', 'miss']);
    expect(results[0]).toEqual({ status: 'hit', byteLength: 7 });
  });

  test('pauses longer after each attempt, by chance', async () => {
    const { inner, asked } = answering([failed()]);
    const backend = await opened(inner, { baseMs: 100, maxMs: 1000 });
    const stat = backend.stat(['a']);
    const attemptsAfter = async (ms: number): Promise<number> => {
      vi.advanceTimersByTime(ms);
      await turn();
      return asked.length;
    };
    await turn();
    expect(await attemptsAfter(49)).toBe(1);
    expect(await attemptsAfter(1)).toBe(2);
    expect(await attemptsAfter(99)).toBe(2);
    expect(await attemptsAfter(1)).toBe(3);
    await stat;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('gives the store the longest time that it asks for', async () => {
    const { inner, asked } = answering(
      [failed({ retryAfterMs: 900 }), failed({ retryAfterMs: 300 }), failed()],
      [miss, miss, miss],
    );
    const backend = await opened(inner);
    const stat = backend.stat(['a', 'b', 'c']);
    await turn();
    vi.advanceTimersByTime(899);
    await turn();
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(await stat).toEqual([miss, miss, miss]);
  });

  test('leaves a store alone that asks for more than the longest pause', async () => {
    const { inner, asked } = answering([failed({ retryAfterMs: 1001 })]);
    const backend = await opened(inner, { maxMs: 1000 });
    expect(errorOf((await backend.stat(['a']))[0])).toMatchObject({ retry: 'later', retryAfterMs: 1001 });
    expect(asked).toHaveLength(1);
  });

  test('an only attempt was not repeated', async () => {
    const { inner, asked } = answering([failed()]);
    const backend = await opened(inner, { maxAttempts: 1 });
    expect(errorOf((await backend.stat(['a']))[0])?.retry).toBe('later');
    expect(asked).toHaveLength(1);
  });

  test('lends the same memory again, but only once the attempt before is quiet', async () => {
    const quiet = Promise.withResolvers<void>();
    const lent: GetItem[][] = [];
    const inner = over({
      get: async (batch) => {
        lent.push([...batch.items]);
        batch.settle(0, lent.length === 1 ? failed() : { status: 'hit', byteLength: 4, verified: 'length' });
        if (lent.length > 1) return;
        await quiet.promise;
        batch.settle(1, miss);
      },
    });
    const backend = await opened(inner);
    const into = new Uint8Array(4);
    const get = backend.get([
      { key: 'a', into },
      { key: 'b', into: new Uint8Array(1) },
    ]);
    await turn();
    vi.advanceTimersByTime(60_000);
    await turn();
    expect(lent).toHaveLength(1);
    quiet.resolve();
    expect(await finished(get)).toMatchObject([{ status: 'hit', byteLength: 4 }, miss]);
    expect(lent[1]).toHaveLength(1);
    expect(lent[1]?.[0]?.into).toBe(into);
  });

  test('repeats put with its mode and its parts, and delete', async () => {
    const puts: unknown[] = [];
    let deletes = 0;
    const inner = over({
      put: (batch, mode) =>
        batch.each(1, (item) => {
          puts.push([mode, item.parts]);
          return puts.length === 1 ? failed() : { status: 'exists' };
        }),
      delete: (batch) =>
        batch.each(1, () => {
          deletes += 1;
          return deletes === 1 ? failed() : { status: 'deleted' };
        }),
    });
    const backend = await opened(inner);
    const parts = [new Uint8Array(1)];
    expect(await finished(backend.put([{ key: 'a', parts }], { mode: 'create' }))).toEqual([{ status: 'exists' }]);
    expect(puts).toEqual([
      ['create', parts],
      ['create', parts],
    ]);
    expect(await finished(backend.delete(['a']))).toEqual([{ status: 'deleted' }]);
  });

  test('an abort ends a pause at once, and leaves neither timer nor listener', async () => {
    const { inner, asked } = answering([failed()]);
    const backend = await opened(inner);
    const inside = vi.spyOn(inner, 'stat');
    const abort = new AbortController();
    const stat = backend.stat(['a'], { signal: abort.signal });
    await turn();
    expect(vi.getTimerCount()).toBe(1);
    abort.abort('enough');
    await expect(stat).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    expect(vi.getTimerCount()).toBe(0);
    expect(asked).toHaveLength(1);
    expect(listeners(inside.mock.calls)).toBe(0);
  });

  test('an abort while the last attempt comes to rest leaves no pause', async () => {
    const quiet = Promise.withResolvers<void>();
    const inner = over({
      stat: async (batch) => {
        batch.settle(0, failed());
        await quiet.promise;
      },
    });
    const backend = await opened(inner);
    const abort = new AbortController();
    const stat = backend.stat(['a'], { signal: abort.signal });
    await turn();
    abort.abort();
    quiet.resolve();
    await expect(stat).rejects.toMatchObject({ code: 'ABORTED' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a pause that runs out leaves no listener', async () => {
    const { inner } = answering([failed()], [miss]);
    const backend = await opened(inner);
    const inside = vi.spyOn(inner, 'stat');
    await finished(backend.stat(['a']));
    expect(inside).toHaveBeenCalledTimes(2);
    expect(listeners(inside.mock.calls)).toBe(0);
  });

  test('closing ends a pause at once', async () => {
    const { inner } = answering([failed()]);
    const backend = await opened(inner);
    const stat = backend.stat(['a']);
    await turn();
    await backend.close();
    expect(errorOf((await stat)[0])?.code).toBe('ABORTED');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a call that is rejected inside is not repeated', async () => {
    const { inner, asked } = answering([miss]);
    const backend = await opened(inner);
    await inner.close();
    expect(errorOf((await backend.stat(['a']))[0])).toMatchObject({ code: 'NOT_OPEN', retry: 'never' });
    expect(asked).toHaveLength(0);
  });

  test('gives each item its own last answer, whatever fails how often', async () => {
    const item = fc.record({ failures: fc.nat(5), retry: fc.constantFrom('later', 'later', 'never', 'exhausted') });
    const run = fc.asyncProperty(
      fc.array(item, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      async (items, maxAttempts) => {
        const attempts = items.map(() => 0);
        const inner = over({
          stat: (batch) =>
            batch.each(3, (key) => {
              const index = Number(key);
              const { failures, retry: kind } = items[index] as (typeof items)[number];
              attempts[index] = (attempts[index] as number) + 1;
              return (attempts[index] as number) <= failures
                ? failed({ retry: kind })
                : { status: 'hit', byteLength: index };
            }),
        });
        const backend = await opened(inner, { maxAttempts });
        const settled: number[] = [];
        const keys = items.map((_, index) => String(index));
        const results = await finished(backend.stat(keys, { onSettled: (index) => settled.push(index) }));
        expect(settled.toSorted((a, b) => a - b)).toEqual([...items.keys()]);
        for (const [index, { failures, retry: kind }] of items.entries()) {
          const tries = kind === 'later' ? Math.min(failures + 1, maxAttempts) : 1;
          expect(attempts[index]).toBe(tries);
          if (failures < tries) expect(results[index]).toEqual({ status: 'hit', byteLength: index });
          else expect(errorOf(results[index])?.retry).toBe(tries > 1 ? 'exhausted' : kind);
        }
      },
    );
    await fc.assert(run, { numRuns: 50 });
  });

  test('names the option that is wrong', () => {
    for (const maxAttempts of [0, 1.5, 101])
      expect(() => retry({ maxAttempts })).toThrow(/CONFIG_INVALID.*maxAttempts/);
    for (const maxMs of [0, 2 ** 31]) expect(() => retry({ maxMs })).toThrow(/CONFIG_INVALID.*maxMs/);
    for (const baseMs of [0, 51]) expect(() => retry({ baseMs, maxMs: 50 })).toThrow(/CONFIG_INVALID.*baseMs/);
    expect(() => retry({ attempts: 1 } as never)).toThrow(/CONFIG_INVALID.*"attempts"/);
  });
});

describe('an opening that fails', () => {
  const opening = (failures: number) => {
    const store = { openings: 0 };
    const inner = over({
      open: async () => {
        store.openings += 1;
        if (store.openings <= failures) throw failed().error;
      },
    });
    return { store, backend: retry()(inner) };
  };

  test('is repeated', async () => {
    const { store, backend } = opening(2);
    await finished(backend.open());
    expect(backend.state).toBe('open');
    expect(store.openings).toBe(3);
  });

  test('is given up when the attempts are over, and may be tried again', async () => {
    const { backend } = opening(3);
    await expect(finished(backend.open())).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: 'exhausted' });
    await backend.open();
    expect(backend.state).toBe('open');
  });

  test.each(['abort', 'close'] as const)('is given up at once on %s', async (how) => {
    const { store, backend } = opening(9);
    const abort = new AbortController();
    const open = backend.open({ signal: abort.signal });
    open.catch(() => {});
    await turn();
    if (how === 'abort') abort.abort();
    else await backend.close();
    await expect(open).rejects.toMatchObject({ code: how === 'abort' ? 'ABORTED' : 'NOT_OPEN' });
    expect(store.openings).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a listing that fails', () => {
  /** Gives two entries, but fails before entry `failAt` in its first `failures` runs. */
  const listing = async (failAt: number, failures: number) => {
    const store = { runs: 0, left: 0 };
    const inner = over({
      list: async function* () {
        store.runs += 1;
        try {
          for (let index = 0; index < 2; index += 1) {
            if (index === failAt && store.runs <= failures) throw failed().error;
            yield { key: `${index}`, byteLength: 0 };
          }
        } finally {
          store.left += 1;
        }
      },
    });
    return { store, backend: await opened(inner) };
  };

  test('before its first entry is repeated', async () => {
    const { store, backend } = await listing(0, 2);
    expect((await finished(collect(backend.list()))).map((entry) => entry.key)).toEqual(['0', '1']);
    expect(store).toEqual({ runs: 3, left: 3 });
  });

  test('before its first entry is given up when the attempts are over', async () => {
    const { backend } = await listing(0, 3);
    await expect(finished(collect(backend.list()))).rejects.toMatchObject({ retry: 'exhausted', operation: 'list' });
  });

  test('after its first entry is not repeated', async () => {
    const { store, backend } = await listing(1, 1);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { key } of backend.list()) seen.push(key);
    })();
    await expect(finished(reading)).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: 'later' });
    expect(seen).toEqual(['0']);
    expect(store.runs).toBe(1);
  });

  test('while it pauses can be aborted', async () => {
    const { store, backend } = await listing(0, 9);
    const abort = new AbortController();
    const reading = collect(backend.list({ signal: abort.signal }));
    reading.catch(() => {});
    await turn();
    abort.abort();
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' });
    expect(store.runs).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('or does not: leaving the loop ends it inside too', async () => {
    const { store, backend } = await listing(9, 0);
    for await (const _ of backend.list()) break;
    expect(store).toEqual({ runs: 1, left: 1 });
  });
});

/** Listeners left on the signals that calls were given. */
function listeners(calls: readonly (readonly unknown[])[]): number {
  const signals = calls.map((args) => (args[1] as { readonly signal: AbortSignal }).signal);
  return signals.reduce((count, signal) => count + getEventListeners(signal, 'abort').length, 0);
}
