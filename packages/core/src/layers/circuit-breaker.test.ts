import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RemoteBackend, StatResult } from '../backend.ts';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import type { BackendDriver } from '../driver.ts';
import { type ErrorCode, KvferryError } from '../errors.ts';
import { behaviours } from '../testing/behaviours.ts';
import { collect, errorOf } from '../testing/values.ts';
import { BREAKER_CHANNEL, type BreakerRecord } from './breaker-state.ts';
import { type CircuitBreakerOptions, circuitBreaker } from './circuit-breaker.ts';
import { deadline } from './deadline.ts';
import { forwardTo } from './forward.ts';
import { withLayers } from './with-layers.ts';

/** Time is the test's own: nothing here waits. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'], now: 0 }));
afterEach(() => void vi.useRealTimers());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pass = (ms: number): void => void vi.advanceTimersByTime(ms);
const miss = { status: 'miss' } as const;
const failed = (code: ErrorCode) => ({ status: 'failed', error: new KvferryError(code, 'busy') }) as const;

/** A store that answers every `stat` with a miss, until it is told otherwise. */
class Store {
  readonly asked: string[] = [];
  answer: (key: string) => StatResult | Promise<StatResult> = () => miss;
  readonly backend: RemoteBackend;

  constructor(overrides: Partial<BackendDriver> = {}) {
    const driver = forwardTo(memoryBackend({ namespace: 'here' }), {
      stat: (batch) =>
        batch.each(100, (key) => {
          this.asked.push(key);
          return this.answer(key);
        }),
      ...overrides,
    });
    this.backend = defineBackend(driver);
  }

  fail(code: ErrorCode): void {
    this.answer = () => failed(code);
  }

  /** From now on each item waits until it is answered by name. */
  hold(): Map<string, (result: StatResult) => void> {
    const held = new Map<string, (result: StatResult) => void>();
    this.answer = (key) => new Promise((resolve) => held.set(key, resolve));
    return held;
  }
}

async function guarding(
  store: Store,
  options: CircuitBreakerOptions = { failures: 3, halfOpenMs: 1000 },
): Promise<RemoteBackend> {
  const backend = circuitBreaker(options)(store.backend);
  await backend.open();
  return backend;
}

/** A breaker that has just opened, over a store that is back. Half-opens after 1,000 ms. */
async function justOpened(store: Store): Promise<RemoteBackend> {
  const backend = await guarding(store);
  const { answer } = store;
  store.fail('CONNECTION');
  await backend.stat(['x', 'x', 'x']);
  store.asked.length = 0;
  store.answer = answer;
  return backend;
}

/** Whether an item gets through to the store. */
async function tried(store: Store, backend: RemoteBackend): Promise<'asked' | 'refused'> {
  const before = store.asked.length;
  const [result] = await backend.stat(['k']);
  if (store.asked.length > before) return 'asked';
  expect(errorOf(result)?.reason).toMatch(/circuit breaker/);
  return 'refused';
}

function collectRecords(): BreakerRecord[] {
  const records: BreakerRecord[] = [];
  const note = (message: unknown): void => void records.push(message as BreakerRecord);
  subscribe(BREAKER_CHANNEL, note);
  onTestFinished(() => void unsubscribe(BREAKER_CHANNEL, note));
  return records;
}

describe('a closed circuit breaker', () => {
  for (const { title, run } of behaviours) {
    test(`changes nothing: ${title}`, async () => {
      const backend = circuitBreaker()(memoryBackend());
      await backend.open();
      await run(backend);
      await backend.close();
    });
  }

  test('passes each result on as it comes', async () => {
    const store = new Store();
    const held = store.hold();
    const backend = await guarding(store);
    const settled: number[] = [];
    const stat = backend.stat(['a', 'b'], { onSettled: (index) => settled.push(index) });
    await turn();
    held.get('b')?.(failed('TIMEOUT'));
    await turn();
    expect(settled).toEqual([1]);
    held.get('a')?.(miss);
    expect(await stat).toMatchObject([miss, { error: { code: 'TIMEOUT' } }]);
  });

  test('opens after 5 failures in a row by default', async () => {
    const store = new Store();
    store.fail('UNAVAILABLE');
    const backend = await guarding(store, {});
    for (let call = 0; call < 5; call += 1) expect(await tried(store, backend)).toBe('asked');
    expect(await tried(store, backend)).toBe('refused');
  });

  test.each<[ErrorCode, 'asked' | 'refused']>([
    ['TIMEOUT', 'refused'],
    ['CONNECTION', 'refused'],
    ['UNAVAILABLE', 'refused'],
    ['THROTTLED', 'refused'],
    ['ABORTED', 'asked'],
    ['NOT_OPEN', 'asked'],
    ['INVALID_ARGUMENT', 'asked'],
    ['CONFIG_INVALID', 'asked'],
    ['UNSUPPORTED', 'asked'],
    ['UNAUTHENTICATED', 'asked'],
    ['PERMISSION_DENIED', 'asked'],
    ['NAMESPACE_NOT_FOUND', 'asked'],
    ['BUFFER_TOO_SMALL', 'asked'],
    ['TOO_LARGE', 'asked'],
    ['CORRUPT', 'asked'],
    ['UNKNOWN', 'asked'],
  ])('after three times %s the next item is %s', async (code, expected) => {
    const store = new Store();
    store.fail(code);
    const backend = await guarding(store);
    for (let call = 0; call < 3; call += 1) await backend.stat(['a']);
    expect(await tried(store, backend)).toBe(expected);
  });

  test.each<[string, ErrorCode | 'miss', 'asked' | 'refused']>([
    ['an answer starts the count anew', 'miss', 'asked'],
    ['a refusal is an answer', 'PERMISSION_DENIED', 'asked'],
    ['an abort says nothing', 'ABORTED', 'refused'],
    ['a store that this side has closed says nothing', 'NOT_OPEN', 'refused'],
  ])('%s', async (_title, between, expected) => {
    const store = new Store();
    const backend = await guarding(store);
    for (const answer of ['TIMEOUT', 'TIMEOUT', between, 'TIMEOUT'] as const) {
      store.answer = () => (answer === 'miss' ? miss : failed(answer));
      await backend.stat(['a']);
    }
    expect(await tried(store, backend)).toBe(expected);
  });

  test('counts every item of a call', async () => {
    const store = new Store();
    store.fail('CONNECTION');
    const backend = await guarding(store);
    await backend.stat(['a', 'b', 'c']);
    expect(await tried(store, backend)).toBe('refused');
  });

  test('takes a call in which anything was answered for an answer', async () => {
    const store = new Store();
    store.answer = (key) => (key === 'a' ? miss : failed('TIMEOUT'));
    const backend = await guarding(store);
    await backend.stat(['a', 'b', 'c', 'd', 'e']);
    expect(await tried(store, backend)).toBe('asked');
  });

  test.each<[string, (backend: RemoteBackend) => Promise<unknown>]>([
    ['get', (backend) => backend.get([{ key: 'a', into: new Uint8Array(1) }])],
    ['put', (backend) => backend.put([{ key: 'a', parts: [] }])],
    ['delete', (backend) => backend.delete(['a'])],
    ['list', (backend) => collect(backend.list()).catch(() => {})],
  ])('counts failures of %s, and then spares it the store', async (_operation, call) => {
    let calls = 0;
    const fails = async (): Promise<never> => {
      calls += 1;
      throw new KvferryError('CONNECTION', 'refused');
    };
    const list = (): AsyncIterable<never> => ({ [Symbol.asyncIterator]: () => ({ next: fails }) });
    const backend = await guarding(new Store({ get: fails, put: fails, delete: fails, list }));
    for (let times = 0; times < 5; times += 1) await call(backend);
    expect(calls).toBe(3);
  });
});

test('the first word of a listing counts, and only that', async () => {
  const store = new Store({
    list: async function* () {
      yield { key: 'a', byteLength: 0 };
      throw new KvferryError('CONNECTION', 'reset');
    },
  });
  const backend = await guarding(store);
  store.fail('CONNECTION');
  const reading = (async () => {
    for await (const _ of backend.list()) await backend.stat(['x', 'x']);
  })();
  await expect(reading).rejects.toMatchObject({ code: 'CONNECTION' });
  expect(await tried(store, backend)).toBe('asked');
  expect(await tried(store, backend)).toBe('refused');
});

describe('a call that ends early', () => {
  test('by a deadline counts each item once', async () => {
    const store = new Store();
    const held = store.hold();
    const backend = await guarding(store);
    const abort = new AbortController();
    const stat = backend.stat(['a', 'b'], { signal: abort.signal });
    stat.catch(() => {});
    await turn();
    held.get('a')?.(failed('CONNECTION'));
    await turn();
    abort.abort(new DOMException('late', 'TimeoutError'));
    held.get('b')?.(miss);
    await expect(stat).rejects.toMatchObject({ code: 'ABORTED' });
    store.fail('CONNECTION');
    expect(await tried(store, backend)).toBe('asked');
    expect(await tried(store, backend)).toBe('refused');
  });

  test('by a deadline around the breaker counts what was left as failures', async () => {
    const hanging = new Store({
      stat: (batch) => new Promise((resolve) => batch.signal.addEventListener('abort', () => resolve())),
    });
    const backend = withLayers(hanging.backend, circuitBreaker({ failures: 3 }), deadline({ callMs: 100 }));
    await backend.open();
    const stat = backend.stat(['a', 'b', 'c']);
    await turn();
    pass(100);
    expect(errorOf((await stat)[0])?.code).toBe('TIMEOUT');
    expect(errorOf((await backend.stat(['a']))[0])?.reason).toMatch(/circuit breaker.*TIMEOUT/);
  });

  test.each([
    [new DOMException('late', 'TimeoutError'), 'refused'],
    [new DOMException('enough', 'AbortError'), 'asked'],
    ['changed my mind', 'asked'],
  ] as const)('by an abort for %s leaves the next item %s', async (reason, expected) => {
    const store = new Store();
    const held = store.hold();
    const backend = await guarding(store);
    const abort = new AbortController();
    const stat = backend.stat(['a', 'b', 'c'], { signal: abort.signal });
    stat.catch(() => {});
    await turn();
    abort.abort(reason);
    for (const settle of held.values()) settle(miss);
    await expect(stat).rejects.toMatchObject({ code: 'ABORTED' });
    store.answer = () => miss;
    expect(await tried(store, backend)).toBe(expected);
  });
});

describe('an open circuit breaker', () => {
  test('fails items at once, saying since when, why, and when to come back', async () => {
    const store = new Store();
    const backend = await justOpened(store);
    pass(266);
    const results = await backend.stat(['a', 'b']);
    expect(store.asked).toEqual([]);
    expect(errorOf(results[1])).toMatchObject({
      code: 'UNAVAILABLE',
      retry: 'later',
      retryAfterMs: 734,
      operation: 'stat',
      key: 'b',
      backend: 'memory://here',
      cause: { code: 'CONNECTION', key: 'x' },
    });
    expect(errorOf(results[1])?.reason).toBe(
      'the circuit breaker of memory://here is open for reads since 1970-01-01T00:00:00.000Z, after 3 failures in a row; the last one: ' +
        'CONNECTION in stat "x": busy. The next item may try in 734 ms',
    );
  });

  test('fails a listing at once', async () => {
    const backend = await justOpened(new Store());
    await expect(collect(backend.list())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      operation: 'list',
      retryAfterMs: 1000,
    });
  });

  test('does not hear an answer to a call that was begun before', async () => {
    const store = new Store();
    const held = store.hold();
    const backend = await guarding(store);
    const early = backend.stat(['early']);
    await turn();
    store.fail('CONNECTION');
    await backend.stat(['x', 'x', 'x']);
    held.get('early')?.(miss);
    expect(await early).toEqual([miss]);
    expect(await tried(store, backend)).toBe('refused');
  });

  test('closes, and aborts what is under way', async () => {
    const store = new Store();
    const backend = await justOpened(store);
    const held = store.hold();
    pass(1000);
    const stat = backend.stat(['a']);
    await turn();
    const closing = backend.close();
    held.get('a')?.(miss);
    await closing;
    expect(errorOf((await stat)[0])?.code).toBe('ABORTED');
    expect(store.backend.state).toBe('closed');
  });
});

describe('a half-open circuit breaker', () => {
  test('lets the first item through and closes when it is answered', async () => {
    const store = new Store();
    const backend = await justOpened(store);
    pass(999);
    expect(await tried(store, backend)).toBe('refused');
    pass(1);
    const results = await backend.stat(['a', 'b', 'c']);
    expect(store.asked).toEqual(['a']);
    expect(results[0]).toEqual(miss);
    for (const result of results.slice(1)) {
      expect(errorOf(result)).toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 1000 });
    }
    expect(await backend.stat(['a', 'b', 'c'])).toEqual([miss, miss, miss]);
  });

  test.each<[ErrorCode, 'asked' | 'refused']>([
    ['THROTTLED', 'refused'],
    ['ABORTED', 'refused'],
    ['PERMISSION_DENIED', 'asked'],
    ['CORRUPT', 'asked'],
    ['UNKNOWN', 'asked'],
  ])('after %s the next item is %s', async (code, expected) => {
    const store = new Store();
    const backend = await justOpened(store);
    pass(1000);
    store.fail(code);
    await backend.stat(['a']);
    expect(await tried(store, backend)).toBe(expected);
  });

  test('tries again after a failure, and tells of the new one', async () => {
    const store = new Store();
    const backend = await justOpened(store);
    pass(1000);
    store.fail('THROTTLED');
    await backend.stat(['a']);
    expect(errorOf((await backend.stat(['b']))[0])?.cause).toMatchObject({ code: 'THROTTLED', key: 'a' });
    pass(1000);
    store.answer = () => miss;
    expect(await tried(store, backend)).toBe('asked');
    expect(await backend.stat(['a', 'b'])).toEqual([miss, miss]);
  });

  test('fails the others while an item tries, but follows one that hangs with another', async () => {
    const store = new Store();
    const backend = await justOpened(store);
    const held = store.hold();
    pass(1000);
    const hangs = backend.stat(['hangs']);
    await turn();
    expect(await tried(store, backend)).toBe('refused');
    pass(1000);
    const second = backend.stat(['second']);
    await turn();
    expect(store.asked).toEqual(['hangs', 'second']);
    held.get('second')?.(miss);
    expect(await second).toEqual([miss]);
    store.answer = () => miss;
    expect(await backend.stat(['a', 'b'])).toEqual([miss, miss]);
    held.get('hangs')?.(failed('TIMEOUT'));
    await hangs;
    expect(await tried(store, backend)).toBe('asked');
  });

  test('is not held open by an item that was aborted', async () => {
    const store = new Store();
    const backend = await justOpened(store);
    const held = store.hold();
    pass(1000);
    const abort = new AbortController();
    const stat = backend.stat(['a'], { signal: abort.signal });
    await turn();
    abort.abort();
    held.get('a')?.(miss);
    await expect(stat).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await tried(store, backend)).toBe('refused');
    pass(1000);
    store.answer = () => miss;
    expect(await tried(store, backend)).toBe('asked');
    expect(await tried(store, backend)).toBe('asked');
  });

  test.each([
    ['an entry', [{ key: 'a', byteLength: 0 }]],
    ['its end', []],
  ])('closes with the first word of a listing: %s', async (_title, entries) => {
    const store = new Store({
      list: async function* () {
        yield* entries;
      },
    });
    const backend = await justOpened(store);
    pass(1000);
    for await (const _ of backend.list()) {
      expect(await tried(store, backend)).toBe('asked');
    }
    expect(await tried(store, backend)).toBe('asked');
  });
});

describe('a circuit breaker that has closed again', () => {
  test('does not count what an outage has left behind', async () => {
    const store = new Store();
    const held = store.hold();
    const backend = await guarding(store);
    const left = backend.stat(['a', 'b', 'c']);
    await turn();
    store.fail('CONNECTION');
    await backend.stat(['x', 'x', 'x']);
    store.answer = () => miss;
    pass(1000);
    expect(await tried(store, backend)).toBe('asked');
    for (const settle of held.values()) settle(failed('TIMEOUT'));
    await left;
    expect(await tried(store, backend)).toBe('asked');
  });

  test('is not closed by an item that tried during an earlier outage', async () => {
    const store = new Store();
    const backend = await justOpened(store);
    const held = store.hold();
    pass(1000);
    const hangs = backend.stat(['hangs']);
    await turn();
    store.answer = () => miss;
    pass(1000);
    expect(await tried(store, backend)).toBe('asked');
    store.fail('CONNECTION');
    await backend.stat(['x', 'x', 'x']);
    held.get('hangs')?.(miss);
    expect(await hangs).toEqual([miss]);
    expect(await tried(store, backend)).toBe('refused');
  });
});

test('a store that takes nothing any more is still read, and one that is not read still takes what it gets', async () => {
  const full = new Store({ put: (batch) => batch.each(100, () => failed('UNAVAILABLE')) });
  const backend = await guarding(full);
  const put = () => backend.put([{ key: 'k', parts: [] }]);
  for (let left = 3; left > 0; left--) await put();
  expect(errorOf((await put())[0])?.reason).toMatch(/circuit breaker of memory:\/\/here is open for writes/);
  expect(errorOf((await backend.delete(['k']))[0])?.reason).toMatch(/open for writes/);
  expect(await tried(full, backend)).toBe('asked');
  expect(await collect(backend.list())).toEqual([]);

  const unread = await justOpened(new Store());
  expect(await unread.put([{ key: 'k', parts: [] }])).toEqual([{ status: 'stored' }]);
});

test('every change is published', async () => {
  const store = new Store();
  const records = collectRecords();
  const backend = await justOpened(store);
  store.fail('THROTTLED');
  pass(1000);
  await backend.stat(['a']);
  store.answer = () => miss;
  pass(1000);
  await backend.stat(['a']);
  await backend.stat(['a']);
  const at = (state: BreakerRecord['state'], lastErrorCode: ErrorCode): BreakerRecord => ({
    backend: 'memory://here',
    guards: 'reads',
    state,
    lastErrorCode,
  });
  expect(records).toEqual([
    at('open', 'CONNECTION'),
    at('half-open', 'CONNECTION'),
    at('open', 'THROTTLED'),
    at('half-open', 'THROTTLED'),
    at('closed', 'THROTTLED'),
  ]);
});

test('whatever has happened, a store that is back is in use again after one pause and one item', async () => {
  const event = fc.record({
    waitMs: fc.constantFrom(0, 0, 1, 400, 1000, 5000),
    what: fc.constantFrom('fail', 'fail', 'fail', 'answer', 'hang', 'abort', 'end', 'list'),
  });
  const run = fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (events) => {
    const store = new Store();
    const backend = await guarding(store, { failures: 2, halfOpenMs: 1000 });
    const hanging: { settle(result: StatResult): void; call: Promise<unknown> }[] = [];
    for (const { waitMs, what } of events) {
      pass(waitMs);
      store.answer = () => (what === 'fail' ? failed('CONNECTION') : miss);
      if (what === 'end') {
        const ended = hanging.shift();
        ended?.settle(failed('TIMEOUT'));
        await ended?.call;
      } else if (what === 'list') {
        await collect(backend.list()).catch(() => {});
      } else if (what === 'hang' || what === 'abort') {
        const held = Promise.withResolvers<StatResult>();
        store.answer = () => held.promise;
        const abort = new AbortController();
        const call = backend.stat(['a', 'b'], { signal: abort.signal }).catch(() => {});
        await turn();
        if (what === 'abort') {
          abort.abort();
          held.resolve(miss);
          await call;
        } else {
          hanging.push({ settle: held.resolve, call });
        }
      } else {
        await backend.stat(['a', 'b']);
      }
    }
    store.answer = () => miss;
    pass(1000);
    expect((await backend.stat(['a', 'b']))[0]).toEqual(miss);
    expect(await backend.stat(['a', 'b'])).toEqual([miss, miss]);
    for (const { settle } of hanging) settle(failed('TIMEOUT'));
    await backend.close();
  });
  await fc.assert(run, { numRuns: 100 });
});

test('names the option that is wrong', () => {
  for (const failures of [0, 1.5]) {
    expect(() => circuitBreaker({ failures })).toThrow(/CONFIG_INVALID.*failures/);
  }
  for (const halfOpenMs of [0, 3_600_001]) {
    expect(() => circuitBreaker({ halfOpenMs })).toThrow(/CONFIG_INVALID.*halfOpenMs/);
  }
  expect(() => circuitBreaker({ threshold: 1 } as never)).toThrow(/CONFIG_INVALID.*"threshold"/);
});
