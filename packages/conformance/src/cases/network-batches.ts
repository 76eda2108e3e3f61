import assert from 'node:assert/strict';
import type { ErrorCode, RemoteBackend } from '@kvferry/core';
import type { CaseContext, ConformanceCase } from '../case.ts';
import type { WireFault } from '../proxy/types.ts';
import { assertFailed } from './network-support.ts';
import { assertAllStored, assertBytes, seen, store, storeAll } from './support.ts';

const ONE_FAILS = 'Each item has its own result: one that fails does not lose the others.';
const REPORTED = '`onSettled` reports each item exactly once, before the promise settles.';
const ITEM_BYTES = 20_000;
const ITEMS = 12;

/** What one disturbed item does to the others of its batch. */
export const cases: readonly ConformanceCase[] = [
  oneDisturbed('NET-BATCH-01', 'get', { kind: 'reset', direction: 'down', afterBytes: 1 }, 'CONNECTION'),
  oneDisturbed('NET-BATCH-02', 'get', { kind: 'reset', direction: 'down', afterBytes: ITEM_BYTES / 2 }, 'CONNECTION'),
  oneDisturbed('NET-BATCH-03', 'get', { kind: 'stall', direction: 'down', afterBytes: ITEM_BYTES / 2 }, 'TIMEOUT'),
  oneDisturbed('NET-BATCH-04', 'put', { kind: 'reset', direction: 'up', afterBytes: ITEM_BYTES / 2 }, 'CONNECTION'),
  oneDisturbed('NET-BATCH-05', 'stat', { kind: 'reset', direction: 'down', afterBytes: 1 }, 'CONNECTION'),
  {
    id: 'NET-BATCH-06',
    title: 'a batch of which everything fails answers and reports each item, and does not reject',
    sentence: REPORTED,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, open, capabilities }) {
      const backend = await open();
      const all = keys(30);
      proxy.inject({ kind: 'refuse' });
      const reports: [number, string][][] = [[], [], [], []];
      const report = (which: number) => (index: number, result: { readonly status: string }) => {
        reports[which]?.push([index, result.status]);
      };
      const batches: Promise<readonly { readonly status: string }[]>[] = [
        backend.stat(all, { onSettled: report(0) }),
        backend.get(
          all.map((key) => ({ key, into: new Uint8Array(10) })),
          { onSettled: report(1) },
        ),
        backend.put(
          all.map((key) => ({ key, parts: [new Uint8Array(10)] })),
          { onSettled: report(2) },
        ),
      ];
      if (capabilities.delete) batches.push(backend.delete(all, { onSettled: report(3) }));
      for (const [which, results] of (await Promise.all(batches)).entries()) {
        for (const result of results) assertFailed(result, ['CONNECTION'], `item of batch ${which}`);
        const indexes = (reports[which] ?? []).map(([index]) => index).sort((one, other) => one - other);
        assert.deepEqual(indexes, [...all.keys()], `what batch ${which} reported`);
      }
    },
  },
  {
    id: 'NET-BATCH-07',
    title: 'a failed item is reported with the error that the answer carries',
    sentence: REPORTED,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, open }) {
      const backend = await open();
      const all = keys(3);
      proxy.inject({ kind: 'reset', direction: 'down', afterBytes: 0 });
      const reported = new Map<number, unknown>();
      const results = await backend.stat(all, { onSettled: (index, result) => reported.set(index, result) });
      for (const [index, result] of results.entries()) {
        const error = assertFailed(result, ['CONNECTION'], `item ${index}`);
        assert.equal(error.key, all[index], `the error of item ${index} names another key`);
        assert.deepEqual(reported.get(index), result, `what was reported of item ${index}`);
      }
    },
  },
];

/** A batch of which the fault strikes one request: it may be made again, or its item fails. */
function oneDisturbed(
  id: string,
  operation: 'stat' | 'get' | 'put',
  fault: WireFault & { readonly direction: 'up' | 'down' },
  code: ErrorCode,
): ConformanceCase {
  const what = fault.kind === 'stall' ? 'stalled' : 'reset';
  return {
    id,
    title: `${operation} of ${ITEMS} items of which one is ${what} ${placeOf(fault)} answers the others, each reported once`,
    sentence: ONE_FAILS,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, open } = context;
      const backend = await open();
      const { run, verify, speaksHttp } = await batchOf(context, backend, operation);
      proxy.inject(fault, 1);
      const reported: number[] = [];
      let settled = false;
      const results = await run((index) => {
        assert.ok(!settled, `item ${index} was reported after the promise had settled`);
        reported.push(index);
      });
      settled = true;
      proxy.clear();
      assert.equal(results.length, ITEMS, `${ITEMS} items were answered by ${results.length} results`);
      assert.deepEqual(
        reported.toSorted((one, other) => one - other),
        [...results.keys()],
        'the items that were reported',
      );
      const failures = results.filter(({ status }) => status === 'failed');
      for (const failure of failures) assertFailed(failure, [code], `the disturbed item of ${operation}`);
      // Of a protocol with many items on one connection, all that are on it are disturbed.
      if (speaksHttp()) assert.ok(failures.length <= 1, `one request was ${what}, and ${failures.length} items failed`);
      await verify(results);
    },
  };
}

function placeOf(fault: WireFault): string {
  return 'afterBytes' in fault && fault.afterBytes > 1 ? 'midway' : 'as its answer begins';
}

interface PreparedBatch {
  run(onSettled: (index: number) => void): Promise<readonly { readonly status: string }[]>;
  /** Fails unless every item that did not fail has what it should. */
  verify(results: readonly { readonly status: string }[]): Promise<void>;
  speaksHttp(): boolean;
}

async function batchOf(
  { proxy, keys, value }: CaseContext,
  backend: RemoteBackend,
  operation: 'stat' | 'get' | 'put',
): Promise<PreparedBatch> {
  const values = new Map(keys(ITEMS).map((key, index) => [key, value(ITEM_BYTES, index)]));
  const all = [...values.keys()];
  const speaksHttp = (): boolean => proxy.counts.requests > 0;
  if (operation === 'put') {
    const items = [...values].map(([key, bytes]) => ({ key, parts: [bytes] }));
    return {
      speaksHttp,
      run: (onSettled) => backend.put(items, { onSettled }),
      async verify(results) {
        const stored = [...values].filter((_, index) => results[index]?.status === 'stored');
        await assertAllStored(backend, new Map(stored), 'of the disturbed put');
        for (const [index, [key, bytes]] of [...values].entries()) {
          if (results[index]?.status === 'failed') await store(backend, key, bytes);
        }
        await assertAllStored(backend, values, 'after the put');
      },
    };
  }
  await storeAll(backend, values);
  if (operation === 'stat') {
    return {
      speaksHttp,
      run: (onSettled) => backend.stat(all, { onSettled }),
      async verify(results) {
        for (const [index, result] of results.entries()) {
          if (result.status === 'failed') continue;
          assert.equal(result.status, 'hit', `item ${index} answered ${seen(result)}`);
          const { byteLength } = result as unknown as { readonly byteLength: number };
          assert.equal(byteLength, ITEM_BYTES, `the length of item ${index}`);
        }
      },
    };
  }
  const items = all.map((key) => ({ key, into: new Uint8Array(ITEM_BYTES) }));
  return {
    speaksHttp,
    run: (onSettled) => backend.get(items, { onSettled }),
    async verify(results) {
      for (const [index, result] of results.entries()) {
        if (result.status === 'failed') continue;
        assert.equal(result.status, 'hit', `item ${index} answered ${seen(result)}`);
        const { key, into } = items[index] ?? { key: '', into: new Uint8Array(0) };
        assertBytes(into, values.get(key), `item ${index}`);
      }
    },
  };
}
