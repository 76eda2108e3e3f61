import assert from 'node:assert/strict';
import type { Key } from '@kvferry/core';
import type { ConformanceCase } from '../case.ts';
import { liveOneKey } from './concurrency.ts';
import {
  assertAllStored,
  assertBytes,
  assertListed,
  assertStored,
  entriesOf,
  listed,
  randomNumbers,
  statusesOf,
  store,
  storeAll,
} from './support.ts';

/** More of the same, for long: asked for by name. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'STRESS-01',
    title: 'agrees with a model under 12,800 mixed operations, 64 at a time',
    sentence: 'After `stored`, every later `stat` and `get` of the same backend sees it.',
    level: 'stress',
    needs: [],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      await Promise.all(context.keys(64).map((key, index) => liveOneKey(context, backend, key, index, 200)));
    },
  },
  {
    id: 'STRESS-02',
    title: 'stores, gives, lists and deletes 10,000 keys in batches of 1,000',
    sentence: 'Each operation takes a batch and answers one result per item, in input order.',
    level: 'stress',
    needs: ['list', 'delete'],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const base = `${key()}/`;
      const numbers = Array.from({ length: 10_000 }, (_, index) => index);
      const values = new Map(numbers.map((number) => [`${base}${number}`, value(100 + (number % 200), number)]));
      const batches = Array.from({ length: 10 }, (_, batch) => [...values].slice(batch * 1000, (batch + 1) * 1000));
      for (const batch of batches) await storeAll(backend, new Map(batch));
      for (const batch of batches) await assertAllStored(backend, new Map(batch), 'of 10,000');
      assertListed(await listed(backend.list({ prefix: base })), entriesOf(values));
      for (const batch of batches) {
        const results = await backend.delete(batch.map(([stored]) => stored));
        assert.deepEqual([...new Set(statusesOf(results))], ['deleted']);
      }
      assertListed(await listed(backend.list({ prefix: base })), new Map());
    },
  },
  {
    id: 'STRESS-03',
    title: 'is right, or says that it failed, while its connections are reset again and again',
    sentence: 'Once the disturbance is over, the same backend works again.',
    level: 'stress',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ open, keys, proxy, value }) {
      const backend = await open();
      const values = new Map(keys(16).map((stored, index) => [stored, value(65_536, index)]));
      await storeAll(backend, values);
      const numbers = randomNumbers(3);
      for (let round = 0; round < 40; round += 1) {
        const afterBytes = numbers(100_000);
        proxy.inject({ kind: 'reset', direction: 'down', afterBytes }, 1 + numbers(4));
        const items = [...values.keys()].map((stored) => ({ key: stored, into: new Uint8Array(65_536) }));
        const results = await backend.get(items);
        for (const [index, { key: stored, into }] of items.entries()) {
          const { status } = results[index] ?? {};
          assert.notEqual(status, 'miss', `round ${round}: a value that is there`);
          if (status === 'hit')
            assertBytes(into, values.get(stored as Key), `round ${round}, reset after ${afterBytes} bytes`);
        }
        proxy.clear();
      }
      await assertAllStored(backend, values, 'after 40 rounds of resets');
    },
  },
  {
    id: 'STRESS-04',
    title: 'stores a value of 32 MiB and a byte whole, as a chunk of a large model is',
    sentence:
      'Writes each value whole or not at all: a reader sees the old value or the new one, and after a failure the old one.',
    level: 'stress',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value, capabilities }) {
      const backend = await open();
      const stored = key();
      const whole = value(Math.min(32 * 1024 * 1024 + 1, capabilities.limits.maxValueBytes));
      await store(backend, stored, whole);
      await assertStored(backend, stored, whole, `a value of ${whole.byteLength} bytes`);
    },
  },
];
