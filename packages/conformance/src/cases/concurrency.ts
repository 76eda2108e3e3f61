import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { Key, RemoteBackend } from '@kvferry/core';
import type { CaseContext, ConformanceCase } from '../case.ts';
import {
  assertAllStored,
  assertBytes,
  assertListed,
  entriesOf,
  handled,
  lengthsOf,
  randomNumbers,
  seen,
  statusesOf,
  storeAll,
} from './support.ts';

/** Many calls at once. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'CONC-01',
    title: 'agrees with a model under mixed operations on many keys at once',
    sentence: 'After `stored`, every later `stat` and `get` of the same backend sees it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const keys = context.keys(16);
      await Promise.all(keys.map((key, index) => liveOneKey(context, backend, key, index)));
    },
  },
  {
    id: 'CONC-02',
    title: 'answers many calls at once, each with its own results in its own memory',
    sentence: 'Each operation takes a batch and answers one result per item, in input order.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const values = new Map(keys(32).map((key, index) => [key, value(900 + index, index)]));
      await storeAll(backend, values);
      const all = [...values];
      const numbers = randomNumbers(7);
      const calls = Array.from({ length: 120 }, async () => {
        const chosen = Array.from({ length: 1 + numbers(6) }, () => all[numbers(all.length)] as [Key, Uint8Array]);
        const items = chosen.map(([key]) => ({ key, into: new Uint8Array(1000) }));
        const expected = chosen.map(([, value]) => value.byteLength);
        const [gets, stats] = await Promise.all([backend.get(items), backend.stat(chosen.map(([key]) => key))]);
        assert.deepEqual(lengthsOf(gets), expected, 'get, beside 119 others');
        assert.deepEqual(lengthsOf(stats), expected, 'stat, beside 119 others');
        for (const [index, { into }] of items.entries()) {
          const [key, value] = chosen[index] as [Key, Uint8Array];
          assertBytes(into.subarray(0, value.byteLength), value, `get of ${key}, beside 119 others`);
        }
      });
      await Promise.all(calls);
    },
  },
  {
    id: 'CONC-03',
    title: 'stores what many calls put at once',
    sentence: 'After `stored`, every later `stat` and `get` of the same backend sees it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const values = new Map(keys(100).map((key, index) => [key, value(700 + index, index)]));
      const results = await Promise.all([...values].map(([key, value]) => backend.put([{ key, parts: [value] }])));
      assert.deepEqual([...new Set(statusesOf(results.flat()))], ['stored'], seen(results.flat()));
      await assertAllStored(backend, values, 'after 100 puts at once');
    },
  },
  {
    id: 'CONC-04',
    title: 'gives a value to many who read it at once',
    sentence: 'Reads each value into the memory lent for it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await storeAll(backend, new Map([[stored, value(40_000)]]));
      const readers = Array.from({ length: 60 }, async (_, reader) => {
        const into = new Uint8Array(40_000);
        assert.deepEqual(lengthsOf(await backend.get([{ key: stored, into }])), [40_000]);
        assertBytes(into, value(40_000), `reader ${reader} of 60`);
      });
      await Promise.all(readers);
    },
  },
  {
    id: 'CONC-05',
    title: 'lists keys that rest while others come and go',
    sentence: 'Lists keys with the length of their values, page by page as the caller iterates, in no promised order.',
    level: 'core',
    needs: ['list', 'delete'],
    since: '1.0.0',
    async run({ open, key, value, signal }) {
      const backend = await open();
      const base = `${key()}/`;
      const resting = new Map(Array.from({ length: 60 }, (_, index) => [`${base}rest/${index}`, value(20 + index)]));
      const passing = Array.from({ length: 20 }, (_, index) => `${base}pass/${index}`);
      await storeAll(backend, resting);
      let listing = true;
      const churn = handled(
        (async () => {
          do {
            await storeAll(backend, new Map(passing.map((key) => [key, value(9)])));
            await setImmediate();
            await backend.delete(passing);
            await setImmediate();
          } while (listing && !signal.aborted);
        })(),
      );
      const listings = Array.from({ length: 4 }, async () => {
        const found = new Map<Key, number>();
        for await (const { key, byteLength } of backend.list({ prefix: base })) {
          // One that is deleted and put again meanwhile may come twice.
          if (passing.includes(key)) continue;
          assert.equal(byteLength, resting.get(key)?.byteLength, `${key} is listed with ${byteLength} bytes`);
          assert.ok(!found.has(key), `the listing names ${key}, which rested, twice`);
          found.set(key, byteLength);
        }
        return found;
      });
      try {
        for (const found of await Promise.all(listings)) assertListed(found, entriesOf(resting));
      } finally {
        listing = false;
      }
      await churn;
    },
  },
];

/** Puts, reads, asks for and deletes one key by turns; after each call it must be what the model says. */
export async function liveOneKey(
  { capabilities, value }: CaseContext,
  backend: RemoteBackend,
  key: Key,
  seed: number,
  steps = 24,
): Promise<void> {
  const numbers = randomNumbers(seed);
  let held: Uint8Array | undefined;
  const into = new Uint8Array(4000);
  for (let step = 0; step < steps; step += 1) {
    const where = `step ${step} on ${key}`;
    switch (numbers(5)) {
      case 0: {
        const next = value(numbers(4000), seed * 100 + step);
        const [result] = await backend.put([{ key, parts: [next.subarray(0, 10), next.subarray(10)] }]);
        assert.equal(result?.status, 'stored', `${where}: put answered ${seen(result)}`);
        held = next;
        break;
      }
      case 1: {
        if (!capabilities.create) break;
        const next = value(numbers(4000), seed * 100 + step);
        const [result] = await backend.put([{ key, parts: [next] }], { mode: 'create' });
        assert.equal(
          result?.status,
          held === undefined ? 'stored' : 'exists',
          `${where}: create answered ${seen(result)}`,
        );
        held ??= next;
        break;
      }
      case 2: {
        if (!capabilities.delete) break;
        const [result] = await backend.delete([key]);
        assert.equal(result?.status, 'deleted', `${where}: delete answered ${seen(result)}`);
        held = undefined;
        break;
      }
      case 3: {
        const results = await backend.stat([key]);
        assert.deepEqual(lengthsOf(results), [held?.byteLength ?? 'miss'], `${where}: stat`);
        break;
      }
      default: {
        const results = await backend.get([{ key, into }]);
        assert.deepEqual(lengthsOf(results), [held?.byteLength ?? 'miss'], `${where}: get`);
        if (held !== undefined) assertBytes(into.subarray(0, held.byteLength), held, where);
      }
    }
  }
}
