import { bufferPool } from '@kvferry/core';
import { describe, expect, it } from 'vitest';
import { BUCKET, collect, openBackend, sampleBytes, startStore, storedBytes } from './testing/store.ts';

const MIB = 1024 * 1024;
const VALUE_BYTES = 16 * MIB;

describe('a get into leased memory', () => {
  it.each(['http', 'https'] as const)('allocates nothing in proportion to the value, over %s', async (scheme) => {
    const store = await startStore({ scheme });
    const pool = bufferPool({ maxBytes: 64 * MIB });
    using lease = await pool.lease(VALUE_BYTES);
    lease.bytes.fill(1);
    await store.putObject(BUCKET, 'k', sampleBytes(VALUE_BYTES));
    const backend = await openBackend(store);
    const read = () => backend.get([{ key: 'k', into: lease.bytes }]);
    await read();

    const before = process.memoryUsage();
    const growth = { arrayBuffers: 0, external: 0, rss: 0 };
    for (let round = 0; round < 8; round++) {
      let reading = true;
      const answer = read().finally(() => {
        reading = false;
      });
      // While it reads, since what is allocated on the way may be gone at its end.
      while (reading) {
        await new Promise(setImmediate);
        const now = process.memoryUsage();
        for (const kind of ['arrayBuffers', 'external', 'rss'] as const) {
          growth[kind] = Math.max(growth[kind], now[kind] - before[kind]);
        }
      }
      expect(await answer).toEqual([{ status: 'hit', byteLength: VALUE_BYTES, verified: 'checksum' }]);
    }
    expect(lease.bytes.subarray(0, 1000)).toEqual(sampleBytes(1000));
    // The store is in this process too; what it and TLS hold on the way is a fraction of one value.
    expect(growth.arrayBuffers).toBeLessThan(VALUE_BYTES / 4);
    expect(growth.external).toBeLessThan(VALUE_BYTES / 4);
    expect(growth.rss).toBeLessThan(2 * VALUE_BYTES);
  });

  it('writes nothing outside it', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(300_000));
    await store.putObject(BUCKET, 'long', sampleBytes(300_001));
    const backend = await openBackend(store);
    const memory = new Uint8Array(new SharedArrayBuffer(400_000)).fill(0xaa);
    const into = memory.subarray(50_000, 350_000);
    for (const key of ['k', 'long', 'absent']) await backend.get([{ key, into }]);
    store.addFault({ effect: { kind: 'status', status: 403, code: 'AccessDenied' } });
    await backend.get([{ key: 'k', into }]);
    await backend.get([{ key: 'k', into }]);
    expect(memory.subarray(0, 50_000).every((byte) => byte === 0xaa)).toBe(true);
    expect(memory.subarray(350_000).every((byte) => byte === 0xaa)).toBe(true);
    expect(Buffer.from(into).equals(sampleBytes(300_000))).toBe(true);
  });

  it('has no error document in it after a failure or a miss', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(1000));
    const backend = await openBackend(store, { options: { maxAttempts: 1 } });
    const into = new Uint8Array(10_000);
    store.addFault({ match: { key: 'k' }, effect: { kind: 'status', status: 500, code: 'InternalError' } });
    await backend.get([{ key: 'k', into }]);
    await backend.get([{ key: 'absent', into }]);
    expect(into.every((byte) => byte === 0)).toBe(true);
  });
});

describe('an abort', () => {
  it('settles with all memory quiet, and the store sees the requests end', async () => {
    const store = await startStore();
    const length = 4 * MIB;
    const keys = ['a', 'b', 'c', 'd'];
    const value = sampleBytes(length);
    for (const key of keys) await store.putObject(BUCKET, key, value);
    // Half of each body comes; the rest never does.
    store.addFault({ times: Number.POSITIVE_INFINITY, effect: { kind: 'stall', afterBytes: length / 2 } });
    const backend = await openBackend(store);
    const memory = new Uint8Array(new SharedArrayBuffer(keys.length * length));
    const items = keys.map((key, index) => ({ key, into: memory.subarray(index * length, (index + 1) * length) }));
    const controller = new AbortController();
    const call = backend.get(items, { signal: controller.signal });
    // The last byte that comes.
    const last = value[length / 2 - 1];
    await until(() => items.every(({ into }) => into[length / 2 - 1] === last));
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'ABORTED', operation: 'get' });
    memory.fill(0xaa);
    await until(() => store.requests.every(({ state }) => state === 'aborted'));
    expect(memory.every((byte) => byte === 0xaa)).toBe(true);
  });

  it('ends a call that waits for a slot, and one that pauses between attempts', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(10));
    const remove = store.addFault({ times: Number.POSITIVE_INFINITY, effect: { kind: 'stall', afterBytes: 'head' } });
    const backend = await openBackend(store, { options: { maxRequestsInFlight: 1 } });
    const [first, second] = [new AbortController(), new AbortController()];
    const holding = backend.stat(['k'], { signal: first.signal });
    await until(() => store.stats.openRequests === 1);
    const waiting = backend.stat(['k'], { signal: second.signal });
    second.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
    first.abort();
    await expect(holding).rejects.toMatchObject({ code: 'ABORTED' });
    remove();

    store.addFault({ effect: { kind: 'status', status: 503, code: 'SlowDown', headers: { 'retry-after': '15' } } });
    store.clearRequests();
    const third = new AbortController();
    const pausing = backend.get([{ key: 'k', into: new Uint8Array(10) }], { signal: third.signal });
    await until(() => store.requests[0]?.state === 'done' && store.stats.openRequests === 0);
    third.abort();
    await expect(pausing).rejects.toMatchObject({ code: 'ABORTED' });

    // Every slot has come back.
    expect(await backend.stat(['k'])).toMatchObject([{ status: 'hit' }]);
  });

  it('ends a listing', async () => {
    const store = await startStore();
    store.addFault({ effect: { kind: 'stall', afterBytes: 'head' } });
    const backend = await openBackend(store, { options: { maxRequestsInFlight: 1 } });
    const controller = new AbortController();
    const listing = collect(backend.list({ signal: controller.signal }));
    await until(() => store.stats.openRequests === 1);
    controller.abort();
    await expect(listing).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await backend.stat(['k'])).toEqual([{ status: 'miss' }]);
  });
});

describe('close', () => {
  it('ends what is in flight and leaves no connection', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(10));
    const backend = await openBackend(store);
    await collect(backend.list());
    store.addFault({ effect: { kind: 'stall', afterBytes: 'head' } });
    const call = backend.get([{ key: 'k', into: new Uint8Array(10) }]);
    await until(() => store.stats.openRequests === 1);
    await backend.close();
    expect(await call).toMatchObject([{ status: 'failed', error: { code: 'ABORTED' } }]);
    await until(() => store.stats.openConnections === 0);
  });
});

describe('maxRequestsInFlight', () => {
  it('is how many requests are open, and no more, while others wait', async () => {
    const store = await startStore();
    store.addFault({ times: Number.POSITIVE_INFINITY, effect: { kind: 'stall', afterBytes: 'head' } });
    const backend = await openBackend(store, { options: { maxRequestsInFlight: 4 } });
    const { signal, abort } = abortable();
    const keys = Array.from({ length: 10 }, (_, index) => `k${index}`);
    const calls = [
      backend.stat(keys, { signal }),
      backend.get(
        keys.map((key) => ({ key, into: new Uint8Array(1) })),
        { signal },
      ),
      collect(backend.list({ signal })),
    ];
    await until(() => store.stats.openRequests === 4);
    abort();
    await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject({ code: 'ABORTED' })));
    expect(store.stats.maxOpenRequests).toBe(4);
  });

  it('holds over every call and both planes, and every slot comes back after failures', async () => {
    const store = await startStore();
    const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key) => store.putObject(BUCKET, key, sampleBytes(5000))));
    const backend = await openBackend(store, {
      options: { maxRequestsInFlight: 4, maxAttempts: 2 },
    });
    // Long enough for a request too many to be there at the same time.
    store.addFault({ times: 40, effect: { kind: 'delay', delayMs: 20 } });
    store.addFault({ after: 20, times: 5, effect: { kind: 'reset', afterBytes: 'head' } });
    store.addFault({ after: 40, times: 5, effect: { kind: 'status', status: 500 } });
    await Promise.all([
      backend.stat(keys),
      backend.get(keys.map((key) => ({ key, into: new Uint8Array(5000) }))),
      backend.put(keys.map((key) => ({ key: `new-${key}`, parts: [sampleBytes(5000)] }))),
      collect(backend.list()),
      backend.delete(['x', 'y']),
    ]);
    expect(store.stats.maxOpenRequests).toBeLessThanOrEqual(4);
    const settled = await backend.stat(keys.slice(0, 20));
    expect(settled.every(({ status }) => status === 'hit')).toBe(true);
    expect(await storedBytes(store, 'new-k7')).toEqual(sampleBytes(5000));
  });
});

function abortable(): { readonly signal: AbortSignal; abort(): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** Waits until something is so; the test's own time limit ends it otherwise. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}
