import assert from 'node:assert/strict';
import { KvferryError } from '@kvferry/core';
import type { CaseContext, ConformanceCase } from '../case.ts';
import { assertFailed, assertSoon, bytesHeld, callsOn, LARGE_BYTES, MIDWAY_BYTES, prepare } from './network-support.ts';
import {
  assertAbsent,
  assertAllStored,
  assertMarked,
  assertStored,
  guarded,
  mark,
  rejection,
  seen,
  someTurns,
  store,
  storeAll,
} from './support.ts';

const QUIET = 'Aborts the call: its promise rejects with ABORTED once the last writer is quiet.';
const NOTHING_RUNS_ON =
  "When a method's promise has settled, nothing of it runs on: no memory is written, no connection is busy.";

/** What an abort, and a close, end on the network. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'NET-ABORT-01',
    title: 'an abort settles every operation though the store answers nothing, long before a time limit would',
    sentence: QUIET,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, open, capabilities, signal } = context;
      const backend = await open();
      const keys = await prepare(context, backend);
      const calls = callsOn(keys, capabilities);
      proxy.inject({ kind: 'stall', direction: 'down', afterBytes: 0 });
      const patient = await leftAlone(context, 1, () => backend.stat([keys.present]));
      const { bytesUp } = proxy.counts;
      const controller = new AbortController();
      const aborted = calls.map((call) => ({ call, promise: call.run(backend, controller.signal) }));
      for (const { promise } of aborted) promise.catch(() => {});
      await proxy.until((counts) => counts.bytesUp > bytesUp, signal);
      await someTurns();
      controller.abort();
      await Promise.all(aborted.map(({ call, promise }) => rejection(promise, 'ABORTED', `${call.name}, aborted`)));
      assert.ok(!patient.settled, 'the abort settled no earlier than the time limit of a call like it');
      assertFailed(await patient.result, ['TIMEOUT'], 'stat, not aborted');
    },
  },
  {
    id: 'NET-ABORT-02',
    title: 'an abort in the midst of values settles, and nothing is written though the store sends the rest',
    sentence:
      'The memory of an item is not written after its `onSettled`, and none is written after the promise settles, aborted calls included: an abort settles once the last writer is quiet.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, value, open, signal }) {
      const backend = await open();
      const values = new Map(keys(4).map((key, index) => [key, value(LARGE_BYTES, index)]));
      await storeAll(backend, values);
      const lent = [...values.keys()].map((key, index) => ({
        key,
        memory: guarded(LARGE_BYTES, index % 2 === 0 ? 'private' : 'shared'),
      }));
      proxy.inject({ kind: 'drip', direction: 'down', bytesPerTurn: 8192 });
      const before = proxy.counts;
      const controller = new AbortController();
      let reports = 0;
      const call = backend.get(
        lent.map(({ key, memory }) => ({ key, into: memory.into })),
        {
          signal: controller.signal,
          onSettled: () => {
            reports += 1;
          },
        },
      );
      call.catch(() => {});
      await proxy.until((counts) => bytesHeld(counts, before, MIDWAY_BYTES, 'down'), signal);
      assert.equal(reports, 0, 'the values came whole before they could be aborted midway');
      controller.abort();
      await rejection(call, 'ABORTED', 'get, aborted midway,');
      for (const { memory } of lent) mark(memory.into);
      // What is still under way comes now, at full speed.
      proxy.clear();
      await proxy.until((counts) => counts.openRequests === 0, signal);
      await assertAllStored(backend, values, 'after the aborted get');
      for (const [index, { memory }] of lent.entries()) {
        assertMarked(memory.into, `item ${index}, after the abort`);
        memory.assertUntouched(`item ${index}`);
      }
      assert.equal(reports, 0, 'an item was reported after the abort');
    },
  },
  {
    id: 'NET-ABORT-03',
    title: 'the store sees the requests of an aborted call end',
    sentence: NOTHING_RUNS_ON,
    level: 'network',
    needs: ['bytes', 'requests'],
    since: '1.0.0',
    async run({ proxy, keys, value, open, signal }) {
      const backend = await open();
      const values = new Map(keys(8).map((key, index) => [key, value(LARGE_BYTES / 8, index)]));
      await storeAll(backend, values);
      proxy.inject({ kind: 'stall', direction: 'down', afterBytes: MIDWAY_BYTES / 8 });
      const before = proxy.counts;
      const controller = new AbortController();
      const get = backend.get(
        [...values.keys()].map((key) => ({ key, into: new Uint8Array(LARGE_BYTES / 8) })),
        { signal: controller.signal },
      );
      get.catch(() => {});
      await proxy.until((counts) => bytesHeld(counts, before, MIDWAY_BYTES / 8, 'down'), signal);
      controller.abort();
      await rejection(get, 'ABORTED', 'get, aborted midway,');
      await assertSoon(proxy, ({ openRequests }) => openRequests === 0, 'requests of aborted calls are still open');
    },
  },
  {
    id: 'NET-ABORT-04',
    title: 'an abort in the midst of an upload settles, long before a time limit would, and the store sees it end',
    sentence: NOTHING_RUNS_ON,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, key, value, open, signal } = context;
      const backend = await open();
      const twin = await open();
      const name = key();
      // What a backend has to ask the store before its first put, it has asked then.
      await assertAbsent(backend, name, 'before the put');
      proxy.inject({ kind: 'stall', direction: 'down', afterBytes: 0 });
      const patient = await leftAlone(context, 1, () => twin.stat([name]));
      proxy.inject({ kind: 'stall', direction: 'up', afterBytes: MIDWAY_BYTES });
      const before = proxy.counts;
      const controller = new AbortController();
      const call = backend.put([{ key: name, parts: [value(LARGE_BYTES)] }], { signal: controller.signal });
      call.catch(() => {});
      await proxy.until((counts) => bytesHeld(counts, before, MIDWAY_BYTES, 'up'), signal);
      controller.abort();
      await rejection(call, 'ABORTED', 'put, aborted midway,');
      assert.ok(!patient.settled, 'the abort settled no earlier than the time limit of a call before it');
      await assertSoon(proxy, ({ openRequests }) => openRequests <= 1, 'the request of the aborted put is still open');
      assertFailed(await patient.result, ['TIMEOUT'], 'stat, not aborted');
    },
  },
  {
    id: 'NET-ABORT-05',
    title: 'what aborted calls held is given back: new calls go through',
    sentence: 'Once the disturbance is over, the same backend works again.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, value, open, signal }) {
      const backend = await open();
      // More than the usual limits on requests at once.
      const values = new Map(keys(80).map((key, index) => [key, value(500, index)]));
      await storeAll(backend, values);
      for (let round = 0; round < 2; round += 1) {
        proxy.inject({ kind: 'stall', direction: 'down', afterBytes: 0 });
        const { bytesUp } = proxy.counts;
        const controller = new AbortController();
        const call = backend.get(
          [...values.keys()].map((key) => ({ key, into: new Uint8Array(500) })),
          { signal: controller.signal },
        );
        call.catch(() => {});
        await proxy.until((counts) => counts.bytesUp > bytesUp, signal);
        await someTurns();
        controller.abort();
        await rejection(call, 'ABORTED', 'get of 80 items, aborted,');
        proxy.clear();
      }
      await assertAllStored(backend, values, 'after 2 aborted calls of 80 items');
    },
  },
  {
    id: 'NET-ABORT-06',
    title: 'an abort of one call leaves another, under way at the same time, alone',
    sentence: QUIET,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, value, open, signal }) {
      const backend = await open();
      const values = new Map(keys(4).map((key, index) => [key, value(LARGE_BYTES / 2, index)]));
      await storeAll(backend, values);
      proxy.inject({ kind: 'drip', direction: 'down', bytesPerTurn: 16_384 });
      const before = proxy.counts;
      const reading = assertAllStored(backend, values, 'beside an aborted get');
      const controller = new AbortController();
      const items = [...values.keys()].map((key) => ({ key, into: new Uint8Array(LARGE_BYTES / 2) }));
      const aborted = backend.get(items, { signal: controller.signal });
      aborted.catch(() => {});
      await proxy.until((counts) => bytesHeld(counts, before, MIDWAY_BYTES, 'down'), signal);
      controller.abort();
      await rejection(aborted, 'ABORTED', 'the get that was aborted');
      await reading;
    },
  },
  {
    id: 'NET-ABORT-07',
    title: 'close ends stalled calls long before a time limit would: items are ABORTED, memory quiet, connections gone',
    sentence:
      'Calls in flight end, their unsettled items `failed` with ABORTED; it resolves when all memory is quiet and every connection is gone.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, key, value, open, capabilities, signal } = context;
      const backend = await open();
      const other = await open();
      const calls = callsOn(await prepare(context, backend), capabilities);
      const large = key();
      await store(backend, large, value(LARGE_BYTES));
      proxy.inject({ kind: 'stall', direction: 'down', afterBytes: MIDWAY_BYTES });
      const before = proxy.counts;
      const memory = guarded(LARGE_BYTES);
      const get = backend.get([{ key: large, into: memory.into }]);
      await proxy.until((counts) => bytesHeld(counts, before, MIDWAY_BYTES, 'down'), signal);
      proxy.inject({ kind: 'stall', direction: 'down', afterBytes: 0 });
      const patient = await leftAlone(context, 1, () => other.stat([large]));
      const running = calls.map((call) => ({
        call,
        ended: call.run(backend).catch((thrown: unknown) => {
          assert.ok(KvferryError.is(thrown), `${call.name} rejected with ${String(thrown)}`);
          return { status: 'failed' as const, error: thrown };
        }),
      }));
      await someTurns();
      await backend.close();
      mark(memory.into);
      assert.ok(!patient.settled, 'close resolved no earlier than the time limit of a call on another backend');
      assertFailed((await get)[0], ['ABORTED'], 'get, closed midway,');
      for (const { call, ended } of running) assertFailed(await ended, ['ABORTED'], `${call.name}, closed`);
      assertFailed(await patient.result, ['TIMEOUT'], 'stat on the backend that was not closed');
      await other.close();
      await assertSoon(proxy, ({ openConnections }) => openConnections === 0, 'connections are open after close');
      await someTurns();
      assertMarked(memory.into, 'after close');
    },
  },
  {
    id: 'NET-ABORT-08',
    title: 'an abort, and a close, end an open that gets no answer',
    sentence: 'A rejection leaves nothing behind: `open` may be called again.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, key, value, create }) {
      const backend = create();
      const closed = create();
      proxy.inject({ kind: 'stall', direction: 'down', afterBytes: 0 });
      const controller = new AbortController();
      // A backend whose open asks nothing of the store is open by then.
      const opening = outcome(backend.open({ signal: controller.signal }));
      const closing = outcome(closed.open());
      await someTurns();
      controller.abort();
      await closed.close();
      const [left, ended] = [await opening, await closing];
      assert.ok(['opened', 'ABORTED'].includes(left), `open, aborted, ended with ${left}`);
      assert.ok(['opened', 'NOT_OPEN'].includes(ended), `open, closed, ended with ${ended}`);
      proxy.clear();
      await backend.open();
      const stored = key();
      await store(backend, stored, value(100));
      await assertStored(backend, stored, value(100), 'after an aborted open');
    },
  },
];

/** Between two calls whose time limits are to end one after the other, in milliseconds. */
const APART_MS = 25;

/** A call that nobody ends: it settles with a time limit of the backend. */
interface PatientCall {
  readonly settled: boolean;
  readonly result: Promise<{ readonly status: string } | undefined>;
}

/** Begins a call that is held up, and gives it when it has sent this much: what is begun after that has its time limits after it. */
async function leftAlone(
  { proxy, signal }: CaseContext,
  byteLength: number,
  begin: () => Promise<readonly { readonly status: string }[]>,
): Promise<PatientCall> {
  const before = proxy.counts;
  let settled = false;
  const result = begin().then(([only]) => {
    settled = true;
    return only;
  });
  await proxy.until((counts) => bytesHeld(counts, before, byteLength, 'up'), signal);
  // Turns until the clock has moved on: limits that end in the same turn end in no order.
  const seenMs = performance.now();
  while (performance.now() - seenMs < APART_MS) await someTurns();
  return {
    get settled() {
      return settled;
    },
    result,
  };
}

async function outcome(opening: Promise<void>): Promise<string> {
  try {
    await opening;
    return 'opened';
  } catch (thrown) {
    return KvferryError.is(thrown) ? thrown.code : seen(thrown);
  }
}
