import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { KvferryError, Operation, RemoteBackend } from '@kvferry/core';
import type { ConformanceCase } from '../case.ts';
import { callsOnOneItem, failure, listed, rejection, seen, store } from './support.ts';

/** What errors say, and what they keep to themselves. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'ERR-01',
    title: 'the error of a failed item names code, operation, key and backend',
    sentence: 'Its error carries operation, key and backend.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const [one = '', other = ''] = keys(2);
      await store(backend, one, value(100));
      await store(backend, other, value(200));
      const results = await backend.get([one, other].map((key) => ({ key, into: new Uint8Array(50) })));
      for (const [index, key] of [one, other].entries()) {
        const error = failure(results[index], 'BUFFER_TOO_SMALL', `item ${index}`);
        assert.equal(error.key, key, `the error of item ${index} names the key ${seen(error.key)}`);
        assertNames(error, backend, 'get');
        assert.ok(error.message.includes(JSON.stringify(key)), `the message is: ${error.message}`);
      }
    },
  },
  {
    id: 'ERR-02',
    title: 'the error of a refused call names operation and backend',
    sentence: 'The error of a call carries operation and backend.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key }) {
      const backend = create();
      for (const { name, run } of callsOnOneItem) {
        const operation = name.split(' ')[0] as Operation;
        assertNames(await rejection(run(backend, key()), 'NOT_OPEN', `${name} before open`), backend, operation);
      }
      await backend.open();
      assertNames(await rejection(backend.stat(['a//b']), 'INVALID_ARGUMENT', 'stat of a wrong key'), backend, 'stat');
      const signal = AbortSignal.abort();
      assertNames(
        await rejection(backend.stat([key()], { signal }), 'ABORTED', 'stat with a fired signal'),
        backend,
        'stat',
      );
      await backend.close();
      assertNames(await rejection(backend.open(), 'NOT_OPEN', 'open after close'), backend, 'open');
    },
  },
  {
    id: 'ERR-03',
    title: 'no error and no fact about the backend holds a secret',
    sentence: 'What the keys live in: a bucket, a folder. No secret.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key, value, secrets, capabilities }) {
      const backend = create();
      const told: unknown[] = [backend.info];
      told.push(await rejection(backend.stat([key()]), 'NOT_OPEN', 'stat before open'));
      await backend.open();
      const stored = key();
      await store(backend, stored, value(100));
      const [result] = await backend.get([{ key: stored, into: new Uint8Array(1) }]);
      told.push(backend.info, failure(result, 'BUFFER_TOO_SMALL', 'get of 100 bytes into 1'));
      told.push(await rejection(backend.stat(['a//b']), 'INVALID_ARGUMENT', 'stat of a wrong key'));
      if (capabilities.list) {
        const signal = AbortSignal.abort();
        told.push(await rejection(listed(backend.list({ prefix: stored, signal })), 'ABORTED', 'list'));
      }
      const text = told.map((what) => inspect(what, { depth: 8, showHidden: true })).join('\n');
      for (const [index, secret] of secrets.entries()) {
        assert.ok(!text.includes(secret), `secret ${index} of ${secrets.length} stands in an error or in info`);
      }
    },
  },
  {
    id: 'ERR-04',
    title: 'an absent key is no error, whatever is asked of it',
    sentence: 'Never an error; and an error is never a miss.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, capabilities }) {
      const backend = await open();
      for (const key of keys(3)) {
        for (const absent of [key, `${key}/below/and/below`]) {
          assert.deepEqual(await backend.stat([absent]), [{ status: 'miss' }]);
          assert.deepEqual(await backend.get([{ key: absent, into: new Uint8Array(0) }]), [{ status: 'miss' }]);
          if (capabilities.delete) assert.deepEqual(await backend.delete([absent]), [{ status: 'deleted' }]);
        }
      }
    },
  },
];

function assertNames(error: KvferryError, { info }: RemoteBackend, operation: Operation): void {
  assert.equal(error.operation, operation, `the error names the operation ${seen(error.operation)}: ${error.message}`);
  assert.equal(
    error.backend,
    `${info.scheme}://${info.namespace}`,
    `the error names the backend ${seen(error.backend)}`,
  );
}
