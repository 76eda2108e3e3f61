import { describe, expect, it } from 'vitest';
import { BUCKET, openBackend, sameBytes, sampleBytes, startStore, storedBytes, until } from './testing/store.ts';

const MIB = 1024 * 1024;

function shared(byteLength: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(byteLength));
}

function sharedSample(byteLength: number, seed: number): Uint8Array {
  const bytes = shared(byteLength);
  bytes.set(sampleBytes(byteLength, seed));
  return bytes;
}

describe('with I/O threads', () => {
  it.each(['http', 'https'] as const)('shared and private memory carry the same bytes over %s', async (scheme) => {
    const store = await startStore({ scheme });
    const backend = await openBackend(store, { options: { ioThreads: 2 } });
    expect(backend.info.details).toMatchObject({ ioThreads: '2' });
    const [one, two] = [sampleBytes(3 * MIB, 1), sampleBytes(2 * MIB, 2)];
    const stored = await backend.put([
      { key: 'shared', parts: [sharedSample(MIB, 3), sharedSample(2 * MIB, 4)] },
      { key: 'private', parts: [one, two] },
      { key: 'mixed', parts: [one, sharedSample(2 * MIB, 2)] },
    ]);
    expect(stored).toEqual([{ status: 'stored' }, { status: 'stored' }, { status: 'stored' }]);
    const whole = Buffer.concat([one, two]);
    expect(sameBytes(await storedBytes(store, 'private'), whole)).toBe(true);
    expect(sameBytes(await storedBytes(store, 'mixed'), whole)).toBe(true);
    const ofShared = Buffer.concat([sampleBytes(MIB, 3), sampleBytes(2 * MIB, 4)]);
    expect(sameBytes(await storedBytes(store, 'shared'), ofShared)).toBe(true);

    const into = [shared(whole.length + 10), new Uint8Array(whole.length + 10)];
    const read = await backend.get(into.map((bytes) => ({ key: 'private', into: bytes })));
    const hit = { status: 'hit', byteLength: whole.length, verified: 'checksum' };
    expect(read).toEqual([hit, hit]);
    for (const bytes of into) expect(sameBytes(bytes.subarray(0, whole.length), whole)).toBe(true);
    expect(await backend.get([{ key: 'absent', into: shared(10) }])).toEqual([{ status: 'miss' }]);
  });

  it('says nothing of them in its details where there are none', async () => {
    const backend = await openBackend(await startStore());
    expect(backend.info.details).not.toHaveProperty('ioThreads');
  });

  it('a value that comes wrong is read once more, on a fresh connection, and is CORRUPT if it is wrong again', async () => {
    const store = await startStore();
    const value = sampleBytes(MIB);
    await store.putObject(BUCKET, 'k', value);
    const backend = await openBackend(store, { options: { ioThreads: 2 } });
    const into = shared(MIB);
    store.addFault({ effect: { kind: 'flip', atByte: 70_000 } });
    expect(await backend.get([{ key: 'k', into }])).toMatchObject([{ status: 'hit', verified: 'checksum' }]);
    expect(sameBytes(into, value)).toBe(true);
    expect(new Set(store.requests.map(({ connection }) => connection)).size).toBe(2);
    store.addFault({ times: 2, effect: { kind: 'flip', atByte: 70_000 } });
    const failed = { status: 'failed', error: { code: 'CORRUPT', key: 'k', retry: 'exhausted' } };
    expect(await backend.get([{ key: 'k', into }])).toMatchObject([failed]);
  });

  it('what a store answers with an error means the same', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(1000));
    const backend = await openBackend(store, { options: { ioThreads: 2, maxAttempts: 1 } });
    const into = shared(1000);
    const get = async () => (await backend.get([{ key: 'k', into }]))[0];
    store.addFault({ effect: { kind: 'status', status: 403, code: 'AccessDenied' } });
    expect(await get()).toMatchObject({ status: 'failed', error: { code: 'PERMISSION_DENIED', httpStatus: 403 } });
    store.addFault({ effect: { kind: 'status', status: 503, code: 'SlowDown' } });
    expect(await get()).toMatchObject({ status: 'failed', error: { code: 'THROTTLED' } });
    store.addFault({ effect: { kind: 'reset', afterBytes: 100 } });
    expect(await get()).toMatchObject({ status: 'failed', error: { code: 'CONNECTION' } });
    const [small] = await backend.get([{ key: 'k', into: shared(999) }]);
    expect(small).toMatchObject({ status: 'failed', error: { code: 'BUFFER_TOO_SMALL', requiredBytes: 1000 } });
    expect(await get()).toMatchObject({ status: 'hit' });
  });

  it('an abort settles with all memory quiet', async () => {
    const store = await startStore();
    const length = 4 * MIB;
    const keys = ['a', 'b', 'c', 'd'];
    for (const key of keys) await store.putObject(BUCKET, key, new Uint8Array(length).fill(1));
    // So that the call is under way for as long as it takes to see a byte.
    store.addFault({
      match: { key: 'd' },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'stall', afterBytes: length / 2 },
    });
    const backend = await openBackend(store, { options: { ioThreads: 2 } });
    const memory = shared(keys.length * length);
    const sevens = Buffer.alloc(memory.length, 7);
    for (let trial = 0; trial < 10; trial++) {
      memory.fill(0);
      const items = keys.map((key, index) => ({ key, into: memory.subarray(index * length, (index + 1) * length) }));
      const controller = new AbortController();
      const call = backend.get(items, { signal: controller.signal });
      await until(() => items.some(({ into }) => into[trial * 200_000] === 1));
      controller.abort();
      await expect(call).rejects.toMatchObject({ code: 'ABORTED' });
      memory.fill(7);
      await until(() => store.stats.openRequests === 0);
      expect(Buffer.compare(memory, sevens)).toBe(0);
    }
  });

  it('close ends what is in flight and leaves no connection', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(10));
    const backend = await openBackend(store, { options: { ioThreads: 2 } });
    await backend.get([{ key: 'k', into: shared(10) }]);
    store.addFault({ times: 2, effect: { kind: 'stall', afterBytes: 'head' } });
    const call = backend.get([
      { key: 'k', into: shared(10) },
      { key: 'k', into: shared(10) },
    ]);
    await until(() => store.stats.openRequests === 2);
    await backend.close();
    const aborted = { status: 'failed', error: { code: 'ABORTED' } };
    expect(await call).toMatchObject([aborted, aborted]);
    await until(() => store.stats.openConnections === 0);
  });

  it('maxRequestsInFlight counts over all of them: 8 open requests at most in 1,000 operations', async () => {
    const store = await startStore();
    const keys = Array.from({ length: 250 }, (_, index) => `k${index}`);
    const value = sampleBytes(20_000);
    await Promise.all(keys.map((key) => store.putObject(BUCKET, key, value)));
    const backend = await openBackend(store, { options: { ioThreads: 4, maxRequestsInFlight: 8 } });
    // Long enough for a request too many to be there at the same time.
    store.addFault({ times: Number.POSITIVE_INFINITY, effect: { kind: 'delay', delayMs: 5 } });
    const part = sharedSample(20_000, 1);
    const ofThreads = keys.map((key) => ({ key, into: shared(20_000) }));
    const ofThis = keys.map((key) => ({ key, into: new Uint8Array(20_000) }));
    const [one, two, three, four] = await Promise.all([
      backend.get(ofThreads),
      backend.get(ofThis),
      backend.put(keys.map((key) => ({ key: `new-${key}`, parts: [part] }))),
      backend.stat(keys),
    ]);
    for (const results of [one, two, four]) expect(results.every(({ status }) => status === 'hit')).toBe(true);
    expect(three.every(({ status }) => status === 'stored')).toBe(true);
    for (const { into } of [...ofThreads, ...ofThis]) expect(sameBytes(into, value)).toBe(true);
    expect(store.stats.maxOpenRequests).toBe(8);
  });
});
