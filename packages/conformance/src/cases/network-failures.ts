import assert from 'node:assert/strict';
import type { ErrorCode } from '@kvferry/core';
import type { CaseContext, ConformanceCase } from '../case.ts';
import type { WireFault } from '../proxy/types.ts';
import {
  assertAllFail,
  assertFailed,
  assertWorksAgain,
  callsOn,
  LARGE_BYTES,
  MIDWAY_BYTES,
  prepare,
} from './network-support.ts';
import { assertListed, assertStored, entriesOf, guarded, listed, seen, store, storeAll } from './support.ts';

const UNREACHED =
  'A store that is not reached, and a connection that ends before its answer is whole, are CONNECTION; a store that falls silent is TIMEOUT, so that no call waits for ever.';

/** What a call answers when the network fails it: never a miss, never a hit, and it always ends. */
export const cases: readonly ConformanceCase[] = [
  beforeTheAnswer('NET-FAIL-01', 'a store that refuses connections', { kind: 'refuse' }, 'CONNECTION'),
  beforeTheAnswer(
    'NET-FAIL-02',
    'a connection that is reset before the answer',
    { kind: 'reset', direction: 'down', afterBytes: 0 },
    'CONNECTION',
  ),
  beforeTheAnswer(
    'NET-FAIL-03',
    'a connection that ends in good order before the answer',
    { kind: 'truncate', direction: 'down', afterBytes: 0 },
    'CONNECTION',
  ),
  beforeTheAnswer(
    'NET-FAIL-04',
    'a store that answers nothing',
    { kind: 'stall', direction: 'down', afterBytes: 0 },
    'TIMEOUT',
  ),
  beforeTheAnswer(
    'NET-FAIL-05',
    'a connection that is reset before the request is out',
    { kind: 'reset', direction: 'up', afterBytes: 1 },
    'CONNECTION',
  ),
  midValue(
    'NET-FAIL-06',
    'a connection that is reset in the midst of a value',
    { kind: 'reset', direction: 'down', afterBytes: MIDWAY_BYTES },
    ['CONNECTION'],
    UNREACHED,
  ),
  midValue(
    'NET-FAIL-07',
    'a value that ends before its announced length',
    { kind: 'truncate', direction: 'down', afterBytes: MIDWAY_BYTES },
    // Both sentences apply: the connection has ended, and the value is not as long as announced.
    ['CORRUPT', 'CONNECTION'],
    'A value that does not match its checksum or its announced length is CORRUPT, never a hit.',
  ),
  midValue(
    'NET-FAIL-08',
    'a value that stops midway',
    { kind: 'stall', direction: 'down', afterBytes: MIDWAY_BYTES },
    ['TIMEOUT'],
    UNREACHED,
  ),
  midUpload(
    'NET-FAIL-09',
    'a connection that is reset in the midst of an upload',
    { kind: 'reset', direction: 'up', afterBytes: MIDWAY_BYTES },
    'CONNECTION',
  ),
  midUpload(
    'NET-FAIL-10',
    'a store that stops taking an upload midway',
    { kind: 'stall', direction: 'up', afterBytes: MIDWAY_BYTES },
    'TIMEOUT',
  ),
  {
    id: 'NET-FAIL-11',
    title: 'answers and requests that come in drops are whole in the end',
    sentence: 'An answer that is slow but moves is no failure.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, keys, key, value, open, capabilities } = context;
      const backend = await open();
      const values = new Map(keys(3).map((name, index) => [name, value(30, index)]));
      const absent = key();
      proxy.inject({ kind: 'drip', direction: 'down', bytesPerTurn: 1 });
      proxy.inject({ kind: 'drip', direction: 'up', bytesPerTurn: 8 });
      await storeAll(backend, values);
      const stats = await backend.stat([...values.keys(), absent]);
      assert.deepEqual(
        stats.map((stat) => (stat.status === 'hit' ? stat.byteLength : stat.status)),
        [30, 30, 30, 'miss'],
        `stat in drops answered ${seen(stats)}`,
      );
      for (const [name, bytes] of values) await assertStored(backend, name, bytes, 'in drops');
      const [gone] = await backend.get([{ key: absent, into: new Uint8Array(30) }]);
      assert.equal(gone?.status, 'miss', `get of an absent key in drops answered ${seen(gone)}`);
      if (capabilities.list) {
        const [first = ''] = values.keys();
        const prefix = first.slice(0, first.lastIndexOf('/') + 1);
        assertListed(await listed(backend.list({ prefix })), entriesOf(values));
      }
      if (capabilities.delete) {
        const deleted = await backend.delete([...values.keys()]);
        assert.ok(
          deleted.every(({ status }) => status === 'deleted'),
          `delete in drops answered ${seen(deleted)}`,
        );
      }
    },
  },
  {
    id: 'NET-FAIL-12',
    title: 'a large value that comes in small pieces is whole in the end, both ways',
    sentence: 'An answer that is slow but moves is no failure.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, key, value, open }) {
      const backend = await open();
      proxy.inject({ kind: 'drip', direction: 'down', bytesPerTurn: 1021 });
      // Faster: the kernel takes the whole value at once, and nothing shows the backend that it moves.
      proxy.inject({ kind: 'drip', direction: 'up', bytesPerTurn: 16_381 });
      const name = key();
      const bytes = value(LARGE_BYTES);
      await store(backend, name, bytes);
      await assertStored(backend, name, bytes, 'in pieces');
    },
  },
  cutListing('NET-FAIL-13', 'is reset', 'reset'),
  cutListing('NET-FAIL-14', 'ends in good order', 'truncate'),
];

/** Every operation, side by side, under a fault that strikes before there is an answer. */
function beforeTheAnswer(id: string, title: string, fault: WireFault, code: ErrorCode): ConformanceCase {
  return {
    id,
    title: `${title} fails every operation with ${code}, and does not break the backend`,
    sentence: UNREACHED,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const keys = await prepare(context, backend);
      context.proxy.inject(fault);
      await assertAllFail(backend, callsOn(keys, context.capabilities), [code], title);
      context.proxy.clear();
      await assertWorksAgain(context, backend, keys);
    },
  };
}

/** `get` into private and shared memory, under a fault that strikes in the midst of the value. */
function midValue(
  id: string,
  title: string,
  fault: WireFault,
  codes: readonly ErrorCode[],
  sentence: string,
): ConformanceCase {
  return {
    id,
    title: `${title} is ${codes.join(' or ')}, and never a hit`,
    sentence,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, keys, value, open } = context;
      const backend = await open();
      const [one = '', other = ''] = keys(2);
      const bytes = value(LARGE_BYTES);
      await storeAll(backend, new Map([one, other].map((key) => [key, bytes])));
      const memories = [guarded(LARGE_BYTES, 'private'), guarded(LARGE_BYTES, 'shared')] as const;
      proxy.inject(fault);
      const results = await Promise.all([
        backend.get([{ key: one, into: memories[0].into }]),
        backend.get([{ key: other, into: memories[1].into }]),
      ]);
      for (const [result] of results) assertFailed(result, codes, `get, ${title}`);
      for (const memory of memories) memory.assertUntouched(`get, ${title}`);
      proxy.clear();
      await assertStored(backend, one, bytes, 'after the disturbance');
      await assertStored(backend, other, bytes, 'after the disturbance');
    },
  };
}

/** `put`, under a fault that strikes in the midst of the value. */
function midUpload(id: string, title: string, fault: WireFault, code: ErrorCode): ConformanceCase {
  return {
    id,
    title: `${title} is ${code}, and never stored`,
    sentence: UNREACHED,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, key, value, open }) {
      const backend = await open();
      const name = key();
      const bytes = value(LARGE_BYTES);
      proxy.inject(fault);
      const [result] = await backend.put([{ key: name, parts: [bytes.subarray(0, 1000), bytes.subarray(1000)] }]);
      assertFailed(result, [code], `put, ${title}`);
      proxy.clear();
      await store(backend, name, bytes);
      await assertStored(backend, name, bytes, 'after the disturbance');
    },
  };
}

/** A listing of which a part has come when its connection ends. */
function cutListing(id: string, title: string, kind: 'reset' | 'truncate'): ConformanceCase {
  return {
    id,
    title: `a listing whose connection ${title} midway fails, and is not given as a shorter one`,
    sentence: UNREACHED,
    level: 'network',
    needs: ['bytes', 'list'],
    since: '1.0.0',
    async run(context: CaseContext) {
      const { proxy, key, value, open } = context;
      const backend = await open();
      const base = `${key()}/`;
      // Names alone make some 6,000 bytes of answer, in every protocol.
      const values = new Map(
        Array.from({ length: 40 }, (_, index) => [`${base}${'n'.repeat(120)}${index}`, value(8, index)]),
      );
      await storeAll(backend, values);
      proxy.inject({ kind, direction: 'down', afterBytes: 2000 });
      const outcome = await listed(backend.list({ prefix: base })).then(
        (entries) => ({ status: `a list of ${entries.size} of ${values.size} entries` }),
        (error: unknown) => ({ status: 'failed', error }),
      );
      assertFailed(outcome, ['CONNECTION'], 'list');
      proxy.clear();
      assertListed(await listed(backend.list({ prefix: base })), entriesOf(values));
    },
  };
}
