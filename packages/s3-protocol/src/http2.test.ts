import type { RemoteBackend } from '@kvferry/core';
import type { Simulator } from '@kvferry/s3-simulator';
import { describe, expect, it } from 'vitest';
import {
  BUCKET,
  onRecord,
  openBackend,
  SHORT_TIMEOUTS,
  sameBytes,
  sampleBytes,
  startStore,
  storedBytes,
} from './testing/store.ts';
import type { RequestRecord, S3ConnectionOptions } from './types.ts';

const MIB = 1024 * 1024;

function startH2Store(): Promise<Simulator> {
  return startStore({ scheme: 'https', http2: 'offered' });
}

function openH2(store: Simulator, options: Partial<S3ConnectionOptions> = {}): Promise<RemoteBackend> {
  return openBackend(store, { options: { tls: { ca: store.ca }, http2: 'prefer', ...options } });
}

function protocolsOf(store: Simulator): Set<string> {
  return new Set(store.requests.map(({ protocol }) => protocol));
}

describe('the protocol', () => {
  it('is what the store chooses, which is known with its first answer', async () => {
    const store = await startH2Store();
    const backend = await openH2(store);
    expect(backend.info.details).toMatchObject({ protocol: 'not yet known' });
    await backend.stat(['absent']);
    expect(backend.info.details).toMatchObject({ protocol: 'h2' });
    expect(protocolsOf(store)).toEqual(new Set(['h2']));
  });

  it('is HTTP/1.1 where the store does not choose another', async () => {
    const store = await startStore({ scheme: 'https' });
    const backend = await openH2(store);
    await backend.stat(['absent']);
    expect(backend.info.details).toMatchObject({ protocol: 'http/1.1' });
    expect(protocolsOf(store)).toEqual(new Set(['http/1.1']));
  });

  it('is HTTP/1.1 by default, and without TLS, and that is known from the start', async () => {
    const offering = await startH2Store();
    const plain = await startStore();
    const backends = [await openBackend(offering), await openBackend(plain, { options: { http2: 'prefer' } })];
    for (const backend of backends) {
      expect(backend.info.details).toMatchObject({ protocol: 'http/1.1' });
      await backend.stat(['absent']);
    }
    expect(new Set([...protocolsOf(offering), ...protocolsOf(plain)])).toEqual(new Set(['http/1.1']));
  });

  it('is in the record of each request', async () => {
    const records: RequestRecord[] = [];
    onRecord((record) => void records.push(record));
    const store = await startH2Store();
    const backend = await openH2(store);
    await backend.put([{ key: 'k', parts: [sampleBytes(100)] }]);
    store.addFault({ match: { key: 'k' }, effect: { kind: 'reset', afterBytes: 'head' } });
    await backend.get([{ key: 'k', into: new Uint8Array(100) }]);
    expect(records.map(({ method, protocol, httpStatus }) => [method, protocol, httpStatus])).toEqual([
      ['PUT', 'h2', 200],
      ['GET', undefined, 0],
      ['GET', 'h2', 200],
    ]);
  });
});

describe('over HTTP/2 and over HTTP/1.1', () => {
  it('the same is stored and read, on many requests at once, and one connection is enough', async () => {
    const store = await startH2Store();
    const backends = { h2: await openH2(store), 'http/1.1': await openBackend(store) };
    const values = [0, 1, 1000, 100_000, 3 * MIB].map((byteLength, seed) => sampleBytes(byteLength, seed + 1));
    for (const writer of ['h2', 'http/1.1'] as const) {
      const keys = values.map((_, index) => `${writer}/${index}`);
      const parts = values.map((value) => [value.subarray(0, 500), value.subarray(500)]);
      const puts = await backends[writer].put(keys.map((key, index) => ({ key, parts: parts[index] ?? [] })));
      expect(puts).toEqual(keys.map(() => ({ status: 'stored' })));
      for (const reader of ['h2', 'http/1.1'] as const) {
        const items = keys.map((key, index) => ({
          key,
          into: new Uint8Array(new SharedArrayBuffer(values[index]?.length ?? 0)),
        }));
        const gets = await backends[reader].get(items);
        expect(gets.map((get) => get.status === 'hit' && get.verified)).toEqual(keys.map(() => 'checksum'));
        expect(items.every(({ into }, index) => sameBytes(into, values[index] ?? new Uint8Array(1)))).toBe(true);
      }
    }
    const connections = new Set(
      store.requests.filter(({ protocol }) => protocol === 'h2').map(({ connection }) => connection),
    );
    expect(connections.size).toBe(1);
  });

  it.each([
    ['a value with a flipped bit', { kind: 'flip', atByte: 70_000 }],
    ['a value that is cut off', { kind: 'truncate', afterBytes: 50_000 }],
    ['a value that is cut off at its head', { kind: 'reset', afterBytes: 'head' }],
    ['a value that is reset', { kind: 'reset', afterBytes: 50_000 }],
    ['a value that stalls', { kind: 'stall', afterBytes: 50_000 }],
    ['an answer that never comes', { kind: 'stall', afterBytes: 'head' }],
    ['an answer that is short', { kind: 'shorten', toBytes: 10 }],
    ['a refusal', { kind: 'status', status: 403, code: 'AccessDenied' }],
    ['a store that is busy', { kind: 'status', status: 503, code: 'SlowDown' }],
  ] as const)('%s fails with the same code, and is read again where that helps', async (_what, effect) => {
    const store = await startH2Store();
    const value = sampleBytes(100_000);
    await store.putObject(BUCKET, 'k', value);
    const outcomes: unknown[] = [];
    for (const http2 of ['prefer', 'never'] as const) {
      const options = { tls: { ca: store.ca }, http2, timeouts: SHORT_TIMEOUTS };
      const failing = await openBackend(store, { options: { ...options, maxAttempts: 1 } });
      const patient = await openBackend(store, { options: { ...options, maxAttempts: 2 } });
      store.addFault({ match: { key: 'k' }, effect });
      const [failed] = await failing.get([{ key: 'k', into: new Uint8Array(100_000) }]);
      store.addFault({ match: { key: 'k' }, effect });
      const into = new Uint8Array(100_000);
      const [repeated] = await patient.get([{ key: 'k', into }]);
      if (repeated?.status === 'hit') expect(sameBytes(into, value)).toBe(true);
      outcomes.push([failed?.status === 'failed' ? failed.error.code : failed?.status, repeated?.status]);
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
  });

  it('an upload that is cut off is not stored, and one that is refused in its middle is told so', async () => {
    const store = await startH2Store();
    const backend = await openH2(store, { maxAttempts: 1 });
    const item = { key: 'k', parts: [sampleBytes(4 * MIB)] };
    store.addFault({ match: { method: 'PUT' }, effect: { kind: 'reset', afterBytes: MIB } });
    expect(await backend.put([item])).toMatchObject([{ status: 'failed', error: { code: 'CONNECTION' } }]);
    expect(await storedBytes(store, 'k')).toBeUndefined();
    store.addFault({ match: { method: 'PUT' }, effect: { kind: 'status', status: 403, code: 'AccessDenied' } });
    expect(await backend.put([item])).toMatchObject([{ status: 'failed', error: { code: 'PERMISSION_DENIED' } }]);
    await backend.put([item]);
    expect(await backend.put([item], { mode: 'create' })).toEqual([{ status: 'exists' }]);
  });

  it('I/O threads speak it too', async () => {
    const store = await startH2Store();
    const backend = await openH2(store, { ioThreads: 1 });
    const value = new Uint8Array(new SharedArrayBuffer(3 * MIB));
    value.set(sampleBytes(value.length));
    await backend.put([{ key: 'k', parts: [value] }]);
    const into = new Uint8Array(new SharedArrayBuffer(value.length));
    expect(await backend.get([{ key: 'k', into }])).toMatchObject([{ status: 'hit', verified: 'checksum' }]);
    expect(sameBytes(into, value)).toBe(true);
    expect(protocolsOf(store)).toEqual(new Set(['h2']));
  });
});
