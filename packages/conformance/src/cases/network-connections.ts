import assert from 'node:assert/strict';
import { KvferryError } from '@kvferry/core';
import type { ConformanceCase } from '../case.ts';
import type { FaultProxy } from '../proxy/types.ts';
import { allAtOnce, assertFailed, assertSoon, callsOn, prepare } from './network-support.ts';
import { assertAllStored, assertStored, seen, someTurns, store, storeAll } from './support.ts';

const IDLE = 'A connection that ended while it was idle costs no item.';

/** What a backend does with its connections. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'NET-CONN-01',
    title: 'no connection is left after close, whatever was done',
    sentence:
      'Calls in flight end, their unsettled items `failed` with ABORTED; it resolves when all memory is quiet and every connection is gone.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, keys, value, open, capabilities } = context;
      const backend = await open();
      const calls = callsOn(await prepare(context, backend), capabilities);
      await allAtOnce(backend, calls);
      const values = new Map(keys(20).map((key, index) => [key, value(5000, index)]));
      await storeAll(backend, values);
      await assertAllStored(backend, values, 'before close');
      await backend.close();
      await assertSoon(proxy, ({ openConnections }) => openConnections === 0, 'connections are open after close');
    },
  },
  {
    id: 'NET-CONN-02',
    title: 'connections that the store ended between two calls cost no item, by the time their end is known',
    sentence: IDLE,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, open, capabilities } = context;
      const backend = await open();
      const keys = await prepare(context, backend);
      await allAtOnce(backend, callsOn(keys, capabilities));
      endIdleConnections(proxy);
      await someTurns();
      await store(backend, keys.doomed, keys.value);
      endIdleConnections(proxy);
      await someTurns();
      assertAllSucceed(await allAtOnce(backend, callsOn(keys, capabilities)));
    },
  },
  {
    id: 'NET-CONN-03',
    title: 'connections that the store ends just as they are used again cost no item',
    sentence: IDLE,
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run(context) {
      const { proxy, open, capabilities } = context;
      const backend = await open();
      const keys = await prepare(context, backend);
      for (let round = 0; round < 3; round += 1) {
        // Their end is on its way, and the backend cannot know it yet.
        endIdleConnections(proxy);
        assertAllSucceed(await allAtOnce(backend, callsOn(keys, capabilities)));
        await store(backend, keys.doomed, keys.value);
      }
    },
  },
  {
    id: 'NET-CONN-04',
    title: 'the store sees the requests of calls that timed out end',
    sentence:
      "When a method's promise has settled, nothing of it runs on: no memory is written, no connection is busy.",
    level: 'network',
    needs: ['bytes', 'requests'],
    since: '1.0.0',
    async run({ proxy, keys, value, open }) {
      const backend = await open();
      const values = new Map(keys(6).map((key, index) => [key, value(2000, index)]));
      await storeAll(backend, values);
      proxy.inject({ kind: 'stall', direction: 'down', afterBytes: 0 });
      const results = await backend.get([...values.keys()].map((key) => ({ key, into: new Uint8Array(2000) })));
      for (const result of results) assertFailed(result, ['TIMEOUT'], 'get of a store that answers nothing');
      await assertSoon(proxy, ({ openRequests }) => openRequests === 0, 'requests that timed out are still open');
    },
  },
  {
    id: 'NET-CONN-05',
    title: 'an open that the network fails may be tried again',
    sentence: 'A failed `open` may be tried again.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, key, value, create }) {
      const backend = create();
      for (const kind of ['refuse', 'reset'] as const) {
        proxy.inject(kind === 'refuse' ? { kind } : { kind, direction: 'down', afterBytes: 0 });
        // A backend whose open asks nothing of the store opens all the same.
        const error = await backend.open().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (error !== undefined) {
          assert.ok(KvferryError.is(error), `open rejected with ${String(error)}, which is no KvferryError`);
          assert.equal(error.code, 'CONNECTION', `open rejected with ${error.message}`);
          assert.equal(backend.state, 'new', `after a failed open, the state is ${backend.state}`);
        }
        proxy.clear();
      }
      await backend.open();
      const stored = key();
      await store(backend, stored, value(100));
      await assertStored(backend, stored, value(100), 'after failed opens');
    },
  },
  {
    id: 'NET-CONN-06',
    title: 'a backend that met many failures works again as before',
    sentence: 'Once the disturbance is over, the same backend works again.',
    level: 'network',
    needs: ['bytes'],
    since: '1.0.0',
    async run({ proxy, keys, value, open }) {
      const backend = await open();
      const values = new Map(keys(30).map((key, index) => [key, value(1000, index)]));
      await storeAll(backend, values);
      for (const kind of ['refuse', 'reset', 'truncate'] as const) {
        proxy.inject(kind === 'refuse' ? { kind } : { kind, direction: 'down', afterBytes: 0 });
        const results = await backend.stat([...values.keys()]);
        for (const result of results) assertFailed(result, ['CONNECTION'], `stat, ${kind}`);
        proxy.clear();
        await assertAllStored(backend, values, `after 30 failures by ${kind}`);
      }
    },
  },
];

/** Ends the connections that are kept, and none that come. */
function endIdleConnections(proxy: FaultProxy): void {
  proxy.inject({ kind: 'refuse' });
  proxy.clear();
}

function assertAllSucceed(outcomes: Awaited<ReturnType<typeof allAtOnce>>): void {
  for (const { call, outcome } of outcomes) {
    const due = call.name.endsWith('is not there') ? 'miss' : 'succeeded';
    assert.equal(outcome.status, due, `${call.name} answered ${seen(outcome)}`);
  }
}
