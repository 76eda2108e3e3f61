import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';
import type { Provocation } from '../types.ts';
import { assertFailed, LARGE_BYTES, MIDWAY_BYTES } from './network-support.ts';
import { assertBytes, guarded, seen, store, storeAll } from './support.ts';

const NO_DOCUMENT =
  'On a miss or a failure the content of `into` is unspecified, but an error document of the store is never in it.';

/** What is in the memory lent, and what is called a hit, when the network or the store fails a get. */
export const cases: readonly ConformanceCase[] = [
  noDocument('NET-GET-01', 'denied'),
  noDocument('NET-GET-02', 'unavailable'),
  noDocument('NET-GET-03', 'missingNamespace'),
  noDocument('NET-GET-04', 'errorAfterSuccess'),
  {
    id: 'NET-GET-05',
    title: 'what the store says of a key that is not there is not in the memory lent',
    sentence: NO_DOCUMENT,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ key, open }) {
      const backend = await open();
      const memory = guarded(4096);
      const [result] = await backend.get([{ key: key(), into: memory.into }]);
      assert.equal(result?.status, 'miss', `get answered ${seen(result)}`);
      assertNoText(memory.into, 'get of an absent key');
      memory.assertUntouched('get of an absent key');
    },
  },
  {
    id: 'NET-GET-06',
    title: 'a value with a bit that flipped on its way is CORRUPT where hits are checked by checksum',
    sentence: 'A value that does not match its checksum or its announced length is CORRUPT, never a hit.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, key, value, open }) {
      const backend = await open();
      const name = key();
      const bytes = value(LARGE_BYTES);
      await store(backend, name, bytes);
      const into = new Uint8Array(LARGE_BYTES);
      const [clean] = await backend.get([{ key: name, into }]);
      assert.equal(clean?.status, 'hit', `get answered ${seen(clean)}`);
      proxy.inject({ kind: 'flip', direction: 'down', atByte: MIDWAY_BYTES });
      const [result] = await backend.get([{ key: name, into: into.fill(0) }]);
      if (result?.status !== 'hit') {
        assertFailed(result, ['CORRUPT'], 'get of a value with a flipped bit');
        return;
      }
      // It may have been read once more. By its length alone nobody can know.
      if (result.verified === 'checksum' || clean.verified === 'checksum') {
        assertBytes(into.subarray(0, result.byteLength), bytes, 'a hit on a value with a flipped bit');
      }
    },
  },
  {
    id: 'NET-GET-07',
    title: 'a value that was cut once is read again whole, or fails: nothing of the first try stays in a hit',
    sentence: 'Length of the value: the first `byteLength` bytes of `into` hold it.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, value, open }) {
      const backend = await open();
      const values = new Map(keys(2).map((key, index) => [key, value(LARGE_BYTES, index)]));
      await storeAll(backend, values);
      for (const kind of ['reset', 'truncate'] as const) {
        proxy.inject({ kind, direction: 'down', afterBytes: MIDWAY_BYTES }, 1);
        for (const [key, bytes] of values) {
          const memory = guarded(LARGE_BYTES, 'shared');
          const [result] = await backend.get([{ key, into: memory.into }]);
          if (result?.status === 'hit') {
            assert.equal(result.byteLength, LARGE_BYTES, 'the length of a hit');
            assertBytes(memory.into, bytes, `a hit after a ${kind}`);
          } else {
            assertFailed(result, ['CONNECTION', 'CORRUPT'], `get after a ${kind}`);
          }
          memory.assertUntouched(`get after a ${kind}`);
        }
        proxy.clear();
      }
    },
  },
  {
    id: 'NET-GET-08',
    title: 'a value that is too long for its memory is BUFFER_TOO_SMALL, and the memory around it untouched',
    sentence: 'A value longer than `into` is BUFFER_TOO_SMALL with `requiredBytes`, never cut short.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, value, open }) {
      const backend = await open();
      const [long = '', other = ''] = keys(2);
      await store(backend, long, value(LARGE_BYTES));
      await store(backend, other, value(100));
      // In pieces, so that some have come before the length is known to be too much.
      proxy.inject({ kind: 'drip', direction: 'down', bytesPerTurn: 16_384 });
      const memory = guarded(MIDWAY_BYTES);
      const small = guarded(100);
      const [tooLong, fits] = await backend.get([
        { key: long, into: memory.into },
        { key: other, into: small.into },
      ]);
      const error = assertFailed(tooLong, ['BUFFER_TOO_SMALL'], 'get of a value that is too long');
      assert.equal(error.requiredBytes, LARGE_BYTES, 'the bytes that it needs');
      assert.equal(fits?.status, 'hit', `the other item answered ${seen(fits)}`);
      assertBytes(small.into, value(100), 'the other item');
      memory.assertUntouched('get of a value that is too long');
    },
  },
];

/** The store answers a get with an error. */
function noDocument(id: string, provocation: Provocation): ConformanceCase {
  return {
    id,
    title: `an answer of the store is not in the memory lent: ${provocation}`,
    sentence: NO_DOCUMENT,
    level: 'network',
    needs: [provocation],
    since: '1.0.0',
    async run({ provoke, keys, value, open }) {
      const first = await open();
      const [present = '', absent = ''] = keys(2);
      await store(first, present, value(3000));
      const backend = await provoke(provocation);
      for (const key of [present, absent]) {
        const memory = guarded(4096);
        const [result] = await backend.get([{ key, into: memory.into }]);
        assert.equal(result?.status, 'failed', `get answered ${seen(result)}`);
        assertNoText(memory.into, `get, ${provocation}`);
        memory.assertUntouched(`get, ${provocation}`);
      }
    },
  };
}

/** Fails where memory holds as much text as an error document has; neither the values of the cases nor the bytes around them do. */
function assertNoText(memory: Uint8Array, when: string): void {
  const text = /[\x20-\x7e]{16,}/.exec(Buffer.from(memory).toString('latin1'))?.[0];
  assert.equal(text, undefined, `${when}: the memory lent holds the text ${JSON.stringify(text)}`);
}
