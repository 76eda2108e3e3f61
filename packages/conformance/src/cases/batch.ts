import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { ConformanceCase } from '../case.ts';
import {
  assertAllStored,
  assertBytes,
  assertStored,
  failure,
  handled,
  lengthsOf,
  seen,
  someTurns,
  statusesOf,
  store,
  storeAll,
} from './support.ts';

/** What holds for every operation on a batch: order, one result per item, and `onSettled`. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'BATCH-01',
    title: 'gives [] for an empty batch, and reports nothing',
    sentence: 'An empty batch gives `[]`, once open.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, capabilities }) {
      const backend = await open();
      let reports = 0;
      const onSettled = () => {
        reports += 1;
      };
      assert.deepEqual(await backend.stat([], { onSettled }), [], 'stat of no key');
      assert.deepEqual(await backend.get([], { onSettled }), [], 'get of no item');
      assert.deepEqual(await backend.put([], { onSettled }), [], 'put of no item');
      if (capabilities.create) assert.deepEqual(await backend.put([], { mode: 'create', onSettled }), []);
      if (capabilities.delete) assert.deepEqual(await backend.delete([], { onSettled }), [], 'delete of no key');
      assert.equal(reports, 0, `onSettled was called ${reports} times`);
    },
  },
  {
    id: 'BATCH-02',
    title: 'answers in input order, whatever the values and the order of completion',
    sentence: 'Each operation takes a batch and answers one result per item, in input order.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      // Large and small by turns, so that some end before others that began earlier.
      const values = new Map(
        keys(40).map((key, index) => [key, value(index % 4 === 0 ? 150_000 + index : index, index)]),
      );
      await storeAll(backend, values);
      const expected = [...values.values()].map((value) => value.byteLength);
      assert.deepEqual(lengthsOf(await backend.stat([...values.keys()])), expected, 'stat');
      const backwards = [...values].reverse();
      assert.deepEqual(lengthsOf(await backend.stat(backwards.map(([key]) => key))), [...expected].reverse(), 'stat');
      const items = backwards.map(([key, value]) => ({ key, into: new Uint8Array(value.byteLength) }));
      assert.deepEqual(lengthsOf(await backend.get(items)), [...expected].reverse(), 'get');
      for (const { key, into } of items) assertBytes(into, values.get(key), `get of ${key}`);
    },
  },
  {
    id: 'BATCH-03',
    title: 'reports each item once, with the result that it answers, before the promise settles',
    sentence: '`onSettled` reports each item exactly once, before the promise settles.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(30);
      const there = all.filter((_, index) => index % 3 !== 1);
      const put = reports();
      put.assertEqual(
        await backend.put(
          there.map((key) => ({ key, parts: [value(100)] })),
          put.options,
        ),
        'put',
      );
      const stat = reports();
      stat.assertEqual(await backend.stat(all, stat.options), 'stat');
      const get = reports();
      // Hits, misses, and one in six that is too small.
      const items = all.map((key, index) => ({ key, into: new Uint8Array(index % 6 === 0 ? 50 : 100) }));
      get.assertEqual(await backend.get(items, get.options), 'get');
      await someTurns();
      for (const { count, total } of [put, stat, get]) assert.equal(count(), total(), 'an item was reported later');
    },
  },
  {
    id: 'BATCH-04',
    title: 'reports each key of a delete once, before the promise settles',
    sentence: '`onSettled` reports each item exactly once, before the promise settles.',
    level: 'core',
    needs: ['delete'],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(10);
      await storeAll(backend, new Map(all.slice(3).map((key) => [key, value(10)])));
      const deleted = reports();
      deleted.assertEqual(await backend.delete(all, deleted.options), 'delete');
    },
  },
  {
    id: 'BATCH-05',
    title: 'reports each item of a create once, those that exist among them',
    sentence: '`onSettled` reports each item exactly once, before the promise settles.',
    level: 'core',
    needs: ['create'],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(10);
      await storeAll(backend, new Map(all.slice(3, 6).map((key) => [key, value(10)])));
      const created = reports();
      const items = all.map((key) => ({ key, parts: [value(10)] }));
      const results = await backend.put(items, { ...created.options, mode: 'create' });
      created.assertEqual(results, 'put');
      assert.deepEqual(
        statusesOf(results),
        all.map((_, index) => (index >= 3 && index < 6 ? 'exists' : 'stored')),
      );
    },
  },
  {
    id: 'BATCH-06',
    title: 'one item that fails does not lose the others',
    sentence: 'Each item has its own result: one that fails does not lose the others.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(12);
      await storeAll(backend, new Map(all.map((key, index) => [key, value(1000, index)])));
      const tooSmall = new Set([0, 5, 6, 11]);
      const items = all.map((key, index) => ({ key, into: new Uint8Array(tooSmall.has(index) ? 999 : 1000) }));
      const results = await backend.get(items);
      assert.equal(results.length, 12);
      for (const [index, { into }] of items.entries()) {
        if (tooSmall.has(index)) {
          failure(results[index], 'BUFFER_TOO_SMALL', `item ${index}`);
          continue;
        }
        assert.equal(results[index]?.status, 'hit', `item ${index} answered ${seen(results[index])}`);
        assertBytes(into, value(1000, index), `item ${index}`);
      }
    },
  },
  {
    id: 'BATCH-07',
    title: 'takes more items than any limit on what is in flight',
    sentence: 'Each operation takes a batch and answers one result per item, in input order.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const base = key();
      const all = Array.from({ length: 1100 }, (_, index) => `${base}/${index}`);
      const values = new Map(
        all.filter((_, index) => index % 4 === 0).map((key, index) => [key, value(40 + index, index)]),
      );
      await storeAll(backend, values);
      const expected = all.map((key) => values.get(key)?.byteLength ?? 'miss');
      assert.deepEqual(lengthsOf(await backend.stat(all)), expected, 'stat of 1100 keys');
      const slab = new Uint8Array(1100 * 512);
      const items = all.map((key, index) => ({ key, into: slab.subarray(index * 512, (index + 1) * 512) }));
      assert.deepEqual(lengthsOf(await backend.get(items)), expected, 'get of 1100 items');
      for (const { key, into } of items) {
        const value = values.get(key);
        if (value !== undefined) assertBytes(into.subarray(0, value.byteLength), value, `get of ${key}`);
      }
    },
  },
  {
    id: 'BATCH-08',
    title: 'an onSettled that throws loses no result, and what it threw is an uncaught exception',
    sentence: 'What it throws is an uncaught exception, as in any event handler: it cannot lose a result.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(6);
      const values = new Map(all.map((key, index) => [key, value(200, index)]));
      const uncaught = await uncaughtDuring(async () => {
        const throwing = (index: number) => {
          throw new Error(`thrown by the case for item ${index}`);
        };
        const items = [...values].map(([key, value]) => ({ key, parts: [value] }));
        const results = await backend.put(items, { onSettled: throwing });
        assert.deepEqual(statusesOf(results), Array(6).fill('stored'), `put answered ${seen(results)}`);
        assert.deepEqual(lengthsOf(await backend.stat(all, { onSettled: throwing })), Array(6).fill(200), 'stat');
      });
      await assertAllStored(backend, values, 'after an onSettled that threw');
      assert.equal(
        uncaught.length,
        12,
        `of 12 exceptions, ${uncaught.length} were uncaught: ${seen(uncaught.map(String))}`,
      );
    },
  },
  {
    id: 'BATCH-09',
    title: 'may be called from onSettled, for what has settled',
    sentence: 'Called once per item, in order of completion, before the promise settles.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(10);
      const copies = keys(10);
      const values = new Map(all.map((key, index) => [key, value(300, index)]));
      await storeAll(backend, values);
      const items = all.map((key) => ({ key, into: new Uint8Array(300) }));
      const copying: Promise<void>[] = [];
      await backend.get(items, {
        onSettled: (index) => {
          copying.push(handled(store(backend, copies[index] ?? '', items[index]?.into ?? new Uint8Array(0))));
        },
      });
      assert.equal(copying.length, 10, `${copying.length} of 10 items were reported`);
      await Promise.all(copying);
      for (const [index, copy] of copies.entries()) {
        await assertStored(backend, copy, value(300, index), `the copy made as item ${index} settled`);
      }
    },
  },
];

/** Notes what `onSettled` is called with. */
function reports<Result extends { readonly status: string }>() {
  const reported = new Map<number, Result>();
  let count = 0;
  let expected = 0;
  let settled = false;
  return {
    options: {
      onSettled: (index: number, result: Result) => {
        assert.ok(!settled, `item ${index} was reported after the promise had settled`);
        count += 1;
        reported.set(index, result);
      },
    },
    count: () => count,
    total: () => expected,
    assertEqual(results: readonly Result[], operation: string) {
      settled = true;
      expected = results.length;
      assert.equal(count, expected, `${operation} reported ${count} times for ${expected} items`);
      for (const [index, result] of results.entries()) {
        assert.deepEqual(
          reported.get(index),
          result,
          `${operation} reported item ${index} as ${seen(reported.get(index))}`,
        );
      }
    },
  };
}

/** Catches the uncaught exceptions of this process while `run` runs. */
async function uncaughtDuring(run: () => Promise<void>): Promise<unknown[]> {
  const uncaught: unknown[] = [];
  // Test frameworks listen too, and would fail the run.
  const listeners = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (thrown) => {
    uncaught.push(thrown);
  });
  try {
    await run();
    await setImmediate();
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  return uncaught;
}
