import { expect, it } from 'vitest';
import { PASSED_OVER_CHANNEL } from './telemetry.ts';
import { BUCKET, collect, onMessage, onRecord, openBackend, sampleBytes, startStore } from './testing/store.ts';
import type { RequestRecord } from './types.ts';

function collectRecords(): RequestRecord[] {
  const records: RequestRecord[] = [];
  onRecord((record) => void records.push(record));
  return records;
}

it('has one record for each request on the wire, attempts apart', async () => {
  const store = await startStore();
  await store.putObject(BUCKET, 'k', sampleBytes(100));
  const backend = await openBackend(store);
  const records = collectRecords();
  store.addFault({ effect: { kind: 'reset', afterBytes: 'head' } });
  store.addFault({ effect: { kind: 'status', status: 500, code: 'InternalError' } });
  await backend.get([{ key: 'k', into: new Uint8Array(100) }]);

  const address = `127.0.0.1:${store.port}`;
  const common = { backend: `s3://${BUCKET}`, method: 'GET', key: 'k' };
  expect(records).toMatchObject([
    { ...common, attempt: 1, httpStatus: 0, errorCode: 'CONNECTION', firstByteMs: 0, bytes: 0 },
    { ...common, attempt: 2, httpStatus: 500, errorCode: 'UNAVAILABLE', remoteAddress: address },
    { ...common, attempt: 3, httpStatus: 200, errorCode: undefined, bytes: 100, remoteAddress: address },
  ]);
  for (const { startMs, endMs } of records) expect(endMs).toBeGreaterThanOrEqual(startMs);
  const last = records.at(-1);
  expect(last?.firstByteMs).toBeGreaterThanOrEqual(last?.startMs ?? Number.NaN);
});

it('counts the bytes that a put sends, and calls a miss no error', async () => {
  const store = await startStore();
  const backend = await openBackend(store);
  const records = collectRecords();
  await backend.put([{ key: 'k', parts: [sampleBytes(60), sampleBytes(40)] }]);
  await backend.get([{ key: 'absent', into: new Uint8Array(1) }]);
  expect(records).toMatchObject([
    { method: 'PUT', key: 'k', bytes: 100, httpStatus: 200 },
    { method: 'GET', key: 'absent', httpStatus: 404, errorCode: undefined },
  ]);
});

it('has the requests of lists and bulk deletes too', async () => {
  const store = await startStore();
  const backend = await openBackend(store, { options: { maxAttempts: 1 } });
  const records = collectRecords();
  await collect(backend.list());
  store.addFault({ effect: { kind: 'status', status: 403, code: 'AccessDenied' } });
  await backend.delete(['a']);
  expect(records).toMatchObject([
    { method: 'GET', httpStatus: 200, errorCode: undefined },
    { method: 'POST', httpStatus: 403, errorCode: 'PERMISSION_DENIED' },
  ]);
});

it('tells of objects that a listing passes over', async () => {
  const store = await startStore();
  const lastModified = new Date('2026-02-03T04:05:06Z');
  for (const name of ['key', '/no/key']) await store.putObject(BUCKET, name, sampleBytes(3), { lastModified });
  const backend = await openBackend(store);
  const records: unknown[] = [];
  onMessage(PASSED_OVER_CHANNEL, (message) => void records.push(message));
  await collect(backend.list());
  const modifiedMs = lastModified.getTime();
  expect(records).toEqual([{ backend: `s3://${BUCKET}`, name: '/no/key', byteLength: 3, modifiedMs }]);
});
