import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RemoteBackend } from '../backend.ts';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import type { BackendDriver } from '../driver.ts';
import { behaviours } from '../testing/behaviours.ts';
import { collect, errorOf } from '../testing/values.ts';
import { deadline } from './deadline.ts';
import { forwardTo } from './forward.ts';

/** Time is the test's own: nothing here waits. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const fired = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function opened(overrides: Partial<BackendDriver>): Promise<RemoteBackend> {
  const inner = defineBackend({ ...forwardTo(memoryBackend()), ...overrides });
  const backend = deadline({ callMs: 100 })(inner);
  await backend.open();
  return backend;
}

describe('a deadline', () => {
  for (const { title, run } of behaviours) {
    test(`in time: ${title}`, async () => {
      const backend = deadline({ callMs: 1000 })(memoryBackend());
      await backend.open();
      await run(backend);
      await backend.close();
      expect(vi.getTimerCount()).toBe(0);
    });
  }

  test('lets stand what has settled and fails the rest with TIMEOUT', async () => {
    const settled: number[] = [];
    const backend = await opened({
      stat: async (batch) => {
        batch.settle(2, { status: 'hit', byteLength: 5 });
        batch.settle(0, { status: 'miss' });
        await fired(batch.signal);
      },
    });
    const stat = backend.stat(['a', 'b', 'c', 'd'], { onSettled: (index) => settled.push(index) });
    await turn();
    expect(settled).toEqual([2, 0]);
    vi.advanceTimersByTime(99);
    await turn();
    expect(settled).toEqual([2, 0]);
    vi.advanceTimersByTime(1);
    const results = await stat;
    expect(results[0]).toEqual({ status: 'miss' });
    expect(results[2]).toEqual({ status: 'hit', byteLength: 5 });
    for (const index of [1, 3]) {
      const key = 'abcd'[index];
      expect(errorOf(results[index])).toMatchObject({ code: 'TIMEOUT', retry: 'later', key, operation: 'stat' });
    }
    expect(settled).toEqual([2, 0, 1, 3]);
  });

  test('waits until the inner call is quiet', async () => {
    const quiet = Promise.withResolvers<void>();
    let settled = false;
    const backend = await opened({
      get: async (batch) => {
        await fired(batch.signal);
        await quiet.promise;
      },
    });
    const get = backend.get([{ key: 'a', into: new Uint8Array(1) }]).finally(() => {
      settled = true;
    });
    await turn();
    vi.advanceTimersByTime(100);
    await turn();
    expect(settled).toBe(false);
    quiet.resolve();
    expect(errorOf((await get)[0])?.code).toBe('TIMEOUT');
  });

  test('holds for put and delete', async () => {
    const backend = await opened({
      put: (batch) => fired(batch.signal),
      delete: (batch) => fired(batch.signal),
    });
    const calls = Promise.all([
      backend.put([{ key: 'a', parts: [] }]),
      backend.put([{ key: 'a', parts: [] }], { mode: 'create' }),
      backend.delete(['a']),
    ]);
    await turn();
    vi.advanceTimersByTime(100);
    expect((await calls).map(([result]) => errorOf(result)?.code)).toEqual(['TIMEOUT', 'TIMEOUT', 'TIMEOUT']);
  });

  test('leaves the errors of a call that was in time as they are', async () => {
    const backend = await opened({
      stat: async () => {
        throw new TypeError('defect');
      },
    });
    expect(errorOf((await backend.stat(['a']))[0])).toMatchObject({ code: 'UNKNOWN' });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('aborts the inner call with the TIMEOUT as reason', async () => {
    let reason: unknown;
    const backend = await opened({
      stat: async (batch) => {
        await fired(batch.signal);
        reason = batch.signal.reason;
      },
    });
    const stat = backend.stat(['a']);
    await turn();
    vi.advanceTimersByTime(100);
    await stat;
    expect(reason).toMatchObject({ code: 'TIMEOUT' });
  });

  test("leaves the caller's abort ABORTED", async () => {
    const backend = await opened({ stat: (batch) => fired(batch.signal) });
    const abort = new AbortController();
    const stat = backend.stat(['a'], { signal: abort.signal });
    await turn();
    abort.abort();
    await expect(stat).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('ends an opening, which may then be tried again', async () => {
    let stalls = true;
    const inner = defineBackend({
      ...forwardTo(memoryBackend()),
      open: async (signal) => {
        if (stalls) await fired(signal);
        signal.throwIfAborted();
      },
    });
    const backend = deadline({ callMs: 100 })(inner);
    const opening = backend.open();
    await turn();
    vi.advanceTimersByTime(100);
    await expect(opening).rejects.toMatchObject({ code: 'TIMEOUT', operation: 'open' });
    stalls = false;
    await backend.open();
    expect(backend.state).toBe('open');
  });

  test('bounds each step of a listing, not its length nor the time of its reader', async () => {
    let stallAt = 3;
    let left = 0;
    const backend = await opened({
      list: async function* (_prefix, signal) {
        try {
          for (let index = 0; index < 6; index += 1) {
            if (index === stallAt) {
              await fired(signal);
              signal.throwIfAborted();
            }
            yield { key: `${index}`, byteLength: 0 };
          }
        } finally {
          left += 1;
        }
      },
    });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { key } of backend.list()) {
        seen.push(key);
        // The reader takes longer than the deadline.
        vi.advanceTimersByTime(1000);
      }
    })();
    while (seen.length < 3) await turn();
    await turn();
    vi.advanceTimersByTime(100);
    await expect(reading).rejects.toMatchObject({ code: 'TIMEOUT', operation: 'list' });
    expect(seen).toEqual(['0', '1', '2']);
    stallAt = -1;
    expect(await collect(backend.list())).toHaveLength(6);
    for await (const _ of backend.list()) break;
    expect(left).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('names the option that is wrong', () => {
    for (const callMs of [0, -1, 1.5, 2 ** 31, undefined]) {
      expect(() => deadline({ callMs: callMs as number })).toThrow(/CONFIG_INVALID.*callMs/);
    }
    expect(() => deadline({ callMs: 1, ms: 1 } as never)).toThrow(/CONFIG_INVALID.*"ms"/);
  });
});

test('only the operations named have the deadline', async () => {
  const answer = Promise.withResolvers<void>();
  const inner = defineBackend(
    forwardTo(memoryBackend(), {
      stat: (batch) => fired(batch.signal),
      put: async (batch) => {
        await answer.promise;
        batch.settle(0, { status: 'stored' });
      },
    }),
  );
  const outer = deadline({ callMs: 100, operations: ['stat'] })(inner);
  await outer.open();
  const stat = outer.stat(['a']);
  const put = outer.put([{ key: 'a', parts: [] }]);
  await turn();
  vi.advanceTimersByTime(100);
  expect(await stat).toMatchObject([{ status: 'failed', error: { code: 'TIMEOUT' } }]);
  answer.resolve();
  expect(await put).toEqual([{ status: 'stored' }]);
  expect(() => deadline({ callMs: 1, operations: ['close' as never] })).toThrow(/operations are of open, stat/);
});
