import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { PutResult } from '@kvferry/core';
import type { ConformanceCase } from '../case.ts';
import {
  assertAbsent,
  assertBytes,
  assertListed,
  assertStored,
  handled,
  lengthsOf,
  listed,
  rejection,
  sameBytes,
  seen,
  statusesOf,
  store,
  untyped,
} from './support.ts';

/** What `put` stores, and when it can be seen. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'PUT-01',
    title: 'stores the parts of a gather list one after another, empty ones among them',
    sentence: 'The value, as a gather list that is never joined.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const whole = value(10_000);
      const cuts = [0, 0, 1, 1, 1, 4096, 8192, 9999, 9999, 10_000, 10_000];
      const parts = cuts.slice(1).map((end, index) => whole.slice(cuts[index], end));
      const stored = key();
      assert.deepEqual(await backend.put([{ key: stored, parts }]), [{ status: 'stored' }]);
      await assertStored(backend, stored, whole, `a value of ${parts.length} parts`);
    },
  },
  {
    id: 'PUT-02',
    title: 'stores a value of no part, and one of empty parts, as empty values',
    sentence: 'The value, as a gather list that is never joined.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys }) {
      const backend = await open();
      const [none = '', empty = ''] = keys(2);
      const results = await backend.put([
        { key: none, parts: [] },
        { key: empty, parts: [new Uint8Array(0), new Uint8Array(0)] },
      ]);
      assert.deepEqual(statusesOf(results), ['stored', 'stored'], `put answered ${seen(results)}`);
      assert.deepEqual(lengthsOf(await backend.stat([none, empty])), [0, 0]);
      await assertStored(backend, none, new Uint8Array(0), 'a value of no part');
      await assertStored(backend, empty, new Uint8Array(0), 'a value of empty parts');
    },
  },
  {
    id: 'PUT-03',
    title: 'stores a value of thousands of parts',
    sentence: 'The value, as a gather list that is never joined.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      // More than the 1,024 that Linux takes in one call.
      const whole = value(2500 * 17);
      const parts = Array.from({ length: 2500 }, (_, index) => whole.subarray(index * 17, (index + 1) * 17));
      const stored = key();
      assert.deepEqual(await backend.put([{ key: stored, parts }]), [{ status: 'stored' }]);
      await assertStored(backend, stored, whole, 'a value of 2500 parts');
    },
  },
  {
    id: 'PUT-04',
    title: 'stores of a view what the view shows, wherever it lies in its memory',
    sentence: 'The value, as a gather list that is never joined.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const slab = value(5000);
      const parts = [slab.subarray(1, 8), Buffer.from(slab.buffer, 333, 1000), slab.subarray(4001, 5000)];
      const stored = key();
      assert.deepEqual(await backend.put([{ key: stored, parts }]), [{ status: 'stored' }]);
      const expected = new Uint8Array([...slab.slice(1, 8), ...slab.slice(333, 1333), ...slab.slice(4001)]);
      await assertStored(backend, stored, expected, 'a value of three views');
    },
  },
  {
    id: 'PUT-05',
    title: 'stores parts of shared memory like parts of private memory',
    sentence: 'Views on private memory and on `SharedArrayBuffer` are taken alike.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const shared = new Uint8Array(new SharedArrayBuffer(70_000));
      shared.set(value(70_000, 1));
      const parts = [shared.subarray(3, 69_000), value(500, 2), shared.subarray(69_000)];
      const stored = key();
      assert.deepEqual(await backend.put([{ key: stored, parts }]), [{ status: 'stored' }]);
      const expected = Buffer.concat([
        value(70_000, 1).slice(3, 69_000),
        value(500, 2),
        value(70_000, 1).slice(69_000),
      ]);
      await assertStored(backend, stored, expected, 'a value of shared and private parts');
    },
  },
  {
    id: 'PUT-06',
    title: 'stores a value of several MiB whole',
    sentence:
      'Writes each value whole or not at all: a reader sees the old value or the new one, and after a failure the old one.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value, capabilities }) {
      const backend = await open();
      const stored = key();
      const whole = value(Math.min(9 * 1024 * 1024 + 1, capabilities.limits.maxValueBytes));
      await store(backend, stored, whole);
      await assertStored(backend, stored, whole, `a value of ${whole.byteLength} bytes`);
      // What is stored in pieces is as long as all of them.
      assert.deepEqual(lengthsOf(await backend.stat([stored])), [whole.byteLength], 'stat of the value');
      if (!capabilities.list) return;
      assertListed(await listed(backend.list({ prefix: stored })), new Map([[stored, whole.byteLength]]));
    },
  },
  {
    id: 'PUT-07',
    title: 'replaces a value by a longer and by a shorter one',
    sentence: 'Default: `replace`.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      for (const [seed, byteLength] of [500, 5000, 50, 50].entries()) {
        await store(backend, stored, value(byteLength, seed));
        await assertStored(backend, stored, value(byteLength, seed), `put ${seed} of one key`);
      }
      const results = await backend.put([{ key: stored, parts: [value(70, 9)] }], { mode: 'replace' });
      assert.deepEqual(results, [{ status: 'stored' }], `put with mode 'replace' answered ${seen(results)}`);
      await assertStored(backend, stored, value(70, 9), "after mode 'replace'");
    },
  },
  {
    id: 'PUT-08',
    title: 'shows a value to stat and get from the moment that it is reported as stored',
    sentence: 'After `stored`, every later `stat` and `get` of the same backend sees it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(20);
      await backend.stat(all);
      const looks: Promise<void>[] = [];
      await backend.put(
        all.map((key, index) => ({ key, parts: [value(300 + index, index)] })),
        {
          onSettled: (index, result) => {
            if (result.status !== 'stored') return;
            const key = all[index] ?? '';
            looks.push(
              handled(assertStored(backend, key, value(300 + index, index), `item ${index}, just reported`)),
              handled(backend.stat([key]).then((found) => assert.deepEqual(lengthsOf(found), [300 + index]))),
            );
          },
        },
      );
      assert.equal(looks.length, 40, `${looks.length / 2} of 20 items were reported as stored`);
      await Promise.all(looks);
    },
  },
  {
    id: 'PUT-09',
    title: 'a reader sees the old value or the new one while a value is replaced, and both whole',
    sentence:
      'Writes each value whole or not at all: a reader sees the old value or the new one, and after a failure the old one.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value, signal }) {
      const backend = await open();
      const stored = key();
      const versions = Array.from({ length: 6 }, (_, seed) => value(200_000 + seed * 1000, seed));
      await store(backend, stored, versions[0] ?? new Uint8Array(0));
      let writing = true;
      const into = new Uint8Array(300_000);
      const readers = Array.from({ length: 3 }, async (_, reader) => {
        const own = reader === 0 ? into : new Uint8Array(300_000);
        while (writing && !signal.aborted) {
          const [result] = await backend.get([{ key: stored, into: own }]);
          assert.equal(result?.status, 'hit', `a reader was answered ${seen(result)}`);
          const found = own.subarray(0, result.byteLength);
          const whole = versions.some((version) => sameBytes(version, found));
          assert.ok(whole, `a reader saw ${result.byteLength} bytes that are no value put here`);
          await backend.stat([stored]);
          // Without a turn of the event loop, a backend that reads without I/O would never let the writer go on.
          await setImmediate();
        }
      });
      const writer = (async () => {
        try {
          for (const version of versions.slice(1)) await store(backend, stored, version);
        } finally {
          writing = false;
        }
      })();
      await Promise.all([writer, ...readers]);
      await assertStored(backend, stored, versions[5] ?? new Uint8Array(0), 'after the last put');
    },
  },
  {
    id: 'PUT-10',
    title: 'a reader sees nothing or the whole value while it is put for the first time',
    sentence: 'So repeating a put is safe, and reading while a put runs gives the value whole or a miss, never a part.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value, signal, capabilities }) {
      const backend = await open();
      const { maxValueBytes } = capabilities.limits;
      for (const [index, key] of keys(4).entries()) {
        // The last has more than a piece, where values are stored in pieces of a MiB.
        const whole = value(Math.min(index < 3 ? 500_000 : 2_500_000, maxValueBytes));
        let writing = true;
        const into = new Uint8Array(whole.byteLength + 100_000);
        const reader = (async () => {
          while (writing && !signal.aborted) {
            await setImmediate();
            const [result] = await backend.get([{ key, into }]);
            if (result?.status === 'miss') continue;
            assert.equal(result?.status, 'hit', `a reader was answered ${seen(result)}`);
            assertBytes(into.subarray(0, result.byteLength), whole, 'a reader during the first put');
          }
        })();
        const writer = store(backend, key, whole).finally(() => {
          writing = false;
        });
        await Promise.all([writer, reader]);
        await assertStored(backend, key, whole, 'after the put');
      }
    },
  },
  {
    id: 'PUT-11',
    title: 'puts of one key at once leave one of the values, whole',
    sentence:
      'Writes each value whole or not at all: a reader sees the old value or the new one, and after a failure the old one.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      const versions = Array.from({ length: 8 }, (_, seed) => value(50_000 + seed * 777, seed));
      await Promise.all(versions.map((version) => store(backend, stored, version)));
      const into = new Uint8Array(100_000);
      const [result] = await backend.get([{ key: stored, into }]);
      assert.equal(result?.status, 'hit', `get answered ${seen(result)}`);
      const found = into.subarray(0, result.byteLength);
      const whole = versions.some((version) => sameBytes(version, found));
      assert.ok(whole, `${result.byteLength} bytes are stored that are none of the values`);
    },
  },
  {
    id: 'PUT-12',
    title: 'a key that a batch names more than once is stored each time, and holds one of the values, whole',
    sentence: 'One batch may name a key more than once.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      const versions = [value(4000, 1), value(3000, 2), value(5000, 3)];
      const results = await backend.put(versions.map((version) => ({ key: stored, parts: [version] })));
      assert.deepEqual(statusesOf(results), ['stored', 'stored', 'stored'], `put answered ${seen(results)}`);
      const into = new Uint8Array(5000);
      const [result] = await backend.get([{ key: stored, into }]);
      assert.equal(result?.status, 'hit', `get answered ${seen(result)}`);
      const found = into.subarray(0, result.byteLength);
      const whole = versions.some((version) => sameBytes(version, found));
      assert.ok(whole, `${result.byteLength} bytes are stored that are none of the values`);
    },
  },
  {
    id: 'PUT-13',
    title: 'repeats a put of the same bytes without harm',
    sentence: 'So repeating a put is safe, and reading while a put runs gives the value whole or a miss, never a part.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      for (let time = 0; time < 3; time += 1) await store(backend, stored, value(2000));
      await Promise.all([store(backend, stored, value(2000)), store(backend, stored, value(2000))]);
      await assertStored(backend, stored, value(2000), 'after five puts of the same bytes');
    },
  },
  {
    id: 'PUT-14',
    title: 'of many who create a key at once, one is answered stored and the rest exists',
    sentence: '`put` with mode `create`: of many writers of one key, one is answered `stored` and the rest `exists`.',
    level: 'core',
    needs: ['create'],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      for (const key of keys(3)) {
        const writers = Array.from({ length: 12 }, (_, seed) =>
          backend.put([{ key, parts: [value(20_000, seed)] }], { mode: 'create' }),
        );
        const results = (await Promise.all(writers)).map(([result]) => result as PutResult);
        assertOneStored(results);
        const winner = results.findIndex((result) => result.status === 'stored');
        await assertStored(backend, key, value(20_000, winner), `after writer ${winner} was answered stored`);
      }
    },
  },
  {
    id: 'PUT-15',
    title: 'of many items of one batch that create a key, one is answered stored and the rest exists',
    sentence: '`put` with mode `create`: of many writers of one key, one is answered `stored` and the rest `exists`.',
    level: 'core',
    needs: ['create'],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      const items = Array.from({ length: 12 }, (_, seed) => ({ key: stored, parts: [value(2000, seed)] }));
      const results = await backend.put(items, { mode: 'create' });
      assertOneStored(results);
      const winner = results.findIndex((result) => result.status === 'stored');
      await assertStored(backend, stored, value(2000, winner), `after item ${winner} was answered stored`);
    },
  },
  {
    id: 'PUT-16',
    title: 'creates what is absent beside what is there, item by item',
    sentence: '`create` keeps what is there and answers `exists`; it needs `capabilities.create`.',
    level: 'core',
    needs: ['create'],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const [held = '', absent = '', empty = ''] = keys(3);
      await store(backend, held, value(100, 1));
      await store(backend, empty, new Uint8Array(0));
      const items = [held, absent, empty].map((key) => ({ key, parts: [value(200, 2)] }));
      assert.deepEqual(statusesOf(await backend.put(items, { mode: 'create' })), ['exists', 'stored', 'exists']);
      await assertStored(backend, held, value(100, 1), 'a value that was there');
      await assertStored(backend, absent, value(200, 2), 'a value that was not there');
      await assertStored(backend, empty, new Uint8Array(0), 'an empty value that was there');
    },
  },
  {
    id: 'PUT-17',
    title: 'refuses what is no batch of items with parts, and stores nothing of it',
    sentence:
      'A promise rejects only for the call itself: INVALID_ARGUMENT, then NOT_OPEN, then UNSUPPORTED, all three before any I/O;',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const [absent = '', held = ''] = keys(2);
      await store(backend, held, value(100));
      const good = { key: held, parts: [value(50, 2)] };
      const wrong: readonly unknown[] = [
        undefined,
        null,
        good,
        [good, undefined],
        [good, null],
        [good, absent],
        [good, { key: absent }],
        [good, { parts: [value(10)] }],
        [good, { key: absent, parts: null }],
        [good, { key: absent, parts: value(10) }],
        [good, { key: absent, parts: [value(10), undefined] }],
        [good, { key: absent, parts: ['text'] }],
        [good, { key: absent, parts: [value(10).buffer] }],
        [good, { key: absent, parts: [new DataView(new ArrayBuffer(10))] }],
        [good, { key: absent, parts: [new Uint16Array(10)] }],
      ];
      for (const [index, items] of wrong.entries()) {
        await rejection(backend.put(untyped(items)), 'INVALID_ARGUMENT', `put with wrong argument ${index}`);
      }
      for (const mode of ['append', '', 1, true]) {
        const call = backend.put([good], { mode: untyped(mode) });
        await rejection(call, 'INVALID_ARGUMENT', `put with mode ${seen(mode)}`);
      }
      await assertAbsent(backend, absent, 'after refused puts');
      await assertStored(backend, held, value(100), 'after refused puts');
    },
  },
  {
    id: 'PUT-18',
    title: 'stores the bytes as they are',
    sentence:
      'Writes each value whole or not at all: a reader sees the old value or the new one, and after a failure the old one.',
    level: 'core',
    needs: ['rawRead'],
    since: '1.0.0',
    async run({ open, keys, value, rawRead }) {
      const backend = await open();
      const [stored = '', empty = '', absent = ''] = keys(3);
      const put = await backend.put([{ key: stored, parts: [value(700, 1), value(0), value(300, 2)] }]);
      assert.deepEqual(put, [{ status: 'stored' }]);
      await store(backend, empty, new Uint8Array(0));
      const found = await rawRead(stored);
      assert.ok(found !== undefined, 'nothing is stored under the key');
      assertBytes(found, Buffer.concat([value(700, 1), value(300, 2)]), 'what is stored');
      assert.equal((await rawRead(empty))?.byteLength, 0, 'what is stored of an empty value');
      assert.equal(await rawRead(absent), undefined, 'something is stored under a key that was never put');
    },
  },
  {
    id: 'PUT-19',
    title: 'replaces a bad object',
    sentence:
      'Writes each value whole or not at all: a reader sees the old value or the new one, and after a failure the old one.',
    level: 'core',
    needs: ['rawWrite'],
    since: '1.0.0',
    async run({ open, keys, value, rawWrite }) {
      const backend = await open();
      const [short = '', long = '', empty = ''] = keys(3);
      await rawWrite(short, value(500, 2));
      await rawWrite(long, value(2000, 3));
      await rawWrite(empty, new Uint8Array(0));
      for (const key of [short, long, empty]) {
        await backend.get([{ key, into: new Uint8Array(1000) }]);
        await store(backend, key, value(1000));
        await assertStored(backend, key, value(1000), 'after the put over a bad object');
      }
    },
  },
];

function assertOneStored(results: readonly PutResult[]): void {
  const stored = results.filter((result) => result.status === 'stored').length;
  const exists = results.filter((result) => result.status === 'exists').length;
  assert.equal(stored, 1, `${stored} of ${results.length} creates of one key were answered stored: ${seen(results)}`);
  assert.equal(exists, results.length - 1, `${exists} of ${results.length} were answered exists: ${seen(results)}`);
}
