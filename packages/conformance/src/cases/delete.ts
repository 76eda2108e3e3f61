import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';
import {
  assertAbsent,
  assertAllStored,
  assertStored,
  rejection,
  statusesOf,
  store,
  storeAll,
  untyped,
} from './support.ts';

/** What `delete` makes absent, and what it leaves. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'DEL-01',
    title: 'a key that was absent is deleted too, and one that a batch names twice',
    sentence: 'One that was absent is `deleted` too.',
    level: 'core',
    needs: ['delete'],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const [absent = '', held = ''] = keys(2);
      await store(backend, held, value(10));
      const results = await backend.delete([absent, held, held, absent]);
      assert.deepEqual(results, Array(4).fill({ status: 'deleted' }));
      assert.deepEqual(await backend.delete([held]), [{ status: 'deleted' }], 'the second delete of a key');
      await assertAbsent(backend, held, 'after the delete');
    },
  },
  {
    id: 'DEL-02',
    title: 'leaves every key that was not named, also those that begin alike',
    sentence: 'Makes each key absent.',
    level: 'core',
    needs: ['delete'],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const base = key();
      const names = ['/a', '/a1', '/a.', '/A', '/ab', '/b/a', '/b/a2', '/%61'];
      const values = new Map(names.map((name, index) => [base + name, value(20 + index, index)]));
      await storeAll(backend, values);
      for (const name of ['/a', '/b/a']) {
        await backend.delete([base + name]);
        values.delete(base + name);
        await assertAbsent(backend, base + name, 'after its delete');
      }
      await assertAllStored(backend, values, 'a key that was not deleted');
    },
  },
  {
    id: 'DEL-03',
    title: 'a key that was deleted may be put again, and is seen then',
    sentence: 'After `stored`, every later `stat` and `get` of the same backend sees it.',
    level: 'core',
    needs: ['delete'],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      for (let seed = 0; seed < 3; seed += 1) {
        await store(backend, stored, value(30 + seed, seed));
        await assertStored(backend, stored, value(30 + seed, seed), `put ${seed}`);
        assert.deepEqual(statusesOf(await backend.delete([stored])), ['deleted']);
        await assertAbsent(backend, stored, `delete ${seed}`);
      }
    },
  },
  {
    id: 'DEL-04',
    title: 'a key that was deleted may be created again',
    sentence: 'Makes each key absent.',
    level: 'core',
    needs: ['delete', 'create'],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(30, 1));
      await backend.delete([stored]);
      const results = await backend.put([{ key: stored, parts: [value(40, 2)] }], { mode: 'create' });
      assert.deepEqual(results, [{ status: 'stored' }]);
      await assertStored(backend, stored, value(40, 2), 'after the create');
    },
  },
  {
    id: 'DEL-05',
    title: 'deletes more keys than any store takes in one request',
    sentence: 'Each operation takes a batch and answers one result per item, in input order.',
    level: 'core',
    needs: ['delete'],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      // S3 takes 1,000.
      const base = key();
      const all = Array.from({ length: 1100 }, (_, index) => `${base}/${index}`);
      const held = all.filter((_, index) => index % 100 === 99);
      await storeAll(backend, new Map(held.map((key) => [key, value(4)])));
      const results = await backend.delete(all);
      assert.equal(results.length, 1100);
      assert.deepEqual([...new Set(statusesOf(results))], ['deleted']);
      assert.deepEqual([...new Set(statusesOf(await backend.stat(held)))], ['miss']);
    },
  },
  {
    id: 'DEL-06',
    title: 'refuses what is no batch of keys, and deletes nothing of it',
    sentence:
      'A promise rejects only for the call itself: INVALID_ARGUMENT, then NOT_OPEN, then UNSUPPORTED, all three before any I/O;',
    level: 'core',
    needs: ['delete'],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const held = key();
      await store(backend, held, value(10));
      for (const keys of [undefined, null, held, [held, ''], [held, undefined], [held, { key: held }]]) {
        await rejection(backend.delete(untyped(keys)), 'INVALID_ARGUMENT', 'delete with a wrong argument');
      }
      await assertStored(backend, held, value(10), 'after refused deletes');
    },
  },
];
