import { expect } from 'vitest';
import type { RemoteBackend } from '../backend.ts';
import { collect, errorOf, patterned, shared } from './values.ts';

/** What core's own backends have in common. The contract in full is what the conformance package checks. */
export const behaviours: readonly {
  readonly title: string;
  readonly run: (backend: RemoteBackend) => Promise<void>;
}[] = [
  {
    title: 'gives back what was put, as one value of all its parts',
    run: async (backend) => {
      const parts = [patterned(5, 1), new Uint8Array(0), shared(patterned(7, 2))];
      expect(await backend.put([{ key: 'k', parts }])).toEqual([{ status: 'stored' }]);
      const into = new Uint8Array(12);
      expect(await backend.get([{ key: 'k', into }])).toEqual([{ status: 'hit', byteLength: 12, verified: 'length' }]);
      expect(into).toEqual(new Uint8Array([...patterned(5, 1), ...patterned(7, 2)]));
    },
  },
  {
    title: 'reads into shared memory, and writes nothing behind the value',
    run: async (backend) => {
      await backend.put([{ key: 'k', parts: [patterned(100, 3)] }]);
      const around = new Uint8Array(new SharedArrayBuffer(120)).fill(255);
      await backend.get([{ key: 'k', into: around.subarray(10, 115) }]);
      expect(around.slice(10, 110)).toEqual(patterned(100, 3));
      expect(around.slice(0, 10)).toEqual(new Uint8Array(10).fill(255));
      expect(around.slice(110)).toEqual(new Uint8Array(10).fill(255));
    },
  },
  {
    title: 'keeps a value apart from the memory it came from and went to',
    run: async (backend) => {
      const source = patterned(16, 4);
      await backend.put([{ key: 'k', parts: [source] }]);
      source.fill(0);
      const into = new Uint8Array(16);
      await backend.get([{ key: 'k', into }]);
      expect(into).toEqual(patterned(16, 4));
      into.fill(0);
      const again = new Uint8Array(16);
      await backend.get([{ key: 'k', into: again }]);
      expect(again).toEqual(patterned(16, 4));
    },
  },
  {
    title: 'stores values without bytes',
    run: async (backend) => {
      await backend.put([
        { key: 'none', parts: [] },
        { key: 'empty', parts: [new Uint8Array(0)] },
      ]);
      expect(await backend.stat(['none', 'empty'])).toMatchObject([
        { status: 'hit', byteLength: 0 },
        { status: 'hit', byteLength: 0 },
      ]);
      const result = await backend.get([{ key: 'empty', into: new Uint8Array(0) }]);
      expect(result).toMatchObject([{ status: 'hit', byteLength: 0 }]);
    },
  },
  {
    title: 'answers misses between hits in input order',
    run: async (backend) => {
      await backend.put([
        { key: 'a', parts: [patterned(1, 1)] },
        { key: 'c', parts: [patterned(3, 1)] },
      ]);
      const stats = await backend.stat(['a', 'b', 'c', 'a']);
      expect(stats.map((result) => result.status)).toEqual(['hit', 'miss', 'hit', 'hit']);
      const gets = await backend.get(['a', 'b', 'c'].map((key) => ({ key, into: new Uint8Array(3) })));
      expect(gets.map((result) => result.status)).toEqual(['hit', 'miss', 'hit']);
    },
  },
  {
    title: 'refuses memory that is too small and names the bytes it needs',
    run: async (backend) => {
      await backend.put([{ key: 'k', parts: [patterned(10, 1)] }]);
      const [result] = await backend.get([{ key: 'k', into: new Uint8Array(9) }]);
      expect(errorOf(result)).toMatchObject({
        code: 'BUFFER_TOO_SMALL',
        requiredBytes: 10,
        key: 'k',
        operation: 'get',
      });
    },
  },
  {
    title: 'replaces a value with a shorter one',
    run: async (backend) => {
      await backend.put([{ key: 'k', parts: [patterned(100, 1)] }]);
      await backend.put([{ key: 'k', parts: [patterned(10, 2)] }]);
      const into = new Uint8Array(100);
      expect(await backend.get([{ key: 'k', into }])).toMatchObject([{ status: 'hit', byteLength: 10 }]);
      expect(into.slice(0, 10)).toEqual(patterned(10, 2));
    },
  },
  {
    title: 'creates once, whoever races, and keeps what is there',
    run: async (backend) => {
      const writers = Array.from({ length: 20 }, (_, writer) => ({ key: 'k', parts: [patterned(1000, writer)] }));
      const results = await backend.put(writers, { mode: 'create' });
      expect(results.filter((result) => result.status === 'stored')).toHaveLength(1);
      expect(results.filter((result) => result.status === 'exists')).toHaveLength(19);
      const into = new Uint8Array(1000);
      await backend.get([{ key: 'k', into }]);
      const winner = results.findIndex((result) => result.status === 'stored');
      expect(into).toEqual(patterned(1000, winner));
    },
  },
  {
    title: 'deletes what is there and what is not',
    run: async (backend) => {
      await backend.put([{ key: 'a/b', parts: [patterned(1, 1)] }]);
      expect(await backend.delete(['a/b', 'a/b', 'never'])).toEqual(Array(3).fill({ status: 'deleted' }));
      expect(await backend.stat(['a/b'])).toEqual([{ status: 'miss' }]);
      expect(await backend.put([{ key: 'a/b', parts: [] }], { mode: 'create' })).toEqual([{ status: 'stored' }]);
    },
  },
  {
    title: 'keeps keys apart that look alike',
    run: async (backend) => {
      const keys = [
        'a',
        'A',
        'a/b',
        'a_b',
        'a%2fb',
        'a b',
        'a.kv',
        'a.kv/b',
        'é',
        'e\u0301',
        'É',
        '~tmp/x',
        'con',
        '%61',
      ];
      await backend.put(keys.map((key, index) => ({ key, parts: [new Uint8Array(index)] })));
      const stats = await backend.stat(keys);
      expect(stats.map((result) => (result.status === 'hit' ? result.byteLength : result.status))).toEqual([
        ...keys.keys(),
      ]);
      const listed = await collect(backend.list());
      expect(listed.map((entry) => entry.key).sort()).toEqual([...keys].sort());
    },
  },
  {
    title: 'stores the longest keys',
    run: async (backend) => {
      const { maxKeyBytes } = backend.capabilities.limits;
      const longest = [
        'X'.repeat(255),
        `${'x'.repeat(255)}/${'y'.repeat(255)}`,
        `${'é'.repeat(127)}/${'€'.repeat(85)}`,
      ];
      const keys = [...longest, `${'a/'.repeat(255)}aa`].filter((key) => Buffer.byteLength(key) <= maxKeyBytes);
      await backend.put(keys.map((key, index) => ({ key, parts: [new Uint8Array(index)] })));
      const listed = await collect(backend.list());
      expect(listed.map((entry) => entry.key).sort()).toEqual([...keys].sort());
      expect((await backend.stat(keys)).map((result) => result.status)).toEqual(Array(keys.length).fill('hit'));
    },
  },
  {
    title: 'lists by prefix, which need not end at a slash, with lengths',
    run: async (backend) => {
      const keys = ['kv1/aa/x', 'kv1/ab/y', 'kv1/ab/z', 'kv2/aa/x', 'kv1'];
      await backend.put(keys.map((key, index) => ({ key, parts: [new Uint8Array(index)] })));
      const listed = async (prefix: string) =>
        (await collect(backend.list({ prefix }))).map((entry) => `${entry.key} ${entry.byteLength}`).sort();
      expect(await listed('kv1/a')).toEqual(['kv1/aa/x 0', 'kv1/ab/y 1', 'kv1/ab/z 2']);
      expect(await listed('kv1/ab/')).toEqual(['kv1/ab/y 1', 'kv1/ab/z 2']);
      expect(await listed('kv1/ab/y')).toEqual(['kv1/ab/y 1']);
      expect(await listed('kv')).toHaveLength(5);
      expect(await listed('kv1//')).toEqual([]);
      expect(await listed('nothing')).toEqual([]);
    },
  },
  {
    title: 'lists more than a page, and ends when the loop is left',
    run: async (backend) => {
      const keys = Array.from({ length: 150 }, (_, index) => `many/${index}`);
      await backend.put(keys.map((key) => ({ key, parts: [] })));
      expect(await collect(backend.list({ prefix: 'many/' }))).toHaveLength(150);
      for await (const entry of backend.list()) {
        expect(keys).toContain(entry.key);
        break;
      }
    },
  },
];
