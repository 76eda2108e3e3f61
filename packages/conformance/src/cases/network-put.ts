import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';
import type { WireFault } from '../proxy/types.ts';
import {
  assertFailed,
  assertWhole,
  assertWholeBytes,
  bytesHeld,
  LARGE_BYTES,
  MIDWAY_BYTES,
} from './network-support.ts';
import { assertBytes, assertStored, rejection, seen, store } from './support.ts';

const WHOLE =
  'Writes each value whole or not at all: a reader sees the old value or the new one, and after a failure the old one.';
const ANSWER_LOST = 'Where only the answer was lost, or is an error, the new one may be there.';

/** What is in the store when the network failed a put. */
export const cases: readonly ConformanceCase[] = [
  brokenOff('NET-PUT-01', 'is reset', { kind: 'reset', direction: 'up', afterBytes: MIDWAY_BYTES }),
  brokenOff('NET-PUT-02', 'ends in good order', { kind: 'truncate', direction: 'up', afterBytes: MIDWAY_BYTES }),
  {
    id: 'NET-PUT-03',
    title: 'a put that is aborted in the midst of its upload leaves the old value or the new one, never a part',
    sentence: WHOLE,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, value, open, signal }) {
      const backend = await open();
      const [empty = '', taken = ''] = keys(2);
      const old = value(5000, 2);
      await store(backend, taken, old);
      const bytes = value(LARGE_BYTES);
      for (const [key, before, when] of [
        [empty, undefined, 'after the abort, where nothing was'],
        [taken, old, 'after the abort, over an old value'],
      ] as const) {
        proxy.inject({ kind: 'stall', direction: 'up', afterBytes: MIDWAY_BYTES });
        const { counts } = proxy;
        const controller = new AbortController();
        const call = backend.put([{ key, parts: [bytes] }], { signal: controller.signal });
        call.catch(() => {});
        await proxy.until((now) => bytesHeld(now, counts, MIDWAY_BYTES, 'up'), signal);
        controller.abort();
        await rejection(call, 'ABORTED', 'put, aborted midway,');
        proxy.clear();
        assert.equal(await assertWhole(backend, key, bytes, before, when), 'old', `${when}: a quarter was sent`);
      }
      await store(backend, empty, bytes);
      await assertStored(backend, empty, bytes, 'put again after the abort');
    },
  },
  {
    id: 'NET-PUT-04',
    title: 'no part of a broken upload lies in the store, seen past the backend',
    sentence: WHOLE,
    level: 'network',
    needs: ['bytes', 'rawRead'],
    since: '1.0.0',
    async run({ proxy, keys, value, open, rawRead }) {
      const backend = await open();
      const bytes = value(LARGE_BYTES);
      const old = value(5000, 2);
      for (const kind of ['reset', 'truncate'] as const) {
        const [empty = '', taken = ''] = keys(2);
        await store(backend, taken, old);
        proxy.inject({ kind, direction: 'up', afterBytes: MIDWAY_BYTES });
        const results = await backend.put([empty, taken].map((key) => ({ key, parts: [bytes] })));
        for (const result of results) assertFailed(result, ['CONNECTION'], `put, ${kind} midway`);
        proxy.clear();
        assertWholeBytes(await rawRead(empty), bytes, undefined, `${kind} midway, where nothing was`);
        assertWholeBytes(await rawRead(taken), bytes, old, `${kind} midway, over an old value`);
      }
    },
  },
  {
    id: 'NET-PUT-05',
    title: 'a put whose answer is lost fails or is sent again, and leaves the whole value or none',
    sentence: ANSWER_LOST,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, key, value, open }) {
      const backend = await open();
      for (const kind of ['reset', 'truncate'] as const) {
        const name = key();
        const bytes = value(5000);
        proxy.inject({ kind, direction: 'down', afterBytes: 0 });
        const [result] = await backend.put([{ key: name, parts: [bytes] }]);
        assertFailed(result, ['CONNECTION'], `put, ${kind} before its answer`);
        proxy.clear();
        await assertWhole(backend, name, bytes, undefined, `${kind} before the answer`);
        await store(backend, name, bytes);
        await assertStored(backend, name, bytes, 'put again');
      }
    },
  },
  {
    id: 'NET-PUT-06',
    title: 'a put that the store answers with an error behind its success fails, and leaves the whole value or none',
    sentence: ANSWER_LOST,
    level: 'network',
    needs: ['errorAfterSuccess'],
    since: '1.0.0',
    async run({ provoke, heal, key, value, open }) {
      const backend = await provoke('errorAfterSuccess');
      const name = key();
      const bytes = value(50_000);
      const [result] = await backend.put([{ key: name, parts: [bytes] }]);
      assertFailed(result, ['UNAVAILABLE', 'CONNECTION', 'UNKNOWN'], 'put');
      heal();
      const after = await open();
      await assertWhole(after, name, bytes, undefined, 'after the error');
      await store(after, name, bytes);
      await assertStored(after, name, bytes, 'put again');
    },
  },
  {
    id: 'NET-PUT-07',
    title: 'a value with a bit that flipped on its way into the store is never read as a hit',
    sentence: 'After `stored`, every later `stat` and `get` of the same backend sees it.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, key, value, open }) {
      const backend = await open();
      const clean = key();
      const bytes = value(LARGE_BYTES);
      await store(backend, clean, bytes);
      const into = new Uint8Array(LARGE_BYTES);
      const [read] = await backend.get([{ key: clean, into }]);
      assert.equal(read?.status, 'hit', `get answered ${seen(read)}`);
      const name = key();
      proxy.inject({ kind: 'flip', direction: 'up', atByte: MIDWAY_BYTES });
      const [put] = await backend.put([{ key: name, parts: [bytes] }]);
      proxy.clear();
      const [result] = await backend.get([{ key: name, into: into.fill(0) }]);
      // Without a checksum nobody can know.
      if (read.verified === 'length') return;
      if (result?.status === 'hit') {
        assertBytes(into.subarray(0, result.byteLength), bytes, `put answered ${seen(put)}, then get`);
      } else if (result?.status === 'miss') {
        assert.notEqual(put?.status, 'stored', 'put answered stored, and get is a miss');
      } else {
        assertFailed(result, ['CORRUPT'], `put answered ${seen(put)}, then get`);
      }
    },
  },
  {
    id: 'NET-PUT-08',
    title: 'a create whose answer is lost stores the whole value or none, and never replaces',
    sentence: '`create` keeps what is there and answers `exists`; it needs `capabilities.create`.',
    level: 'network',
    needs: ['bytes', 'create'],
    since: '1.0.0',
    async run({ proxy, keys, value, open }) {
      const backend = await open();
      const [empty = '', taken = ''] = keys(2);
      const old = value(5000, 2);
      await store(backend, taken, old);
      const bytes = value(6000);
      proxy.inject({ kind: 'reset', direction: 'down', afterBytes: 0 }, 2);
      const results = await backend.put(
        [empty, taken].map((key) => ({ key, parts: [bytes] })),
        { mode: 'create' },
      );
      proxy.clear();
      for (const [index, result] of results.entries()) {
        if (result.status === 'failed') assertFailed(result, ['CONNECTION'], `create ${index}`);
      }
      assert.notEqual(results[1]?.status, 'stored', 'a create of a key that was taken answered stored');
      const now = await assertWhole(backend, empty, bytes, undefined, 'where nothing was');
      if (results[0]?.status !== 'failed') assert.equal(now, 'new', `create answered ${seen(results[0])}`);
      await assertStored(backend, taken, old, 'a key that was taken');
    },
  },
];

/** Puts over nothing and over an old value, with a fault in the midst of the upload. */
function brokenOff(id: string, title: string, fault: WireFault): ConformanceCase {
  return {
    id,
    title: `an upload whose connection ${title} midway leaves the old value, or none, and never a part`,
    sentence: WHOLE,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, value, open }) {
      const backend = await open();
      const [empty = '', taken = ''] = keys(2);
      const old = value(5000, 2);
      const bytes = value(LARGE_BYTES);
      await store(backend, taken, old);
      proxy.inject(fault);
      const results = await backend.put([empty, taken].map((key) => ({ key, parts: [bytes] })));
      for (const result of results) assertFailed(result, ['CONNECTION'], `put whose connection ${title}`);
      proxy.clear();
      const now = [
        await assertWhole(backend, empty, bytes, undefined, 'where nothing was'),
        await assertWhole(backend, taken, bytes, old, 'over an old value'),
      ];
      assert.deepEqual(now, ['old', 'old'], 'a value that never reached the store whole came to be stored');
      await store(backend, taken, bytes);
      await assertStored(backend, taken, bytes, 'put again');
    },
  };
}
