import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test, vi } from 'vitest';
import { BUCKET, openSimulator, someBytes } from './testing/open.ts';
import { openSocket, readAnswer, requestHead, send, signedHeaders } from './testing/raw.ts';
import { refusal, sdkClient } from './testing/sdk.ts';
import type { FaultEffect, Simulator, SimulatorOptions } from './types.ts';

const PATH = `/${BUCKET}/k`;
const BODY = someBytes(100_000);
const GET = { method: 'GET', path: PATH };
const PUT = { method: 'PUT', path: PATH, body: BODY };

async function withObject(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await openSimulator(options);
  await simulator.putObject(BUCKET, 'k', BODY);
  return simulator;
}

async function withFault(effect: FaultEffect): Promise<Simulator> {
  const simulator = await withObject();
  simulator.addFault({ effect });
  return simulator;
}

async function stored(simulator: Simulator): Promise<Buffer> {
  return Buffer.from((await simulator.getObject(BUCKET, 'k'))?.body ?? []);
}

describe('which requests a fault strikes', () => {
  const status = (value: number): FaultEffect => ({ kind: 'status', status: value });
  const statuses = async (simulator: Simulator, paths: readonly string[], method = 'GET'): Promise<number[]> => {
    const found: number[] = [];
    for (const path of paths) found.push((await send(simulator, { method, path })).status);
    return found;
  };

  test('once by default, after those that pass', async () => {
    const simulator = await withObject();
    simulator.addFault({ after: 1, effect: status(503) });
    expect(await statuses(simulator, [PATH, PATH, PATH])).toEqual([200, 503, 200]);
  });

  test('as often as told, until taken away', async () => {
    const simulator = await withObject();
    const remove = simulator.addFault({ times: Number.POSITIVE_INFINITY, effect: status(503) });
    expect(await statuses(simulator, [PATH, PATH])).toEqual([503, 503]);
    remove();
    expect(await statuses(simulator, [PATH])).toEqual([200]);
  });

  test('by method, bucket and key', async () => {
    const simulator = await withObject();
    const match = { method: 'GET', bucket: BUCKET, key: /^a\// };
    simulator.addFault({ match, times: Number.POSITIVE_INFINITY, effect: status(503) });
    expect(await statuses(simulator, [`/${BUCKET}/a/1`, `/${BUCKET}/b/a/1`, '/other/a/1'])).toEqual([503, 404, 404]);
    expect(await statuses(simulator, [`/${BUCKET}/a/1`], 'HEAD')).toEqual([404]);
  });

  test('by query and range', async () => {
    const simulator = await withObject();
    const times = Number.POSITIVE_INFINITY;
    simulator.addFault({ match: { query: /(^|&)partNumber=2(&|$)/ }, times, effect: status(503) });
    simulator.addFault({ match: { range: 'bytes=2-3' }, times, effect: status(500) });
    const parts = [1, 2, 22].map((number) => `${PATH}?partNumber=${number}&uploadId=none`);
    expect(await statuses(simulator, parts, 'PUT')).toEqual([404, 503, 404]);
    const ranged = async (range: string) => (await send(simulator, { ...GET, headers: { range } })).status;
    expect([await ranged('bytes=0-1'), await ranged('bytes=2-3'), await ranged('bytes=2-33')]).toEqual([206, 500, 206]);
    expect(await statuses(simulator, [PATH])).toEqual([200]);
  });

  test('the first that matches, in order of adding', async () => {
    const simulator = await withObject();
    simulator.addFault({ match: { key: 'other' }, effect: status(500) });
    simulator.addFault({ match: { key: 'k' }, effect: status(501) });
    simulator.addFault({ effect: status(502) });
    expect(await statuses(simulator, [PATH, PATH, PATH])).toEqual([501, 502, 200]);
  });
});

describe('status', () => {
  test('comes as an error document, with its headers, in place of doing anything', async () => {
    const simulator = await withFault({
      kind: 'status',
      status: 503,
      code: 'SlowDown',
      message: 'Please reduce your request rate.',
      headers: { 'retry-after': '2' },
    });
    const answer = await send(simulator, { ...PUT, body: Buffer.from('new') });
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
    expect(answer.body.toString()).toContain(
      '<Code>SlowDown</Code><Message>Please reduce your request rate.</Message>',
    );
    expect((await stored(simulator)).equals(BODY)).toBe(true);
  });

  test('is read by the AWS SDK as S3 would be', async () => {
    const simulator = await withFault({ kind: 'status', status: 503, code: 'SlowDown' });
    const read = sdkClient(simulator).send(new GetObjectCommand({ Bucket: BUCKET, Key: 'k' }));
    expect(await refusal(read)).toEqual({ name: 'SlowDown', status: 503 });
  });

  test('after success: done, and denied', async () => {
    const simulator = await withFault({ kind: 'status-after-success', status: 500, code: 'InternalError' });
    expect((await send(simulator, { ...PUT, body: Buffer.from('new') })).status).toBe(500);
    expect((await stored(simulator)).toString()).toBe('new');
  });
});

test('delay waits before the answer, and close does not wait for it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const simulator = await withFault({ kind: 'delay', delayMs: 60_000 });
    const answer = send(simulator, GET);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    expect(simulator.stats.openRequests).toBe(1);
    vi.advanceTimersByTime(60_000);
    expect((await answer).status).toBe(200);

    simulator.addFault({ effect: { kind: 'delay', delayMs: 60_000 } });
    const second = send(simulator, GET);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    await simulator.close();
    expect(vi.getTimerCount()).toBe(0);
    expect((await second).status).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

describe('a download', () => {
  test.each([0, 1, 50_000])('stalls after %i bytes and leaves the connection open', async (afterBytes) => {
    const simulator = await withFault({ kind: 'stall', afterBytes });
    const socket = await openSocket(simulator);
    socket.write(requestHead(GET, signedHeaders(simulator, GET)));
    const answer = readAnswer(socket, 'GET');
    await vi.waitFor(() => expect(simulator.requests[0]).toMatchObject({ status: 200, bytesOut: afterBytes }));
    expect(simulator.stats).toMatchObject({ openConnections: 1, openRequests: 1 });
    expect(socket.readyState).toBe('open');
    await simulator.close();
    expect((await answer).body.equals(BODY.subarray(0, afterBytes))).toBe(true);
  });

  test('stalls before its head', async () => {
    const simulator = await withFault({ kind: 'stall', afterBytes: 'head' });
    const socket = await openSocket(simulator);
    socket.write(requestHead(GET, signedHeaders(simulator, GET)));
    const answer = readAnswer(socket, 'GET');
    await vi.waitFor(() => expect(simulator.stats.openRequests).toBe(1));
    expect(simulator.requests[0]).toMatchObject({ status: 0, state: 'open' });
    // A client that gives up is noticed.
    socket.destroy();
    await vi.waitFor(() => expect(simulator.requests[0]).toMatchObject({ status: 0, state: 'aborted' }));
    expect((await answer).status).toBe(0);
  });

  test.each([0, 50_000])('is reset after %i bytes', async (afterBytes) => {
    const simulator = await withFault({ kind: 'reset', afterBytes });
    const answer = await send(simulator, GET);
    expect(answer).toMatchObject({ status: 200, end: 'reset', headers: { 'content-length': '100000' } });
    expect(answer.body.equals(BODY.subarray(0, afterBytes))).toBe(true);
  });

  test('is reset before its head', async () => {
    const simulator = await withFault({ kind: 'reset', afterBytes: 'head' });
    expect(await send(simulator, GET)).toMatchObject({ status: 0, end: 'reset' });
  });

  test('is reset over TLS too', async () => {
    const simulator = await withObject({ scheme: 'https' });
    simulator.addFault({ effect: { kind: 'reset', afterBytes: 1000 } });
    const socket = connectTls({ port: simulator.port, host: '127.0.0.1', ca: simulator.ca });
    await once(socket, 'secureConnect');
    socket.write(requestHead(GET, signedHeaders(simulator, GET)));
    expect(await readAnswer(socket, 'GET')).toMatchObject({ status: 200, end: 'reset' });
  });

  test('is truncated: the whole length announced, the connection closed in good order', async () => {
    const simulator = await withFault({ kind: 'truncate', afterBytes: 50_000 });
    const answer = await send(simulator, GET);
    expect(answer).toMatchObject({ status: 200, end: 'ended', headers: { 'content-length': '100000' } });
    expect(answer.body.equals(BODY.subarray(0, 50_000))).toBe(true);
  });

  test('is shortened: the short length announced, the checksum left', async () => {
    const simulator = await withFault({ kind: 'shorten', toBytes: 10 });
    const answer = await send(simulator, { ...GET, headers: { 'x-amz-checksum-mode': 'ENABLED' } });
    expect(answer).toMatchObject({ status: 200, end: 'complete', headers: { 'content-length': '10' } });
    expect(answer.body.equals(BODY.subarray(0, 10))).toBe(true);
    const { 'x-amz-checksum-crc32c': checksum } = (await simulator.getObject(BUCKET, 'k'))?.checksums ?? {};
    expect(answer.headers['x-amz-checksum-crc32c']).toBe(checksum);
  });

  test.each([0, 99_999])('has a bit flipped at byte %i, on the wire only', async (atByte) => {
    const simulator = await withFault({ kind: 'flip', atByte });
    const expected = Buffer.from(BODY);
    expected[atByte] = (expected[atByte] ?? 0) ^ 1;
    expect((await send(simulator, GET)).body.equals(expected)).toBe(true);
    expect((await send(simulator, GET)).body.equals(BODY)).toBe(true);
  });

  test('lacks headers', async () => {
    const simulator = await withFault({ kind: 'drop-headers', names: ['ETag', 'content-length', 'x-amz-request-id'] });
    const socket = await openSocket(simulator);
    socket.write(requestHead(GET, { ...signedHeaders(simulator, GET), connection: 'close' }));
    const { headers } = await readAnswer(socket, 'GET');
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['etag']));
    expect(headers).toMatchObject({ 'transfer-encoding': 'chunked', 'accept-ranges': 'bytes' });
    expect(headers['content-length']).toBeUndefined();
    expect(headers['x-amz-request-id']).toBeUndefined();
  });
});

describe('an upload', () => {
  test.each([0, 50_000, 'head'] as const)('is reset after %s bytes, and nothing is stored', async (afterBytes) => {
    const simulator = await openSimulator();
    simulator.addFault({ effect: { kind: 'reset', afterBytes } });
    expect(await send(simulator, PUT)).toMatchObject({ status: 0, end: 'reset' });
    await vi.waitFor(() => expect(simulator.requests[0]?.state).toBe('aborted'));
    expect(simulator.requests[0]?.bytesIn).toBe(afterBytes === 'head' ? 0 : afterBytes);
    expect(simulator.listKeys(BUCKET)).toEqual([]);
  });

  test('is truncated: the connection is closed without an answer', async () => {
    const simulator = await openSimulator();
    simulator.addFault({ effect: { kind: 'truncate', afterBytes: 10 } });
    const answer = await send(simulator, { ...PUT, body: BODY.subarray(0, 10) });
    expect(answer).toMatchObject({ status: 0, end: 'ended' });
    expect(simulator.listKeys(BUCKET)).toEqual([]);
  });

  test('stalls after 50,000 bytes: no more is taken, nothing is answered', async () => {
    const simulator = await openSimulator();
    simulator.addFault({ effect: { kind: 'stall', afterBytes: 50_000 } });
    const answer = send(simulator, PUT);
    await vi.waitFor(() => expect(simulator.requests[0]?.bytesIn).toBe(50_000));
    expect(simulator.stats.openRequests).toBe(1);
    await simulator.close();
    expect((await answer).status).toBe(0);
  });

  test('with a bit flipped on its way is refused by its checksum, and stored without one', async () => {
    const simulator = await openSimulator();
    simulator.addFault({ times: 2, effect: { kind: 'flip', atByte: 0 } });
    const body = Buffer.from('hello');
    const checked = await send(simulator, { ...PUT, body, headers: { 'x-amz-checksum-crc32c': 'mnG7TA==' } });
    expect(checked.status).toBe(400);
    expect((await send(simulator, { ...PUT, body })).status).toBe(200);
    expect((await stored(simulator)).toString()).toBe('iello');
  });
});
