import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';
import { assertAbsent, assertStored, lengthsOf, statusesOf, store } from './support.ts';

/** What `stat` says of keys. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'STAT-01',
    title: 'the length of what was put, in all its parts',
    sentence: 'Says for each key whether it is there, and how long its value is, without reading it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      const put = await backend.put([{ key: stored, parts: [value(1000, 1), value(0), value(24, 2)] }]);
      assert.deepEqual(put, [{ status: 'stored' }]);
      const [result] = await backend.stat([stored]);
      assert.equal(result?.status, 'hit');
      assert.equal(result.byteLength, 1024);
    },
  },
  {
    id: 'STAT-02',
    title: 'an absent key is a miss, and hits around it keep their places',
    sentence: 'Each operation takes a batch and answers one result per item, in input order.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const [first = '', absent = '', last = ''] = keys(3);
      await backend.put([
        { key: first, parts: [value(10)] },
        { key: last, parts: [value(20)] },
      ]);
      const results = await backend.stat([first, absent, last]);
      assert.deepEqual(lengthsOf(results), [10, 'miss', 20]);
    },
  },
  {
    id: 'STAT-03',
    title: 'access denied is an error of each item, not a miss',
    sentence: 'Never an error; and an error is never a miss.',
    level: 'network',
    needs: ['denied'],
    since: '1.0.0',
    async run({ provoke, keys }) {
      const backend = await provoke('denied');
      const results = await backend.stat(keys(2));
      for (const result of results) {
        assert.equal(result.status, 'failed');
        assert.equal(result.error.code, 'PERMISSION_DENIED');
      }
    },
  },
  {
    id: 'STAT-04',
    title: 'an empty value is a hit of 0 bytes, not a miss',
    sentence: 'Says for each key whether it is there, and how long its value is, without reading it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key }) {
      const backend = await open();
      const empty = key();
      await store(backend, empty, new Uint8Array(0));
      const results = await backend.stat([empty]);
      assert.deepEqual(lengthsOf(results), [0]);
    },
  },
  {
    id: 'STAT-05',
    title: 'a miss is not remembered once the key was put',
    sentence: 'After `stored`, every later `stat` and `get` of the same backend sees it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const late = key();
      await assertAbsent(backend, late, 'before the put');
      await store(backend, late, value(100));
      const results = await backend.stat([late]);
      assert.deepEqual(lengthsOf(results), [100]);
      await assertStored(backend, late, value(100), 'after the put of a key that was a miss');
    },
  },
  {
    id: 'STAT-06',
    title: 'a length is not remembered once the value was replaced',
    sentence: 'After `stored`, every later `stat` and `get` of the same backend sees it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const grown = key();
      for (const byteLength of [100, 300, 10]) {
        await store(backend, grown, value(byteLength));
        const results = await backend.stat([grown]);
        assert.deepEqual(lengthsOf(results), [byteLength]);
      }
    },
  },
  {
    id: 'STAT-07',
    title: 'a key that a batch names more than once is answered each time',
    sentence: 'One batch may name a key more than once.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const [there = '', absent = ''] = keys(2);
      await store(backend, there, value(50));
      const results = await backend.stat([there, absent, there, absent, there]);
      assert.deepEqual(statusesOf(results), ['hit', 'miss', 'hit', 'miss', 'hit']);
    },
  },
];
