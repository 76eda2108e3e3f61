import assert from 'node:assert/strict';
import type { ConformanceCase } from '../case.ts';
import { assertAbsent, assertStored, failure, listed, rejection, seen, statusesOf, store } from './support.ts';

/** Capabilities: claimed before `open`, and honoured after it. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'CAP-01',
    title: 'claims what its author says it can do, before and after open',
    sentence: 'What a backend can do, as plain data that is known before `open`.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      const backend = context.create();
      assert.deepEqual(
        plain(backend.capabilities),
        context.capabilities,
        'before open, other capabilities are claimed',
      );
      await backend.open();
      assert.deepEqual(plain(backend.capabilities), context.capabilities, 'after open, other capabilities are claimed');
    },
  },
  {
    id: 'CAP-02',
    title: 'claims by plain data: booleans, and a limit that is a whole number of bytes',
    sentence: 'What a backend can do, as plain data that is known before `open`.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      const { capabilities } = context.create();
      for (const name of ['delete', 'list', 'create'] as const) {
        assert.equal(typeof capabilities[name], 'boolean', `capabilities.${name} is ${seen(capabilities[name])}`);
      }
      const { maxValueBytes, maxKeyBytes } = capabilities.limits;
      assert.ok(Number.isSafeInteger(maxKeyBytes) && maxKeyBytes > 0, `maxKeyBytes is ${seen(maxKeyBytes)}`);
      assert.ok(Number.isSafeInteger(maxValueBytes) && maxValueBytes > 0, `maxValueBytes is ${seen(maxValueBytes)}`);
    },
  },
  {
    id: 'CAP-03',
    title: 'has every method, whatever it can do',
    sentence: 'A method never disappears: without its capability it rejects with UNSUPPORTED, before any I/O.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      const backend = context.create();
      for (const name of ['open', 'stat', 'get', 'put', 'delete', 'list', 'close', Symbol.asyncDispose] as const) {
        assert.equal(typeof backend[name], 'function', `${String(name)} is ${typeof backend[name]}`);
      }
    },
  },
  {
    id: 'CAP-04',
    title: 'refuses delete where it cannot, and leaves the value',
    sentence: 'A method never disappears: without its capability it rejects with UNSUPPORTED, before any I/O.',
    level: 'core',
    needs: ['no-delete'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const key = context.key();
      await store(backend, key, context.value(32));
      await rejection(backend.delete([key]), 'UNSUPPORTED', 'delete');
      await rejection(backend.delete([]), 'UNSUPPORTED', 'delete of no key');
      await assertStored(backend, key, context.value(32), 'after the refused delete');
    },
  },
  {
    id: 'CAP-05',
    title: 'refuses list where it cannot',
    sentence: 'A method never disappears: without its capability it rejects with UNSUPPORTED, before any I/O.',
    level: 'core',
    needs: ['no-list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      await rejection(listed(backend.list({ prefix: context.key() })), 'UNSUPPORTED', 'list');
    },
  },
  {
    id: 'CAP-06',
    title: "refuses mode 'create' where it cannot, and stores nothing",
    sentence: '`create` keeps what is there and answers `exists`; it needs `capabilities.create`.',
    level: 'core',
    needs: ['no-create'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const key = context.key();
      const items = [{ key, parts: [context.value(32)] }];
      await rejection(backend.put(items, { mode: 'create' }), 'UNSUPPORTED', "put with mode 'create'");
      await rejection(backend.put([], { mode: 'create' }), 'UNSUPPORTED', "put of no item with mode 'create'");
      await assertAbsent(backend, key, 'after the refused put');
    },
  },
  {
    id: 'CAP-07',
    title: 'deletes when it says that it can',
    sentence: 'Makes each key absent.',
    level: 'core',
    needs: ['delete'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const key = context.key();
      await store(backend, key, context.value(32));
      assert.deepEqual(statusesOf(await backend.delete([key])), ['deleted']);
      await assertAbsent(backend, key, 'after the delete');
    },
  },
  {
    id: 'CAP-08',
    title: 'lists when it says that it can',
    sentence: 'Lists keys with the length of their values, page by page as the caller iterates, in no promised order.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const key = context.key();
      await store(backend, key, context.value(32));
      const found = await listed(backend.list({ prefix: key }));
      assert.deepEqual([...found], [[key, 32]], `the listing gave ${seen([...found])}`);
    },
  },
  {
    id: 'CAP-09',
    title: "creates when it says that it can: what is there is kept, and answered by 'exists'",
    sentence: '`create` keeps what is there and answers `exists`; it needs `capabilities.create`.',
    level: 'core',
    needs: ['create'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const key = context.key();
      const create = (seed: number) => backend.put([{ key, parts: [context.value(32, seed)] }], { mode: 'create' });
      assert.deepEqual(await create(1), [{ status: 'stored' }], 'the first create of a key');
      assert.deepEqual(await create(2), [{ status: 'exists' }], 'the second create of the key');
      await assertStored(backend, key, context.value(32, 1), 'after the second create');
    },
  },
  {
    id: 'CAP-10',
    title: 'names its scheme and namespace before open, and every detail is a text',
    sentence: 'Names a backend in messages and telemetry.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run(context) {
      const backend = context.create();
      const { scheme, namespace } = backend.info;
      assert.match(scheme, /^[a-z][a-z0-9+.-]*$/, `info.scheme is ${seen(scheme)}`);
      assert.ok(typeof namespace === 'string' && namespace.length > 0, `info.namespace is ${seen(namespace)}`);
      await backend.open();
      assert.equal(backend.info.scheme, scheme, 'open changed info.scheme');
      assert.equal(backend.info.namespace, namespace, 'open changed info.namespace');
      for (const [name, detail] of Object.entries(backend.info.details)) {
        assert.equal(typeof detail, 'string', `info.details.${name} is ${seen(detail)}`);
      }
    },
  },
  {
    id: 'CAP-11',
    title: 'refuses a value above its limit, stores nothing of it, and stores the others of the batch',
    sentence: 'A larger one is TOO_LARGE.',
    level: 'core',
    needs: ['small-values'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const { maxValueBytes } = context.capabilities.limits;
      const [absent, held, other] = context.keys(3) as [string, string, string];
      await store(backend, held, context.value(32));
      const tooLarge = [context.value(maxValueBytes), new Uint8Array(1)];
      const results = await backend.put([
        { key: absent, parts: tooLarge },
        { key: other, parts: [context.value(64)] },
        { key: held, parts: tooLarge },
      ]);
      failure(results[0], 'TOO_LARGE', `put of ${maxValueBytes} + 1 bytes`);
      assert.equal(results[1]?.status, 'stored', `the small value beside it answered ${seen(results[1])}`);
      failure(results[2], 'TOO_LARGE', `put of ${maxValueBytes} + 1 bytes over a value`);
      await assertAbsent(backend, absent, 'after TOO_LARGE');
      await assertStored(backend, held, context.value(32), 'after TOO_LARGE over a value');
      await assertStored(backend, other, context.value(64), 'beside TOO_LARGE');
    },
  },
  {
    id: 'CAP-12',
    title: 'stores a value of exactly its limit',
    sentence: 'The largest value, in bytes.',
    level: 'core',
    needs: ['small-values'],
    since: '1.0.0',
    async run(context) {
      const backend = await context.open();
      const key = context.key();
      const value = context.value(context.capabilities.limits.maxValueBytes);
      await store(backend, key, value);
      await assertStored(backend, key, value, 'a value of the largest size');
    },
  },
];

/** What a copy between processes would keep of it. */
function plain<T>(value: T): T {
  return structuredClone(value);
}
