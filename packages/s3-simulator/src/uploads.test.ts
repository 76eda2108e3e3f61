import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { BUCKET, openSimulator, someBytes } from './testing/open.ts';
import {
  openSocket,
  type RawAnswer,
  type RawRequest,
  readAnswer,
  requestHead,
  send,
  signedHeaders,
  signingKey,
} from './testing/raw.ts';
import type { Simulator } from './types.ts';

const PATH = `/${BUCKET}/k`;
const BODY = Buffer.from('hello');
const CRC32C_OF_HELLO = 'mnG7TA==';
const CRC32_OF_HELLO = 'NhCmhg==';

function codeOf(answer: RawAnswer): string | undefined {
  return /<Code>(\w+)<\/Code>/.exec(answer.body.toString())?.[1];
}

async function stored(simulator: Simulator): Promise<string | undefined> {
  const object = await simulator.getObject(BUCKET, 'k');
  return object && Buffer.from(object.body).toString();
}

describe('checksums sent with a body', () => {
  test.each([
    ['x-amz-checksum-crc32', CRC32_OF_HELLO],
    ['x-amz-checksum-crc32c', CRC32C_OF_HELLO],
    ['x-amz-checksum-crc64nvme', 'M3eFcAZSQlc='],
    ['x-amz-checksum-sha1', 'qvTGHdzF6KLavt4PO0gs2a6pQ00='],
    ['x-amz-checksum-sha256', 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='],
    ['content-md5', 'XUFAKrxLKna5cZ2REBfFkg=='],
  ])('%s is verified: right is stored, wrong is BadDigest and leaves the old value', async (name, right) => {
    const simulator = await openSimulator();
    const request = { method: 'PUT', path: PATH, headers: { [name]: right } };
    const wrong = await send(simulator, { ...request, body: Buffer.from('hallo') });
    expect([wrong.status, codeOf(wrong)]).toEqual([400, 'BadDigest']);
    expect(await stored(simulator)).toBeUndefined();
    const answer = await send(simulator, { ...request, body: BODY });
    expect(answer.status).toBe(200);
    if (name !== 'content-md5') expect(answer.headers[name]).toBe(right);
    await send(simulator, { ...request, body: Buffer.from('hallo') });
    expect(await stored(simulator)).toBe('hello');
  });

  test.each([
    { 'x-amz-checksum-crc32c': 'no base64' },
    { 'x-amz-checksum-crc32c': 'AAAAAAAA' },
    { 'x-amz-checksum-crc32c': CRC32C_OF_HELLO, 'x-amz-checksum-crc32': CRC32_OF_HELLO },
  ])('%o is InvalidRequest', async (headers) => {
    const answer = await send(await openSimulator(), { method: 'PUT', path: PATH, headers, body: BODY });
    expect([answer.status, codeOf(answer)]).toEqual([400, 'InvalidRequest']);
  });
});

describe('lengths', () => {
  test('without Content-Length: MissingContentLength', async () => {
    const simulator = await openSimulator();
    const request = { method: 'PUT', path: PATH, headers: { 'transfer-encoding': 'chunked' } };
    const socket = await openSocket(simulator);
    socket.write(`${requestHead(request, signedHeaders(simulator, request))}5\r\nhello\r\n0\r\n\r\n`);
    const answer = await readAnswer(socket, 'PUT');
    expect([answer.status, codeOf(answer)]).toEqual([411, 'MissingContentLength']);
  });

  test('beyond 5 GiB: EntityTooLarge, before the body', async () => {
    const simulator = await openSimulator();
    const headers = { 'content-length': String(5 * 1024 ** 3 + 1) };
    const answer = await send(simulator, { method: 'PUT', path: PATH, headers });
    expect([answer.status, codeOf(answer)]).toEqual([400, 'EntityTooLarge']);
  });

  test('a key beyond 1,024 bytes: KeyTooLongError', async () => {
    const simulator = await openSimulator();
    const path = `/${BUCKET}/${'k'.repeat(1025)}`;
    expect(codeOf(await send(simulator, { method: 'PUT', path, body: BODY }))).toBe('KeyTooLongError');
  });

  test('an empty object is an object', async () => {
    const simulator = await openSimulator();
    expect((await send(simulator, { method: 'PUT', path: PATH, body: Buffer.alloc(0) })).status).toBe(200);
    expect(await stored(simulator)).toBe('');
  });
});

test.each([0, 1, 70_000])('an upload cut off after %i of 100,000 bytes stores nothing', async (sentBytes) => {
  const simulator = await openSimulator();
  await simulator.putObject(BUCKET, 'k', Buffer.from('old'));
  const request = { method: 'PUT', path: PATH, headers: { 'content-length': '100000' } };
  const socket = await openSocket(simulator);
  socket.write(requestHead(request, signedHeaders(simulator, request)));
  socket.write(someBytes(sentBytes));
  await vi.waitFor(() => expect(simulator.requests.at(-1)?.bytesIn).toBe(sentBytes));
  socket.destroy();
  await vi.waitFor(() => expect(simulator.requests.at(-1)?.state).toBe('aborted'));
  expect(simulator.stats.openRequests).toBe(0);
  expect(await stored(simulator)).toBe('old');
});

test('of two uploads with If-None-Match: * that are both under way, the first to end wins', async () => {
  const simulator = await openSimulator();
  const request = { method: 'PUT', path: PATH, headers: { 'content-length': '10', 'if-none-match': '*' } };
  const begin = async (text: string): Promise<Socket> => {
    const socket = await openSocket(simulator);
    socket.write(requestHead(request, signedHeaders(simulator, request)) + text);
    return socket;
  };
  const sockets = await Promise.all(['first', 'other'].map(begin));
  await vi.waitFor(() => expect(simulator.requests.map(({ bytesIn }) => bytesIn)).toEqual([5, 5]));
  const statuses: number[] = [];
  for (const socket of sockets) {
    socket.write('-half');
    statuses.push((await readAnswer(socket, 'PUT')).status);
  }
  expect(statuses).toEqual([200, 412]);
  expect(await stored(simulator)).toBe('first-half');
});

describe('an upload that is refused in mid-body', () => {
  test('is taken to its end, so that no reset overtakes the answer', async () => {
    const simulator = await openSimulator();
    const request = { method: 'PUT', path: PATH, headers: { 'content-length': '8000000', 'if-match': '"absent"' } };
    const socket = await openSocket(simulator);
    socket.write(requestHead(request, signedHeaders(simulator, request)));
    await once(socket, 'data');
    const failed = await new Promise((resolve) => socket.write(Buffer.alloc(8_000_000), resolve));
    expect(failed ?? undefined).toBeUndefined();
    await once(socket, 'end');
    socket.destroy();
  });

  test('gets its answer, though it sends on, and the connection goes', async () => {
    const simulator = await openSimulator();
    const credentials = { ...simulator.credentials, secretAccessKey: 'wrong' };
    const answer = await send(simulator, { method: 'PUT', path: PATH, body: someBytes(8_000_000), credentials });
    expect([answer.status, codeOf(answer), answer.headers.connection]).toEqual([403, 'SignatureDoesNotMatch', 'close']);
  });

  test('that waits for 100 Continue gets the answer in its place', async () => {
    const simulator = await openSimulator();
    const credentials = { ...simulator.credentials, secretAccessKey: 'wrong' };
    const headers = { expect: '100-continue', 'content-length': '8000000' };
    const answer = await send(simulator, { method: 'PUT', path: PATH, headers, credentials });
    expect([answer.status, answer.headers.connection]).toEqual([403, 'close']);
  });

  test('If-None-Match: * against an object that is there is known at the head', async () => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', BODY);
    const headers = { 'if-none-match': '*', expect: '100-continue', 'content-length': '8000000' };
    expect((await send(simulator, { method: 'PUT', path: PATH, headers })).status).toBe(412);
  });
});

test('two requests on one connection, the first an upload, are both answered', async () => {
  const simulator = await openSimulator();
  const request = { method: 'PUT', path: PATH, headers: { 'content-length': '5' } };
  const next = { method: 'GET', path: PATH };
  const socket = await openSocket(simulator);
  socket.write(requestHead(request, signedHeaders(simulator, request)));
  socket.write(BODY);
  socket.write(requestHead(next, signedHeaders(simulator, next)));
  await vi.waitFor(() => expect(simulator.requests.map(({ state }) => state)).toEqual(['done', 'done']));
  const [first, second] = simulator.requests;
  expect(first?.connection).toBe(second?.connection);
  expect(second).toMatchObject({ status: 200, bytesOut: 5 });
  socket.destroy();
});

test('what is left of a refused body does not stand in the way of the next request', async () => {
  const simulator = await openSimulator();
  const length = { 'content-length': '50000', 'x-amz-decoded-content-length': '49000' };
  const payloadHash = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const request = { method: 'PUT', path: PATH, headers: length, payloadHash };
  const next = { method: 'HEAD', path: PATH };
  const socket = await openSocket(simulator);
  socket.write(requestHead(request, signedHeaders(simulator, request)));
  socket.write('no chunk head\r\n');
  await vi.waitFor(() => expect(simulator.requests[0]?.state).toBe('done'));
  socket.write(Buffer.alloc(50_000 - 'no chunk head\r\n'.length));
  socket.write(requestHead(next, signedHeaders(simulator, next)));
  await vi.waitFor(() => expect(simulator.requests.map(({ status }) => status)).toEqual([400, 404]));
  socket.destroy();
});

describe('aws-chunked', () => {
  const trailerHeaders = { 'x-amz-trailer': 'x-amz-checksum-crc32', 'content-encoding': 'aws-chunked,gzip' };

  function chunkedRequest(encoded: Buffer, payloadHash: string, headers: Readonly<Record<string, string>>): RawRequest {
    const length = { 'x-amz-decoded-content-length': '5', 'content-length': String(encoded.byteLength) };
    return { method: 'PUT', path: PATH, payloadHash, headers: { ...length, ...headers }, body: encoded };
  }

  function unsigned(text: string): RawRequest {
    return chunkedRequest(Buffer.from(text), 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', trailerHeaders);
  }

  test('with a right trailer is decoded and stored with its checksum and the rest of its encoding', async () => {
    const simulator = await openSimulator();
    const answer = await send(
      simulator,
      unsigned(`2\r\nhe\r\n3\r\nllo\r\n0\r\nx-amz-checksum-crc32:${CRC32_OF_HELLO}\r\n\r\n`),
    );
    expect(answer.status).toBe(200);
    expect(await stored(simulator)).toBe('hello');
    expect((await simulator.getObject(BUCKET, 'k'))?.checksums).toEqual({ 'x-amz-checksum-crc32': CRC32_OF_HELLO });
    const got = await send(simulator, { method: 'GET', path: PATH });
    expect(got.headers['content-encoding']).toBe('gzip');
  });

  test.each([
    ['a wrong trailer', '5\r\nhallo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', 'BadDigest'],
    ['no trailer', '5\r\nhello\r\n0\r\n\r\n', 'InvalidRequest'],
    ['less than announced', '4\r\nhell\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', 'IncompleteBody'],
    ['more than announced', '6\r\nhello!\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', 'IncompleteBody'],
    ['no last chunk', '5\r\nhello\r\n', 'IncompleteBody'],
    ['a chunk longer than its head says', '4\r\nhello\r\n0\r\n\r\n', 'InvalidRequest'],
    ['no chunks at all', 'hello', 'IncompleteBody'],
    ['a chunk head that is none', 'five\r\nhello\r\n', 'InvalidRequest'],
  ])('with %s is refused, and nothing is stored', async (_name, text, code) => {
    const simulator = await openSimulator();
    const answer = await send(simulator, unsigned(text));
    expect([answer.status, codeOf(answer)]).toEqual([400, code]);
    expect(await stored(simulator)).toBeUndefined();
  });

  /** Chunks signed one after the other, each over the one before; `forge` changes the bytes after signing. */
  function signed(simulator: Simulator, forge: (text: string) => string): RawRequest {
    const payloadHash = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';
    const timeMs = Date.now();
    const timestamp = new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, '');
    const scope = `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
    const key = signingKey(simulator.credentials.secretAccessKey, scope);
    const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
    const sign = (parts: readonly string[]): string => createHmac('sha256', key).update(parts.join('\n')).digest('hex');
    // The length of the encoded body is not signed, so it can be found out by encoding twice.
    const build = (seed: string): string => {
      let previous = seed;
      let text = '';
      for (const data of ['hel', 'lo', '']) {
        previous = sign(['AWS4-HMAC-SHA256-PAYLOAD', timestamp, scope, previous, sha256(''), sha256(data)]);
        text += `${data.length.toString(16)};chunk-signature=${previous}\r\n${data}${data === '' ? '' : '\r\n'}`;
      }
      const trailer = `x-amz-checksum-crc32:${CRC32_OF_HELLO}\n`;
      const signature = sign(['AWS4-HMAC-SHA256-TRAILER', timestamp, scope, previous, sha256(trailer)]);
      return `${text}${trailer.trim()}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`;
    };
    const draft = chunkedRequest(Buffer.from(build('0'.repeat(64))), payloadHash, trailerHeaders);
    const { authorization = '' } = signedHeaders(simulator, { ...draft, timeMs });
    const seed = authorization.slice(authorization.indexOf('Signature=') + 'Signature='.length);
    return { ...chunkedRequest(Buffer.from(forge(build(seed))), payloadHash, trailerHeaders), timeMs };
  }

  test('with signed chunks is decoded and stored', async () => {
    const simulator = await openSimulator();
    const answer = await send(
      simulator,
      signed(simulator, (text) => text),
    );
    expect([answer.status, codeOf(answer)]).toEqual([200, undefined]);
    expect(await stored(simulator)).toBe('hello');
  });

  test.each([
    ['a chunk', 'hel', 'hal'],
    ['a trailer', CRC32_OF_HELLO, CRC32C_OF_HELLO],
  ])('with %s changed after signing is refused', async (_name, from, to) => {
    const simulator = await openSimulator();
    const answer = await send(
      simulator,
      signed(simulator, (text) => text.replace(from, to)),
    );
    expect([answer.status, codeOf(answer)]).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await stored(simulator)).toBeUndefined();
  });
});
