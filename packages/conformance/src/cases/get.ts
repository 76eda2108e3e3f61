import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';
import {
  assertAllStored,
  assertBytes,
  assertMarked,
  assertStored,
  failure,
  guarded,
  lengthsOf,
  mark,
  rejection,
  seen,
  someTurns,
  store,
  storeAll,
  untyped,
} from './support.ts';

/** What `get` writes into the memory lent to it, and what it does not. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'GET-01',
    title: 'fills memory of exactly the length, and writes no byte around it',
    sentence: 'Nothing outside `into` is written.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(1000));
      const memory = guarded(1000);
      assert.deepEqual(lengthsOf(await backend.get([{ key: stored, into: memory.into }])), [1000]);
      assertBytes(memory.into, value(1000), 'the value');
      memory.assertUntouched('get of 1000 bytes into 1000');
    },
  },
  {
    id: 'GET-02',
    title: 'puts a shorter value at the start of the memory, and says how long it is',
    sentence: 'Length of the value: the first `byteLength` bytes of `into` hold it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(1000));
      const memory = guarded(5000);
      assert.deepEqual(lengthsOf(await backend.get([{ key: stored, into: memory.into }])), [1000]);
      assertBytes(memory.into.subarray(0, 1000), value(1000), 'the value');
      memory.assertUntouched('get of 1000 bytes into 5000');
    },
  },
  {
    id: 'GET-03',
    title: 'refuses memory that is one byte too short, names the bytes it needs, and takes as much',
    sentence: 'A value longer than `into` is BUFFER_TOO_SMALL with `requiredBytes`, never cut short.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(1000));
      const memory = guarded(999);
      const [result] = await backend.get([{ key: stored, into: memory.into }]);
      const error = failure(result, 'BUFFER_TOO_SMALL', 'get of 1000 bytes into 999');
      assert.equal(error.requiredBytes, 1000, `requiredBytes is ${error.requiredBytes}`);
      memory.assertUntouched('get of 1000 bytes into 999');
      const enough = new Uint8Array(error.requiredBytes ?? 0);
      assert.deepEqual(lengthsOf(await backend.get([{ key: stored, into: enough }])), [1000]);
      assertBytes(enough, value(1000), 'the value in memory of requiredBytes');
    },
  },
  {
    id: 'GET-04',
    title: 'refuses memory of no byte for a value that has some',
    sentence: 'A value longer than `into` is BUFFER_TOO_SMALL with `requiredBytes`, never cut short.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(70_000));
      const memory = guarded(0);
      const [result] = await backend.get([{ key: stored, into: memory.into }]);
      const error = failure(result, 'BUFFER_TOO_SMALL', 'get of 70000 bytes into none');
      assert.equal(error.requiredBytes, 70_000, `requiredBytes is ${error.requiredBytes}`);
      memory.assertUntouched('get of 70000 bytes into none');
    },
  },
  {
    id: 'GET-05',
    title: 'gives an empty value as a hit of 0 bytes, with memory and without',
    sentence: 'Length of the value: the first `byteLength` bytes of `into` hold it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key }) {
      const backend = await open();
      const empty = key();
      await store(backend, empty, new Uint8Array(0));
      const memory = guarded(100);
      const results = await backend.get([
        { key: empty, into: memory.into },
        { key: empty, into: new Uint8Array(0) },
      ]);
      assert.deepEqual(lengthsOf(results), [0, 0]);
      memory.assertUntouched('get of an empty value');
    },
  },
  {
    id: 'GET-06',
    title: 'answers miss for an absent key, with memory and without',
    sentence: 'The store answered that the key is not there.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys }) {
      const backend = await open();
      const [one = '', other = ''] = keys(2);
      const memory = guarded(100);
      const results = await backend.get([
        { key: one, into: memory.into },
        { key: other, into: new Uint8Array(0) },
      ]);
      assert.deepEqual(results, [{ status: 'miss' }, { status: 'miss' }], `get answered ${seen(results)}`);
      memory.assertUntouched('a miss');
    },
  },
  {
    id: 'GET-07',
    title: 'fills shared memory like private memory',
    sentence: 'Views on private memory and on `SharedArrayBuffer` are taken alike.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(100_000));
      const [exact, larger, small] = [guarded(100_000, 'shared'), guarded(150_000, 'shared'), guarded(50, 'shared')];
      const lent = [exact, larger, small];
      const results = await backend.get(lent.map(({ into }) => ({ key: stored, into })));
      assert.deepEqual(lengthsOf(results.slice(0, 2)), [100_000, 100_000]);
      failure(results[2], 'BUFFER_TOO_SMALL', 'get of 100000 bytes into 50 of shared memory');
      for (const { into } of [exact, larger]) {
        assertBytes(
          into.subarray(0, 100_000),
          value(100_000),
          `the value in ${into.byteLength} bytes of shared memory`,
        );
      }
      for (const memory of lent) memory.assertUntouched(`get into ${memory.into.byteLength} bytes of shared memory`);
    },
  },
  {
    id: 'GET-08',
    title: 'fills views at any offset of their memory, of Buffer and of Uint8Array',
    sentence: 'Memory lent for the value, private or shared.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(333));
      for (const slab of [new Uint8Array(4000), new Uint8Array(new SharedArrayBuffer(4000)), Buffer.alloc(4000)]) {
        const offsets = [1, 400, 803, 1207, 1622, 2003, 2400, 2999];
        const lent = offsets.map((offset) => slab.subarray(offset, offset + 333));
        const results = await backend.get(lent.map((into) => ({ key: stored, into })));
        assert.deepEqual(lengthsOf(results), Array(8).fill(333));
        const expected = new Uint8Array(4000);
        for (const offset of offsets) expected.set(value(333), offset);
        assertBytes(slab, expected, `${slab.constructor.name} with values at ${offsets}`);
      }
    },
  },
  {
    id: 'GET-09',
    title: 'gives a key that a batch names more than once to each',
    sentence: 'One batch may name a key more than once.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(500));
      const lent = [guarded(500), guarded(600), guarded(500)];
      const results = await backend.get(lent.map(({ into }) => ({ key: stored, into })));
      assert.deepEqual(lengthsOf(results), [500, 500, 500]);
      for (const memory of lent) {
        assertBytes(memory.into.subarray(0, 500), value(500), 'the value');
        memory.assertUntouched('get of a key three times');
      }
    },
  },
  {
    id: 'GET-10',
    title: 'leaves a hole where a key is absent: what follows keeps its place, its result and its memory',
    sentence: 'Each operation takes a batch and answers one result per item, in input order.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(9);
      const values = new Map(all.map((key, index) => [key, value(100 + index, index)]));
      const absent = new Set([all[0], all[3], all[4], all[8]]);
      await storeAll(backend, new Map([...values].filter(([key]) => !absent.has(key))));
      const lent = all.map((key) => ({ key, memory: guarded(200) }));
      const results = await backend.get(lent.map(({ key, memory }) => ({ key, into: memory.into })));
      const expected = all.map((key, index) => (absent.has(key) ? 'miss' : 100 + index));
      assert.deepEqual(lengthsOf(results), expected);
      for (const [index, { key, memory }] of lent.entries()) {
        memory.assertUntouched(`item ${index}`);
        if (absent.has(key)) continue;
        assertBytes(memory.into.subarray(0, 100 + index), values.get(key), `item ${index}`);
      }
    },
  },
  {
    id: 'GET-11',
    title: 'refuses a batch whose items lend the same memory, and reads nothing',
    sentence: 'Items of one batch do not overlap.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const [one = '', between = '', other = ''] = keys(3);
      await storeAll(backend, new Map([one, between, other].map((key) => [key, value(100)])));
      for (const kind of ['private', 'shared'] as const) {
        const { into } = guarded(1000, kind);
        mark(into);
        for (const [first, second] of [
          [into.subarray(0, 100), into.subarray(0, 100)],
          [into.subarray(0, 100), into.subarray(99, 300)],
          [into.subarray(99, 300), into.subarray(0, 100)],
          [into.subarray(0, 300), into.subarray(100, 200)],
        ] as const) {
          const items = [
            { key: one, into: first },
            { key: between, into: into.subarray(500, 600) },
            { key: other, into: second },
          ];
          await rejection(backend.get(items), 'INVALID_ARGUMENT', `get into overlapping ${kind} memory`);
        }
        await someTurns();
        assertMarked(into, 'after the refused get');
      }
    },
  },
  {
    id: 'GET-12',
    title: 'fills neighbouring places of one slab, and a value that grew does not reach its neighbour',
    sentence: 'Nothing outside `into` is written.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const all = keys(5);
      await storeAll(backend, new Map(all.map((key, index) => [key, value(1024, index)])));
      await store(backend, all[2] ?? '', value(1500));
      const slab = guarded(5 * 1024, 'shared');
      const places = all.map((_, index) => slab.into.subarray(index * 1024, (index + 1) * 1024));
      const results = await backend.get(all.map((key, index) => ({ key, into: places[index] ?? new Uint8Array(0) })));
      failure(results[2], 'BUFFER_TOO_SMALL', 'get of a value that grew');
      assert.deepEqual(lengthsOf(results.filter((_, index) => index !== 2)), [1024, 1024, 1024, 1024]);
      for (const [index, place] of places.entries()) {
        if (index !== 2) assertBytes(place, value(1024, index), `place ${index} of the slab`);
      }
      slab.assertUntouched('get into five places');
    },
  },
  {
    id: 'GET-13',
    title: 'gives values of many lengths whole',
    sentence: 'Reads each value into the memory lent for it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value, capabilities }) {
      const backend = await open();
      const lengths = [
        1, 2, 3, 255, 256, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577,
      ].filter((byteLength) => byteLength <= capabilities.limits.maxValueBytes);
      const values = new Map(keys(lengths.length).map((key, index) => [key, value(lengths[index] ?? 0, index)]));
      await storeAll(backend, values);
      await assertAllStored(backend, values, 'after the put');
    },
  },
  {
    id: 'GET-14',
    title: 'says how a hit was checked',
    sentence:
      'How the value was checked: against a checksum that the store keeps with it, or by its exact length alone.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(100));
      const [result] = await backend.get([{ key: stored, into: new Uint8Array(100) }]);
      assert.equal(result?.status, 'hit', `get answered ${seen(result)}`);
      assert.ok(['checksum', 'length'].includes(result.verified), `verified is ${seen(result.verified)}`);
    },
  },
  {
    id: 'GET-15',
    title: 'gives a value that became shorter without the end of the one before',
    sentence: 'Length of the value: the first `byteLength` bytes of `into` hold it.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      const into = new Uint8Array(1000);
      await store(backend, stored, value(1000, 1));
      assert.deepEqual(lengthsOf(await backend.get([{ key: stored, into }])), [1000]);
      await store(backend, stored, value(400, 2));
      assert.deepEqual(lengthsOf(await backend.get([{ key: stored, into }])), [400]);
      assertBytes(into.subarray(0, 400), value(400, 2), 'the shorter value');
    },
  },
  {
    id: 'GET-16',
    title: 'refuses what is no batch of items with memory, and reads nothing',
    sentence:
      'A promise rejects only for the call itself: INVALID_ARGUMENT, then NOT_OPEN, then UNSUPPORTED, all three before any I/O;',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(100));
      const into = new Uint8Array(100);
      mark(into);
      const wrong: readonly unknown[] = [
        undefined,
        null,
        'text',
        { key: stored, into: new Uint8Array(100) },
        [undefined],
        [null],
        [stored],
        [{ key: stored }],
        [{ into: new Uint8Array(100) }],
        [{ key: stored, into: null }],
        [{ key: stored, into: 100 }],
        [{ key: stored, into: [0, 0, 0] }],
        [{ key: stored, into: new ArrayBuffer(100) }],
        [{ key: stored, into: new DataView(new ArrayBuffer(100)) }],
        [{ key: stored, into: new Uint16Array(100) }],
        [{ key: stored, into: new Uint8ClampedArray(100) }],
        [{ key: stored, into }, { key: stored }],
      ];
      for (const [index, items] of wrong.entries()) {
        await rejection(backend.get(untyped(items)), 'INVALID_ARGUMENT', `get with wrong argument ${index}`);
      }
      await someTurns();
      assertMarked(into, 'after a refused batch');
    },
  },
  {
    id: 'GET-17',
    title: 'an object that shrank behind its back is not given with its old length',
    sentence: 'A value that does not match its checksum or its announced length is CORRUPT, never a hit.',
    level: 'core',
    needs: ['rawWrite'],
    since: '1.0.0',
    async run({ open, key, value, rawWrite }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(1000));
      await assertStored(backend, stored, value(1000), 'before it shrank');
      await rawWrite(stored, value(600, 2));
      const into = new Uint8Array(1000);
      const [result] = await backend.get([{ key: stored, into }]);
      if (result?.status === 'failed') {
        failure(result, 'CORRUPT', 'get of an object that shrank');
        return;
      }
      assert.deepEqual(lengthsOf(result === undefined ? [] : [result]), [600]);
      assertBytes(into.subarray(0, 600), value(600, 2), 'the object that shrank');
    },
  },
  {
    id: 'GET-18',
    title: 'an object that grew behind its back does not leave the memory lent',
    sentence: 'Nothing outside `into` is written.',
    level: 'core',
    needs: ['rawWrite'],
    since: '1.0.0',
    async run({ open, key, value, rawWrite }) {
      const backend = await open();
      const stored = key();
      await store(backend, stored, value(1000));
      await assertStored(backend, stored, value(1000), 'before it grew');
      await rawWrite(stored, value(1800, 2));
      const memory = guarded(1000);
      const [result] = await backend.get([{ key: stored, into: memory.into }]);
      assert.equal(result?.status, 'failed', `get of 1800 bytes into 1000 answered ${seen(result)}`);
      const { code } = result.error;
      assert.ok(code === 'BUFFER_TOO_SMALL' || code === 'CORRUPT', `it failed with ${result.error.message}`);
      memory.assertUntouched('get of an object that grew');
    },
  },
];
