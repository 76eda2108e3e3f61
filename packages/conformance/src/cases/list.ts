import assert from 'node:assert/strict';
import type { Key } from '@kvferry/core';
import type { CaseContext, ConformanceCase } from '../case.ts';
import {
  assertAbsent,
  assertListed,
  assertStored,
  entriesOf,
  listed,
  rejection,
  store,
  storeAll,
  untyped,
} from './support.ts';

/** What `list` finds, and how it is left. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'LIST-01',
    title: 'gives every key under a prefix once, with the length of its value',
    sentence: 'Lists keys with the length of their values, page by page as the caller iterates, in no promised order.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base, values } = await someTree(context, backend);
      assertListed(await listed(backend.list({ prefix: base })), entriesOf(values));
    },
  },
  {
    id: 'LIST-02',
    title: 'takes a prefix that ends anywhere: in a segment, at a slash, at the end of a key',
    sentence: 'Only keys that start with this text, which need not end at a `/`.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base, values } = await someTree(context, backend);
      for (const prefix of [
        'k',
        'kv1',
        'kv1/',
        'kv1/a',
        'kv1/aa',
        'kv1/aa/',
        'kv1/aa/x',
        'kv1/ab/x',
        'kv1.',
        'm/n/o/p',
      ]) {
        const expected = [...entriesOf(values)].filter(([key]) => key.startsWith(base + prefix));
        assert.ok(expected.length > 0, `the case has no key under ${prefix}`);
        assertListed(await listed(backend.list({ prefix: base + prefix })), new Map(expected));
      }
    },
  },
  {
    id: 'LIST-03',
    title: 'gives nothing for a prefix that no key starts with',
    sentence: 'Only keys that start with this text, which need not end at a `/`.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base } = await someTree(context, backend);
      const none = ['kv9', 'kv1/aa/xx', 'kv1/aa/x/', 'kv1//', 'KV1/', '/', '%6bv1', 'kv1/../kv1'];
      // A prefix is no pattern: not one of LIKE, of GLOB, nor a regular expression.
      const patterns = ['%', 'kv_/', 'kv1/a%', '*', 'kv?/', 'kv1/a[ab]', 'kv./', '.*', 'kv1/a(a|b)'];
      for (const prefix of [...none, ...patterns]) {
        assertListed(await listed(backend.list({ prefix: base + prefix })), new Map());
      }
    },
  },
  {
    id: 'LIST-04',
    title: 'gives every key of more than a page',
    sentence: 'Lists keys with the length of their values, page by page as the caller iterates, in no promised order.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      // S3's page has at most 1,000.
      const base = `${key()}/`;
      const values = new Map(Array.from({ length: 1050 }, (_, index) => [`${base}${index}`, value(index % 7)]));
      await storeAll(backend, values);
      assertListed(await listed(backend.list({ prefix: base })), entriesOf(values));
    },
  },
  {
    id: 'LIST-05',
    title: 'may be left after any entry, and the backend goes on and closes',
    sentence: 'Leaving the loop ends the listing.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base, values } = await someTree(context, backend);
      for (let taken = 1; taken <= values.size; taken += 1) {
        let count = 0;
        for await (const { key } of backend.list({ prefix: base })) {
          assert.ok(values.has(key), `the listing names ${JSON.stringify(key)}`);
          count += 1;
          if (count === taken) break;
        }
        assert.equal(count, taken, `the listing ended after ${count} entries`);
      }
      assertListed(await listed(backend.list({ prefix: base })), entriesOf(values));
      await backend.close();
    },
  },
  {
    id: 'LIST-06',
    title: 'is done for good once it was left or has ended',
    sentence: 'Leaving the loop ends the listing.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base, values } = await someTree(context, backend);
      const left = backend.list({ prefix: base })[Symbol.asyncIterator]();
      await left.next();
      await left.return?.();
      assert.equal((await left.next()).done, true, 'a listing that was left has another entry');
      const whole = backend.list({ prefix: base })[Symbol.asyncIterator]();
      for (let entry = 0; entry < values.size; entry += 1) await whole.next();
      assert.equal((await whole.next()).done, true, 'the listing has an entry too many');
      assert.equal((await whole.next()).done, true, 'a listing that has ended has another entry');
    },
  },
  {
    id: 'LIST-07',
    title: 'starts anew each time it is iterated, also side by side',
    sentence: 'Each iteration is a listing of its own.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base, values } = await someTree(context, backend);
      const listing = backend.list({ prefix: base });
      const expected = entriesOf(values);
      assertListed(await listed(listing), expected);
      for (const found of await Promise.all([listed(listing), listed(listing)])) assertListed(found, expected);
      const later = `${base}later`;
      await store(backend, later, context.value(3));
      assertListed(await listed(listing), new Map([...expected, [later, 3]]));
    },
  },
  {
    id: 'LIST-08',
    title: 'names a key that was replaced once, with its new length, and one that was deleted not at all',
    sentence: 'Lists keys with the length of their values, page by page as the caller iterates, in no promised order.',
    level: 'core',
    needs: ['list', 'delete'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base, values } = await someTree(context, backend);
      const [replaced = '', deleted = ''] = values.keys();
      await store(backend, replaced, context.value(77));
      values.set(replaced, context.value(77));
      await backend.delete([deleted]);
      values.delete(deleted);
      assertListed(await listed(backend.list({ prefix: base })), entriesOf(values));
    },
  },
  {
    id: 'LIST-09',
    title: 'refuses a prefix that is no text',
    sentence:
      'A promise rejects only for the call itself: INVALID_ARGUMENT, then NOT_OPEN, then UNSUPPORTED, all three before any I/O;',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run({ open }) {
      const backend = await open();
      for (const prefix of [1, {}, ['a'], Buffer.from('a')]) {
        const listing = async () => await listed(backend.list({ prefix: untyped(prefix) }));
        await rejection(listing(), 'INVALID_ARGUMENT', `list with a prefix of type ${typeof prefix}`);
      }
    },
  },
  {
    id: 'LIST-10',
    title: 'gives entries to who asks for several at once, each once',
    sentence: 'Lists keys with the length of their values, page by page as the caller iterates, in no promised order.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base, values } = await someTree(context, backend);
      const entries = backend.list({ prefix: base })[Symbol.asyncIterator]();
      const steps = await Promise.all(Array.from({ length: values.size + 2 }, () => entries.next()));
      const found = steps.flatMap((step) => (step.done === true ? [] : [step.value]));
      assert.equal(new Set(found.map(({ key }) => key)).size, found.length, 'an entry was given twice');
      assertListed(new Map(found.map(({ key, byteLength }) => [key, byteLength])), entriesOf(values));
    },
  },
  {
    id: 'LIST-11',
    title: 'says of each value the time that it was written, the same in every listing, or none',
    sentence:
      "When the value was written, in milliseconds since 1970 by the store's clock; `undefined` where the store does not say.",
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base, values } = await someTree(context, backend);
      const times = new Map<Key, number | undefined>();
      for await (const { key, modifiedMs } of backend.list({ prefix: base })) times.set(key, modifiedMs);
      assert.equal(times.size, values.size, 'the listing lacks keys');
      for (const [key, modifiedMs] of times) {
        if (modifiedMs === undefined) continue;
        // No store is older than 1980. Seconds in place of milliseconds are far below that.
        const isTime = Number.isFinite(modifiedMs) && modifiedMs > Date.UTC(1980);
        assert.ok(isTime, `${JSON.stringify(key)} was written at ${modifiedMs} ms since 1970, says the listing`);
      }
      for await (const { key, modifiedMs } of backend.list({ prefix: base })) {
        const before = times.get(key);
        assert.equal(modifiedMs, before, `${JSON.stringify(key)} was written at ${before}, and then at ${modifiedMs}`);
      }
    },
  },
  {
    id: 'LIST-12',
    title: 'holds up no other call while it rests between two entries',
    sentence: 'Lists keys with the length of their values, page by page as the caller iterates, in no promised order.',
    level: 'core',
    needs: ['list', 'delete'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { base, values } = await someTree(context, backend);
      const found = new Map<Key, number>();
      // As one does who empties a folder: each call is made, and ends, before the next entry is asked for.
      for await (const { key, byteLength } of backend.list({ prefix: base })) {
        found.set(key, byteLength);
        await store(backend, context.key(), context.value(5));
        await assertStored(backend, key, values.get(key) ?? new Uint8Array(0), 'while a listing rests');
        assert.deepEqual(await backend.delete([key]), [{ status: 'deleted' }], 'delete while a listing rests');
        await assertAbsent(backend, key, 'while a listing rests');
      }
      assertListed(found, entriesOf(values));
      assertListed(await listed(backend.list({ prefix: base })), new Map());
    },
  },
];

/** Keys at several depths whose names begin alike, each with a value of another length. */
async function someTree(
  { key, value }: CaseContext,
  backend: Parameters<typeof storeAll>[0],
): Promise<{ readonly base: string; readonly values: Map<Key, Uint8Array> }> {
  const base = `${key()}/`;
  const names = ['kv1/aa/x', 'kv1/ab/x', 'kv1/ab/y', 'kv1.x', 'kv10', 'kv2/aa/x', 'k', 'm/n/o/p/q', 'm-n', 'empty'];
  const values = new Map(names.map((name, index) => [base + name, value(name === 'empty' ? 0 : 5 + index, index)]));
  await storeAll(backend, values);
  return { base, values };
}
