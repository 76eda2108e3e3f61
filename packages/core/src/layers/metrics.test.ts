import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RemoteBackend } from '../backend.ts';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import type { BackendDriver } from '../driver.ts';
import { KvferryError } from '../errors.ts';
import { behaviours } from '../testing/behaviours.ts';
import { collect } from '../testing/values.ts';
import { forwardTo } from './forward.ts';
import { CALL_CHANNEL, type CallRecord, metrics } from './metrics.ts';

/** Time is the test's own: nothing here waits. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'], now: 0 }));
afterEach(() => void vi.useRealTimers());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function collectRecords(): CallRecord[] {
  const records: CallRecord[] = [];
  const note = (message: unknown): void => void records.push(message as CallRecord);
  subscribe(CALL_CHANNEL, note);
  onTestFinished(() => void unsubscribe(CALL_CHANNEL, note));
  return records;
}

function measured(overrides: Partial<BackendDriver> = {}): RemoteBackend {
  return metrics()(defineBackend(forwardTo(memoryBackend({ namespace: 'here', maxValueBytes: 100 }), overrides)));
}

async function openMeasured(overrides: Partial<BackendDriver> = {}): Promise<RemoteBackend> {
  const backend = measured(overrides);
  await backend.open();
  return backend;
}

const nothing: CallRecord = {
  backend: 'memory://here',
  operation: 'stat',
  startMs: expect.any(Number),
  durationMs: expect.any(Number),
  items: 0,
  hits: 0,
  misses: 0,
  stored: 0,
  exists: 0,
  deleted: 0,
  failures: 0,
  failuresByCode: undefined,
  bytes: 0,
  outcome: 'settled',
  errorCode: undefined,
};

describe('metrics', () => {
  for (const { title, run } of behaviours) {
    test(`with nobody listening: ${title}`, async () => {
      const backend = metrics()(memoryBackend());
      await backend.open();
      await run(backend);
      await backend.close();
    });

    test(`with somebody listening: ${title}`, async () => {
      const records = collectRecords();
      const backend = metrics()(memoryBackend());
      await backend.open();
      await run(backend);
      await backend.close();
      expect(records.length).toBeGreaterThan(2);
    });
  }

  test('have one record for each call, with its answers and bytes', async () => {
    const records = collectRecords();
    const backend = measured();
    await backend.open();
    const parts = [new Uint8Array(3), new Uint8Array(4)];
    await backend.put([
      { key: 'a', parts },
      { key: 'b', parts },
    ]);
    await backend.put(
      [
        { key: 'a', parts },
        { key: 'c', parts: [] },
      ],
      { mode: 'create' },
    );
    await backend.stat(['a', 'x', 'b']);
    await backend.get([
      { key: 'a', into: new Uint8Array(10) },
      { key: 'x', into: new Uint8Array(10) },
      { key: 'b', into: new Uint8Array(1) },
    ]);
    await collect(backend.list());
    await backend.delete(['a', 'x']);
    await backend.close();
    expect(records).toEqual([
      { ...nothing, operation: 'open' },
      { ...nothing, operation: 'put', items: 2, stored: 2, bytes: 14 },
      { ...nothing, operation: 'put', items: 2, stored: 1, exists: 1 },
      { ...nothing, operation: 'stat', items: 3, hits: 2, misses: 1 },
      {
        ...nothing,
        operation: 'get',
        items: 3,
        hits: 1,
        misses: 1,
        failures: 1,
        failuresByCode: { BUFFER_TOO_SMALL: 1 },
        bytes: 7,
      },
      { ...nothing, operation: 'list', items: 3 },
      { ...nothing, operation: 'delete', items: 2, deleted: 2 },
      { ...nothing, operation: 'close' },
    ]);
  });

  test('count failures by their code', async () => {
    const backend = await openMeasured({
      stat: (batch) =>
        batch.each(1, (key) => {
          throw new KvferryError(key === 'a' ? 'THROTTLED' : 'TIMEOUT', 'busy');
        }),
    });
    const records = collectRecords();
    await backend.stat(['a', 'b', 'c']);
    expect(records).toEqual([
      { ...nothing, items: 3, failures: 3, failuresByCode: { THROTTLED: 1, TIMEOUT: 2 }, outcome: 'settled' },
    ]);
  });

  test('tell when a call began and how long it took, when it has ended', async () => {
    const answer = Promise.withResolvers<void>();
    const backend = await openMeasured({
      stat: async (batch) => {
        batch.settle(0, { status: 'miss' });
        await answer.promise;
      },
    });
    const records = collectRecords();
    vi.advanceTimersByTime(1000);
    const stat = backend.stat(['a']);
    await turn();
    expect(records).toEqual([]);
    vi.advanceTimersByTime(250);
    answer.resolve();
    await stat;
    expect(records).toEqual([{ ...nothing, startMs: 1000, durationMs: 250, items: 1, misses: 1 }]);
  });

  test('tell what had settled when a call was aborted', async () => {
    const backend = await openMeasured({
      stat: async (batch) => {
        batch.settle(1, { status: 'miss' });
        await new Promise((resolve) => batch.signal.addEventListener('abort', resolve, { once: true }));
      },
    });
    const records = collectRecords();
    const abort = new AbortController();
    const stat = backend.stat(['a', 'b'], { signal: abort.signal });
    stat.catch(() => {});
    await turn();
    abort.abort();
    await expect(stat).rejects.toMatchObject({ code: 'ABORTED' });
    expect(records).toEqual([{ ...nothing, items: 2, misses: 1, outcome: 'rejected', errorCode: 'ABORTED' }]);
  });

  test('tell why an opening failed', async () => {
    const records = collectRecords();
    const backend = measured({
      open: async () => {
        throw new KvferryError('UNAUTHENTICATED', 'who?');
      },
    });
    await expect(backend.open()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(records).toEqual([{ ...nothing, operation: 'open', outcome: 'rejected', errorCode: 'UNAUTHENTICATED' }]);
  });

  test('count the entries of a listing that was left, and of one that failed', async () => {
    let left = 0;
    const backend = await openMeasured({
      list: async function* () {
        try {
          yield { key: 'a', byteLength: 1 };
          yield { key: 'b', byteLength: 1 };
          throw new KvferryError('CONNECTION', 'reset');
        } finally {
          left += 1;
        }
      },
    });
    const records = collectRecords();
    for await (const _ of backend.list()) break;
    await expect(collect(backend.list())).rejects.toMatchObject({ code: 'CONNECTION' });
    expect(records).toEqual([
      { ...nothing, operation: 'list', items: 1 },
      { ...nothing, operation: 'list', items: 2, outcome: 'rejected', errorCode: 'CONNECTION' },
    ]);
    expect(left).toBe(2);
  });

  test('have no record of what is answered before any I/O', async () => {
    const backend = await openMeasured();
    const records = collectRecords();
    await backend.stat([]);
    await expect(backend.stat([''])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(records).toEqual([]);
  });

  test('look at nothing while nobody listens', async () => {
    const backend = await openMeasured();
    const clock = vi.spyOn(performance, 'now');
    await backend.stat(['a']);
    expect(clock).not.toHaveBeenCalled();
    const records = collectRecords();
    await backend.stat(['a']);
    expect(clock).toHaveBeenCalled();
    expect(records).toHaveLength(1);
  });
});
