import type { RequestRecord } from '@kvferry/s3-protocol';
import { expect, test } from 'vitest';
import { requestRow } from './request-rows.ts';

const record: RequestRecord = {
  backend: 's3://my-bucket',
  method: 'GET',
  key: 'folder/key',
  attempt: 1,
  startMs: 10,
  firstByteMs: 12,
  endMs: 20,
  bytes: 1000,
  httpStatus: 200,
  protocol: 'http/1.1',
  errorCode: undefined,
  remoteAddress: '127.0.0.1',
};

const rowOf = (changes: Partial<RequestRecord>, workload: 'hit' | 'sweep' = 'hit') =>
  requestRow({ ...record, ...changes }, { phase: 'p', workload, clockOffsetMs: 100 });

test('times are the run’s', () => {
  expect(rowOf({})).toEqual({
    kind: 'request',
    phase: 'p',
    operation: 'get',
    attempt: 1,
    startMs: 110,
    firstByteMs: 112,
    endMs: 120,
    bytes: 1000,
    status: 'ok',
    error: null,
  });
  expect(rowOf({ firstByteMs: 0 }).firstByteMs).toBe(null);
});

test.each<[string, Partial<RequestRecord>, ReturnType<typeof rowOf>['operation']]>([
  ['a read', {}, 'get'],
  ['a question', { method: 'HEAD', bytes: 0 }, 'stat'],
  ['the second half of a question', { httpStatus: 206, bytes: 1 }, 'stat'],
  ['the second half of a question for what is not there', { httpStatus: 404, bytes: 300 }, 'stat'],
  ['a read that failed', { httpStatus: 503, errorCode: 'UNAVAILABLE' }, 'get'],
  ['a write', { method: 'PUT' }, 'put'],
  ['a session', { backend: 's3-express://b--use1-az4--x-s3', key: '' }, 'session'],
  ['a listing', { key: '' }, 'list'],
  ['a bulk delete', { method: 'POST', key: '' }, 'delete'],
  ['a part of an upload in parts', { method: 'POST' }, 'other'],
])('%s', (_, changes, operation) => {
  expect(rowOf(changes).operation).toBe(operation);
});

test('a sweep asks nothing before it reads', () => {
  expect(rowOf({ httpStatus: 404, bytes: 300 }, 'sweep')).toMatchObject({ operation: 'get', status: 'miss', bytes: 0 });
});

test.each<[Partial<RequestRecord>, ReturnType<typeof rowOf>['status'], number]>([
  [{ httpStatus: 404, bytes: 300 }, 'miss', 0],
  [{ httpStatus: 503, bytes: 300, errorCode: 'UNAVAILABLE' }, 'failed', 0],
  [{ httpStatus: 0, bytes: 0, errorCode: 'CONNECTION' }, 'failed', 0],
  // There already, and not sent for nothing else than this.
  [{ method: 'PUT', httpStatus: 412 }, 'ok', 0],
  [{ method: 'PUT', httpStatus: 200 }, 'ok', 1000],
  // Of a document, or of the first byte that is asked for in place of a HEAD.
  [{ key: '' }, 'ok', 0],
  [{ method: 'POST' }, 'ok', 0],
  [{ httpStatus: 206, bytes: 1 }, 'ok', 0],
])('bytes are those of values that came or went: %o', (changes, status, bytes) => {
  expect(rowOf(changes)).toMatchObject({ status, bytes, error: changes.errorCode ?? null });
});
