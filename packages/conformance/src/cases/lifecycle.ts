import assert from 'node:assert/strict';
import type { GetResult, PutResult } from '@kvferry/core';
import type { ConformanceCase } from '../case.ts';
import {
  assertAllStored,
  assertMarked,
  assertStored,
  callsOnNone,
  callsOnOneItem,
  failure,
  guarded,
  mark,
  rejection,
  seen,
  someTurns,
  statusesOf,
  store,
  storeAll,
} from './support.ts';

/** The life of a backend: every operation in every state, also on an empty batch. */
export const cases: readonly ConformanceCase[] = [
  {
    id: 'LIFE-01',
    title: 'is new before open, and every call is NOT_OPEN then, also on an empty batch',
    sentence: 'A backend is `new`, and usable once `open` has resolved.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key }) {
      const backend = create();
      assert.equal(backend.state, 'new');
      for (const { name, run } of [...callsOnOneItem, ...callsOnNone]) {
        await rejection(run(backend, key()), 'NOT_OPEN', `${name} before open`);
      }
      assert.equal(backend.state, 'new', 'a refused call changed the state');
    },
  },
  {
    id: 'LIFE-02',
    title: 'is opening until open has resolved, and every call is NOT_OPEN until then, also on an empty batch',
    sentence: 'A backend is `new`, and usable once `open` has resolved.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key }) {
      const backend = create();
      const opening = backend.open();
      assert.equal(backend.state, 'opening');
      // A listing begins with its first entry, which may be looked for when the opening is over.
      const calls = [...callsOnOneItem, ...callsOnNone].filter(({ name }) => name !== 'list');
      await Promise.all(
        calls.map(({ name, run }) => rejection(run(backend, key()), 'NOT_OPEN', `${name} while opening`)),
      );
      await opening;
    },
  },
  {
    id: 'LIFE-03',
    title: 'is open once open has resolved, and usable at once',
    sentence: 'Makes the backend usable.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key, value }) {
      const backend = create();
      await backend.open();
      assert.equal(backend.state, 'open');
      const first = key();
      await store(backend, first, value(32));
      await assertStored(backend, first, value(32), 'right after open');
    },
  },
  {
    id: 'LIFE-04',
    title: 'stays open, with what it holds, when it is opened again',
    sentence: 'Resolves at once when it is open; calls made meanwhile share one opening.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const kept = key();
      await store(backend, kept, value(32));
      const again = backend.open();
      assert.equal(backend.state, 'open', 'the second open changed the state');
      await again;
      await assertStored(backend, kept, value(32), 'after the second open');
    },
  },
  {
    id: 'LIFE-05',
    title: 'opens once for all who ask meanwhile',
    sentence: 'Resolves at once when it is open; calls made meanwhile share one opening.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key, value }) {
      const backend = create();
      await Promise.all([backend.open(), backend.open(), backend.open()]);
      assert.equal(backend.state, 'open');
      const first = key();
      await store(backend, first, value(32));
      await assertStored(backend, first, value(32), 'after three opens at once');
    },
  },
  {
    id: 'LIFE-06',
    title: 'may be opened after an open whose signal had fired',
    sentence: 'A failed `open` may be tried again.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key, value }) {
      const backend = create();
      await rejection(backend.open({ signal: AbortSignal.abort() }), 'ABORTED', 'open with a fired signal');
      assert.equal(backend.state, 'new', 'after the aborted open');
      await backend.open();
      const first = key();
      await store(backend, first, value(32));
      await assertStored(backend, first, value(32), 'after the second attempt');
    },
  },
  {
    id: 'LIFE-07',
    title: 'opens for the others when one of those who wait aborts',
    sentence: 'Resolves at once when it is open; calls made meanwhile share one opening.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key, value }) {
      const backend = create();
      const controller = new AbortController();
      const aborted = backend.open({ signal: controller.signal });
      const other = backend.open();
      controller.abort();
      await rejection(aborted, 'ABORTED', 'the open that was aborted');
      await other;
      assert.equal(backend.state, 'open');
      const first = key();
      await store(backend, first, value(32));
      await assertStored(backend, first, value(32), 'after one of two had left');
    },
  },
  {
    id: 'LIFE-08',
    title: 'an open that is aborted leaves it new or open, and open may be called again',
    sentence: 'A failed `open` may be tried again.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key, value }) {
      const backend = create();
      const controller = new AbortController();
      const opening = backend.open({ signal: controller.signal });
      controller.abort();
      // An opening that needs nothing may be done before the abort reaches it.
      const resolved = await opening.then(
        () => true,
        () => false,
      );
      if (!resolved) await rejection(opening, 'ABORTED', 'the open that was aborted');
      assert.equal(backend.state, resolved ? 'open' : 'new', `the aborted open ${resolved ? 'resolved' : 'rejected'}`);
      await backend.open();
      const first = key();
      await store(backend, first, value(32));
      await assertStored(backend, first, value(32), 'after the second open');
    },
  },
  {
    id: 'LIFE-09',
    title: 'may be closed without having been open, and is closed then',
    sentence: '`close` is for ever.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key }) {
      const backend = create();
      await backend.close();
      assert.equal(backend.state, 'closed');
      await rejection(backend.open(), 'NOT_OPEN', 'open after close');
      await rejection(backend.stat([key()]), 'NOT_OPEN', 'stat after close');
      assert.equal(backend.state, 'closed', 'the refused open changed the state');
    },
  },
  {
    id: 'LIFE-10',
    title: 'may be closed while it opens: the opening is NOT_OPEN, and it is closed',
    sentence: 'An opening that is under way when the backend closes rejects with NOT_OPEN too.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create, key }) {
      const backend = create();
      const opening = backend.open();
      const closing = backend.close();
      await rejection(opening, 'NOT_OPEN', 'an open under way at close');
      await closing;
      assert.equal(backend.state, 'closed');
      await rejection(backend.open(), 'NOT_OPEN', 'open after close');
      await rejection(backend.stat([key()]), 'NOT_OPEN', 'stat after close');
    },
  },
  {
    id: 'LIFE-11',
    title: 'is closed once close has resolved, and every call is NOT_OPEN then, also on an empty batch',
    sentence: '`close` is for ever.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key }) {
      const backend = await open();
      await backend.close();
      assert.equal(backend.state, 'closed');
      for (const { name, run } of [...callsOnOneItem, ...callsOnNone]) {
        await rejection(run(backend, key()), 'NOT_OPEN', `${name} after close`);
      }
      await rejection(backend.open(), 'NOT_OPEN', 'open after close');
      assert.equal(backend.state, 'closed', 'a refused call changed the state');
    },
  },
  {
    id: 'LIFE-12',
    title: 'is closing until close has resolved, and every call is NOT_OPEN meanwhile',
    sentence: 'Rejects with NOT_OPEN when closed.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key }) {
      const backend = await open();
      const closing = backend.close();
      assert.equal(backend.state, 'closing');
      const calls = [...callsOnOneItem, ...callsOnNone, { name: 'open', run: () => backend.open() }];
      await Promise.all(
        calls.map(({ name, run }) => rejection(run(backend, key()), 'NOT_OPEN', `${name} while closing`)),
      );
      await closing;
      assert.equal(backend.state, 'closed');
    },
  },
  {
    id: 'LIFE-13',
    title: 'may be closed any number of times',
    sentence: 'Calling it again gives the same answer.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open }) {
      const backend = await open();
      const closings = [backend.close(), backend.close()];
      const outcomes = await Promise.allSettled(closings);
      outcomes.push(...(await Promise.allSettled([backend.close()])));
      assert.deepEqual(statusesOf(outcomes), ['fulfilled', 'fulfilled', 'fulfilled']);
      assert.equal(backend.state, 'closed');
    },
  },
  {
    id: 'LIFE-14',
    title: 'close ends a put in flight: what had settled stands, the rest failed with ABORTED',
    sentence: 'Calls in flight end, their unsettled items `failed` with ABORTED;',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const items = keys(200).map((key, index) => ({ key, parts: [value(256, index)] }));
      const reported = new Map<number, PutResult>();
      const standing = new Set<number>();
      let closing: Promise<void> | undefined;
      const call = backend.put(items, {
        onSettled: (index, result) => {
          reported.set(index, result);
          if (closing !== undefined) return;
          standing.add(index);
          closing = backend.close();
        },
      });
      const results = await call;
      await closing;
      assert.equal(reported.size, items.length, `close resolved with ${reported.size} of 200 items reported`);
      for (const [index, result] of results.entries()) {
        assert.deepEqual(result, reported.get(index), `item ${index} was reported as ${seen(reported.get(index))}`);
        if (standing.has(index)) assert.equal(result.status, 'stored', `item ${index} had settled before the close`);
        else failure(result, 'ABORTED', `item ${index}, not settled at the close,`);
      }
    },
  },
  {
    id: 'LIFE-15',
    title: 'close ends a get in flight, and no memory is written after it',
    sentence: 'it resolves when all memory is quiet and every connection is gone.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const backend = await open();
      const values = new Map(keys(64).map((key, index) => [key, value(4096, index)]));
      await storeAll(backend, values);
      const items = [...values.keys()].map((key) => ({ key, memory: guarded(4096) }));
      const reported = new Map<number, GetResult>();
      let closing: Promise<void> | undefined;
      const results = await backend.get(
        items.map(({ key, memory }) => ({ key, into: memory.into })),
        {
          onSettled: (index, result) => {
            reported.set(index, result);
            closing ??= backend.close();
          },
        },
      );
      await closing;
      for (const { memory } of items) mark(memory.into);
      const aborted = results.filter((result) => result.status === 'failed');
      assert.equal(aborted.length, items.length - 1, `${aborted.length} of 64 items failed; one had settled`);
      for (const result of aborted) failure(result, 'ABORTED', 'an item not settled at the close');
      await someTurns();
      for (const { memory } of items) assertMarked(memory.into, 'after close');
    },
  },
  {
    id: 'LIFE-16',
    title: 'close ends a listing that rests between two entries',
    sentence: 'Calls in flight end, their unsettled items `failed` with ABORTED;',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run({ open, key, value }) {
      const backend = await open();
      const prefix = key('/');
      await storeAll(backend, new Map(['a', 'b', 'c'].map((name) => [prefix + name, value(8)])));
      const entries = backend.list({ prefix })[Symbol.asyncIterator]();
      const first = await entries.next();
      assert.equal(first.done, false, 'the listing has no first entry');
      await backend.close();
      await rejection(entries.next(), 'ABORTED', 'the next entry after close');
    },
  },
  {
    id: 'LIFE-17',
    title: 'a listing that was made and not begun before close is NOT_OPEN',
    sentence: 'Rejects with NOT_OPEN when closed.',
    level: 'core',
    needs: ['list'],
    since: '1.0.0',
    async run({ open, key }) {
      const backend = await open();
      const entries = backend.list({ prefix: key() })[Symbol.asyncIterator]();
      await backend.close();
      await rejection(entries.next(), 'NOT_OPEN', 'the first entry after close');
    },
  },
  {
    id: 'LIFE-18',
    title: 'Symbol.asyncDispose closes it',
    sentence: 'Closes for ever.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, key }) {
      const backend = await open();
      await backend[Symbol.asyncDispose]();
      assert.equal(backend.state, 'closed');
      await rejection(backend.stat([key()]), 'NOT_OPEN', 'stat after disposal');
      await backend[Symbol.asyncDispose]();
    },
  },
  {
    id: 'LIFE-19',
    title: 'a wrong argument is told before the state',
    sentence:
      'A promise rejects only for the call itself: INVALID_ARGUMENT, then NOT_OPEN, then UNSUPPORTED, all three before any I/O;',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ create }) {
      const backend = create();
      for (const { name, run } of callsOnOneItem.filter(({ name }) => name !== 'list')) {
        await rejection(run(backend, 'a//b'), 'INVALID_ARGUMENT', `${name} of a wrong key before open`);
      }
      await backend.close();
      for (const { name, run } of callsOnOneItem.filter(({ name }) => name !== 'list')) {
        await rejection(run(backend, 'a//b'), 'INVALID_ARGUMENT', `${name} of a wrong key after close`);
      }
    },
  },
  {
    id: 'LIFE-20',
    title: 'closing one backend leaves another alone',
    sentence: 'Closes for ever.',
    level: 'core',
    needs: [],
    since: '1.0.0',
    async run({ open, keys, value }) {
      const [one, other] = [await open(), await open()];
      const values = new Map(keys(8).map((key, index) => [key, value(64, index)]));
      await storeAll(other, values);
      await one.close();
      assert.equal(other.state, 'open');
      await assertAllStored(other, values, 'after the close of another backend');
    },
  },
];
