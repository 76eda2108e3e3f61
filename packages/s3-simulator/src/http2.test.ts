import { once } from 'node:events';
import { constants } from 'node:http2';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test, vi } from 'vitest';
import { startSimulator } from './simulator.ts';
import { answerOf, beginRequest, openSession, sendH2 } from './testing/h2.ts';
import { BUCKET, openSimulator, someBytes } from './testing/open.ts';
import { signedHeaders } from './testing/raw.ts';
import { sdkClient } from './testing/sdk.ts';
import type { FaultEffect, Simulator } from './types.ts';

const PATH = `/${BUCKET}/k`;
const GET = { method: 'GET', path: PATH };

function openH2(): Promise<Simulator> {
  return openSimulator({ scheme: 'https', http2: 'offered' });
}

test('HTTP/2 and HTTP/1.1 are both answered, and each request says which it was', async () => {
  const simulator = await openH2();
  const session = await openSession(simulator);
  expect(session.alpnProtocol).toBe('h2');
  const body = someBytes(3_000_000);
  expect((await sendH2(simulator, session, { method: 'PUT', path: PATH, body })).status).toBe(200);
  const client = sdkClient(simulator);
  const read = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'k' }));
  expect(body.equals((await read.Body?.transformToByteArray()) ?? Buffer.alloc(0))).toBe(true);
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: 'by the SDK' }));
  expect((await sendH2(simulator, session, GET)).body.toString()).toBe('by the SDK');
  await vi.waitFor(() => expect(simulator.stats.openRequests).toBe(0));
  expect(simulator.requests.map(({ method, protocol, state }) => `${method} ${protocol} ${state}`)).toEqual([
    'PUT h2 done',
    'GET http/1.1 done',
    'PUT http/1.1 done',
    'GET h2 done',
  ]);
});

test('is not spoken by default, and needs https', async () => {
  const simulator = await openSimulator({ scheme: 'https' });
  await expect(openSession(simulator)).rejects.toThrow();
  await expect(startSimulator({ http2: 'offered' })).rejects.toThrow("needs scheme: 'https'");
});

test('the host is what the stream names as its authority, as signed', async () => {
  const simulator = await openH2();
  const session = await openSession(simulator);
  const host = `${BUCKET}.s3.localhost:${simulator.port}`;
  const put = { method: 'PUT', path: '/by-host', host, body: Buffer.from('hello') };
  expect((await sendH2(simulator, session, put)).status).toBe(200);
  expect(simulator.requests[0]?.headers).toMatchObject({ host });
  expect((await simulator.getObject(BUCKET, 'by-host'))?.body.length).toBe(5);
  const { host: _signed, ...headers } = signedHeaders(simulator, { method: 'GET', path: '/by-host' });
  const forged = session.request({ ':path': '/by-host', ':authority': host, ...headers });
  expect((await answerOf(forged)).body.toString()).toContain('<Code>SignatureDoesNotMatch</Code>');
});

test('requests of one connection are served side by side, and counted', async () => {
  const simulator = await openH2();
  await simulator.putObject(BUCKET, 'k', someBytes(1_000));
  const session = await openSession(simulator);
  simulator.addFault({ effect: { kind: 'stall', afterBytes: 10 }, times: 5 });
  const streams = Array.from({ length: 5 }, () => beginRequest(simulator, session, GET));
  await vi.waitFor(() => expect(simulator.stats).toMatchObject({ openRequests: 5, openConnections: 1 }));
  expect((await sendH2(simulator, session, GET)).body.length).toBe(1_000);
  const gone = streams.map((stream) => answerOf(stream));
  for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
  await Promise.all(gone);
  await vi.waitFor(() => expect(simulator.stats).toMatchObject({ openRequests: 0, maxOpenRequests: 6 }));
  expect(simulator.requests.filter(({ state }) => state === 'aborted')).toHaveLength(5);
  expect(new Set(simulator.requests.map(({ connection }) => connection)).size).toBe(1);
});

test('HEAD, a range and a miss are answered as over HTTP/1.1', async () => {
  const simulator = await openH2();
  await simulator.putObject(BUCKET, 'k', someBytes(1_000));
  const session = await openSession(simulator);
  const head = await sendH2(simulator, session, { method: 'HEAD', path: PATH });
  expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '1000', 0]);
  const range = await sendH2(simulator, session, { ...GET, headers: { range: 'bytes=10-19' } });
  expect([range.status, range.body.equals(someBytes(1_000).subarray(10, 20))]).toEqual([206, true]);
  const miss = await sendH2(simulator, session, { method: 'GET', path: `/${BUCKET}/absent` });
  expect([miss.status, miss.body.toString().includes('<Code>NoSuchKey</Code>')]).toEqual([404, true]);
  await vi.waitFor(() => expect(simulator.stats.openRequests).toBe(0));
  expect(simulator.requests.every(({ state }) => state === 'done')).toBe(true);
});

test('close ends connections and requests under way', async () => {
  const simulator = await openH2();
  const session = await openSession(simulator);
  await simulator.putObject(BUCKET, 'k', someBytes(1_000));
  simulator.addFault({ effect: { kind: 'stall', afterBytes: 'head' } });
  const answer = answerOf(beginRequest(simulator, session, GET));
  await vi.waitFor(() => expect(simulator.stats.openRequests).toBe(1));
  await simulator.close();
  expect((await answer).status).toBe(0);
});

describe('a fault strikes its stream, and the connection goes on', () => {
  const body = someBytes(100_000);

  async function struck(effect: FaultEffect) {
    const simulator = await openH2();
    await simulator.putObject(BUCKET, 'k', body);
    const session = await openSession(simulator);
    simulator.addFault({ effect });
    const answer = await sendH2(simulator, session, GET);
    expect((await sendH2(simulator, session, GET)).body.equals(body)).toBe(true);
    await vi.waitFor(() => expect(simulator.stats.openRequests).toBe(0));
    expect(new Set(simulator.requests.map(({ connection }) => connection)).size).toBe(1);
    return { ...answer, state: simulator.requests[0]?.state };
  }

  test('status', async () => {
    const { status, body: document, state } = await struck({ kind: 'status', status: 503, code: 'SlowDown' });
    expect([status, document.toString().includes('SlowDown'), state]).toEqual([503, true, 'done']);
  });

  test('reset before the answer', async () => {
    const answer = await struck({ kind: 'reset', afterBytes: 'head' });
    expect(answer).toMatchObject({ status: 0, rstCode: constants.NGHTTP2_INTERNAL_ERROR, state: 'aborted' });
  });

  test('reset in its midst', async () => {
    const answer = await struck({ kind: 'reset', afterBytes: 40_000 });
    expect(answer).toMatchObject({ status: 200, rstCode: constants.NGHTTP2_INTERNAL_ERROR, state: 'aborted' });
    expect(answer.headers['content-length']).toBe('100000');
    expect(answer.body.equals(body.subarray(0, 40_000))).toBe(true);
  });

  test.each([0, 40_000])('truncate after %i bytes', async (afterBytes) => {
    const answer = await struck({ kind: 'truncate', afterBytes });
    // By which node:http2 tells its own application that less came than was announced.
    expect(answer).toMatchObject({ rstCode: constants.NGHTTP2_PROTOCOL_ERROR, state: 'aborted' });
    expect(answer.body.length).toBe(afterBytes);
  });

  test('shorten, flip, delay and drop-headers', async () => {
    expect((await struck({ kind: 'shorten', toBytes: 10 })).body.equals(body.subarray(0, 10))).toBe(true);
    const flipped = await struck({ kind: 'flip', atByte: 70_000 });
    expect([...flipped.body.keys()].filter((at) => flipped.body[at] !== body[at])).toEqual([70_000]);
    expect((await struck({ kind: 'delay', delayMs: 1 })).body.equals(body)).toBe(true);
    const bare = await struck({ kind: 'drop-headers', names: ['ETag', 'x-amz-checksum-crc32c', 'date'] });
    expect(Object.keys(bare.headers)).not.toContain('etag');
    expect(Object.keys(bare.headers)).not.toContain('date');
  });
});

describe('an upload', () => {
  test.each([
    ['reset', constants.NGHTTP2_INTERNAL_ERROR],
    ['truncate', constants.NGHTTP2_NO_ERROR],
  ] as const)('that is cut off by %s is not stored', async (kind, rstCode) => {
    const simulator = await openH2();
    const session = await openSession(simulator);
    simulator.addFault({ effect: { kind, afterBytes: 1_000_000 } });
    const answer = await sendH2(simulator, session, { method: 'PUT', path: PATH, body: someBytes(4_000_000) });
    expect(answer).toMatchObject({ status: 0, rstCode });
    await vi.waitFor(() => expect(simulator.requests[0]).toMatchObject({ bytesIn: 1_000_000, state: 'aborted' }));
    expect(simulator.listKeys(BUCKET)).toEqual([]);
  });

  test('that its client gives up is not stored', async () => {
    const simulator = await openH2();
    const session = await openSession(simulator);
    const headers = { 'content-length': '4000000' };
    const stream = beginRequest(simulator, session, { method: 'PUT', path: PATH, headers });
    stream.write(someBytes(1_000_000));
    await vi.waitFor(() => expect(simulator.requests[0]?.bytesIn).toBe(1_000_000));
    stream.close(constants.NGHTTP2_CANCEL);
    await vi.waitFor(() => expect(simulator.requests[0]?.state).toBe('aborted'));
    expect(simulator.listKeys(BUCKET)).toEqual([]);
  });

  test('that is refused has its answer, and its client is told to stop', async () => {
    const simulator = await openH2();
    const session = await openSession(simulator);
    const headers = { 'content-length': '100000000', authorization: 'AWS4-HMAC-SHA256 forged' };
    const stream = beginRequest(simulator, session, { method: 'PUT', path: PATH });
    stream.close();
    const forged = session.request(
      { ':method': 'PUT', ':path': PATH, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...headers },
      { endStream: false },
    );
    forged.on('error', () => {});
    forged.write(someBytes(1_000_000));
    const answer = await answerOf(forged);
    expect([answer.status >= 400, answer.rstCode]).toEqual([true, constants.NGHTTP2_NO_ERROR]);
    expect(answer.body.toString()).toContain('<Code>');
  });

  test('that waits for leave gets it', async () => {
    const simulator = await openH2();
    const session = await openSession(simulator);
    const headers = { 'content-length': '5', expect: '100-continue' };
    const stream = beginRequest(simulator, session, { method: 'PUT', path: PATH, headers });
    await once(stream, 'continue');
    stream.end('hello');
    expect((await answerOf(stream)).status).toBe(200);
  });
});
