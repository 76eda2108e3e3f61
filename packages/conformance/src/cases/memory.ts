import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';
import {
  assertAllStored,
  assertBytes,
  assertMarked,
  assertStored,
  guarded,
  mark,
  seen,
  someTurns,
  store,
  storeAll,
} from './support.ts';

/** Whose memory it is, and until when. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'MEM-01',
    title: 'keeps nothing of the parts: they may be changed as soon as their item has settled',
    sentence: '`parts` are read only until their item settles.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(20);
      const items = all.map((key, index) => ({ key, parts: [value(3000, index), value(10, index)] }));
      const results = await backend.put(items, {
        onSettled: (index) => {
          for (const part of items[index]?.parts ?? []) mark(part);
        },
      });
      assert.ok(
        results.every((result) => result.status === 'stored'),
        `put answered ${seen(results)}`,
      );
      const expected = all.map((key, index) => [key, Buffer.concat([value(3000, index), value(10, index)])] as const);
      await assertAllStored(backend, new Map(expected), 'after its parts were changed');
    },
  },
  {
    id: 'MEM-02',
    title: 'does not change the parts',
    sentence: 'Borrowed, and not to be changed, until this item settles.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const slab = value(9000);
      await backend.put([
        { key: key(), parts: [slab.subarray(0, 4000), slab.subarray(4000, 4001), slab.subarray(5000)] },
      ]);
      await someTurns();
      assertBytes(slab, value(9000), 'the memory that parts were taken from');
    },
  },
  {
    id: 'MEM-03',
    title: 'writes no memory of an item after the item was reported',
    sentence:
      'The memory of an item is not written after its `onSettled`, and none is written after the promise settles, aborted calls included: an abort settles once the last writer is quiet.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(30);
      const values = new Map(
        all.filter((_, index) => index % 3 !== 2).map((key, index) => [key, value(20_000, index)]),
      );
      await storeAll(backend, values);
      // Hits, hits that do not fit, and misses.
      const lent = all.map((key, index) => ({ key, memory: guarded(index % 3 === 1 ? 15_000 : 20_000) }));
      await backend.get(
        lent.map(({ key, memory }) => ({ key, into: memory.into })),
        { onSettled: (index) => mark(lent[index]?.memory.into ?? new Uint8Array(0)) },
      );
      for (const [index, { memory }] of lent.entries())
        assertMarked(memory.into, `item ${index}, at the end of the call`);
      await someTurns();
      await assertAllStored(backend, values, 'after the memory was given back');
      for (const [index, { memory }] of lent.entries()) {
        assertMarked(memory.into, `item ${index}, some turns later`);
        memory.assertUntouched(`item ${index}`);
      }
    },
  },
  {
    id: 'MEM-04',
    title: 'gives bytes away, not its own memory: who changes them changes no value',
    sentence: 'Lent until this item settles.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(5000));
      for (const { into } of [guarded(5000), guarded(5000, 'shared')]) {
        await backend.get([{ key: stored, into }]);
        mark(into);
        await assertStored(backend, stored, value(5000), 'after the memory of a get was changed');
      }
    },
  },
  {
    id: 'MEM-05',
    title: 'leaves items and parts as the caller made them, frozen ones too',
    sentence: 'The value, as a gather list that is never joined.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      const parts = Object.freeze([value(100, 1), value(100, 2)]);
      const puts = Object.freeze([Object.freeze({ key: stored, parts })]);
      const results = await backend.put(puts, Object.freeze({}));
      assert.deepEqual(results, [{ status: 'stored' }], `put answered ${seen(results)}`);
      const into = new Uint8Array(200);
      const gets = Object.freeze([Object.freeze({ key: stored, into })]);
      const [got] = await backend.get(gets, Object.freeze({}));
      assert.equal(got?.status, 'hit', `get answered ${seen(got)}`);
      assertBytes(into, Buffer.concat(parts), 'the value');
      const [found] = await backend.stat(Object.freeze([stored]), Object.freeze({}));
      assert.equal(found?.status, 'hit', `stat answered ${seen(found)}`);
    },
  },
];
