import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test, vi } from 'vitest';
import { base64Of } from './checksums.ts';
import { startSimulator } from './simulator.ts';
import { BUCKET, openSimulator, someBytes } from './testing/open.ts';
import { openSocket, type RawAnswer, requestHead, send, signedHeaders } from './testing/raw.ts';
import type { PutObjectOptions } from './types.ts';

const PATH = `/${BUCKET}/k`;

function spillFolders(): string[] {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(`kvferry-s3-simulator-${process.pid}-`))
    .map((name) => join(tmpdir(), name));
}

describe('bodies beyond the memory budget', () => {
  test('lie in a temporary folder, are read from it, and go with it at close', async () => {
    const simulator = await openSimulator({ memoryBytes: 1_000_000 });
    const body = someBytes(3_000_000);
    const headers = { 'x-amz-checksum-crc32c': await base64Of('crc32c', body) };
    expect((await send(simulator, { method: 'PUT', path: PATH, body, headers })).status).toBe(200);
    const [folder = ''] = spillFolders();
    expect(readdirSync(folder)).toHaveLength(1);
    const got = await send(simulator, { method: 'GET', path: PATH });
    expect(got.body.equals(body)).toBe(true);
    const range = await send(simulator, { method: 'GET', path: PATH, headers: { range: 'bytes=1999990-2000009' } });
    expect(range.body.equals(body.subarray(1_999_990, 2_000_010))).toBe(true);

    await simulator.close();
    expect(existsSync(folder)).toBe(false);
  });

  test('leave the folder when they are replaced, deleted or refused', async () => {
    const simulator = await openSimulator({ memoryBytes: 0 });
    const path = `/${BUCKET}/spilled`;
    const put = (text: string, headers = {}): Promise<unknown> =>
      send(simulator, { method: 'PUT', path, body: Buffer.from(text), headers });
    const files = (): number => readdirSync(spillFolders()[0] ?? '').length;
    await put('one');
    await put('two');
    await vi.waitFor(() => expect(files()).toBe(1));
    await put('bad', { 'x-amz-checksum-crc32c': 'AAAAAA==' });
    expect(files()).toBe(1);
    await send(simulator, { method: 'DELETE', path });
    await vi.waitFor(() => expect(files()).toBe(0));
  });

  test('in memory leave room when they go', async () => {
    const simulator = await openSimulator({ memoryBytes: 1_000_000 });
    for (let seed = 1; seed <= 5; seed++) {
      const body = someBytes(900_000, seed);
      await simulator.putObject(BUCKET, 'k', body);
      expect(Buffer.from((await simulator.getObject(BUCKET, 'k'))?.body ?? []).equals(body)).toBe(true);
      simulator.deleteObject(BUCKET, 'k');
    }
    expect(spillFolders()).toEqual([]);
  });
});

test('an object that is replaced while it is read is read to its end as it was', async () => {
  const simulator = await openSimulator();
  const old = someBytes(20_000_000, 1);
  const body = someBytes(20_000_000, 2);
  await simulator.putObject(BUCKET, 'k', old);
  const request = { method: 'GET', path: PATH };
  const socket = await openSocket(simulator);
  socket.pause();
  socket.write(requestHead(request, signedHeaders(simulator, request)));
  await vi.waitFor(() => expect(simulator.requests[0]?.status).toBe(200));
  expect((await send(simulator, { method: 'PUT', path: PATH, body })).status).toBe(200);
  expect((await send(simulator, { method: 'PUT', path: PATH, body })).status).toBe(200);
  const chunks: Buffer[] = [];
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.byteLength;
  });
  socket.resume();
  await vi.waitFor(() => expect(received).toBeGreaterThan(old.byteLength));
  socket.destroy();
  expect(Buffer.concat(chunks).subarray(-old.byteLength).equals(old)).toBe(true);
});

describe('the record of requests', () => {
  test('tells what each was, how it ended, and on which connection', async () => {
    const simulator = await openSimulator();
    await send(simulator, { method: 'PUT', path: PATH, body: Buffer.from('hello'), headers: { 'x-amz-meta-a': 'b' } });
    await send(simulator, { method: 'GET', path: PATH });
    await vi.waitFor(() => expect(simulator.stats.openRequests).toBe(0));
    const [put, get] = simulator.requests;
    expect(put).toMatchObject({ method: 'PUT', url: PATH, status: 200, bytesIn: 5, bytesOut: 0, state: 'done' });
    expect(put?.headers).toMatchObject({ 'x-amz-meta-a': 'b', 'content-length': '5' });
    expect(get).toMatchObject({ method: 'GET', status: 200, bytesIn: 0, bytesOut: 5, state: 'done' });
    expect(put?.connection).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(put?.connection).not.toBe(get?.connection);
    simulator.clearRequests();
    expect(simulator.requests).toEqual([]);
  });

  test('a client that goes in the middle of a large answer leaves it aborted, and less than sent', async () => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', Buffer.alloc(64_000_000));
    const request = { method: 'GET', path: PATH };
    const socket = await openSocket(simulator);
    socket.pause();
    socket.write(requestHead(request, signedHeaders(simulator, request)));
    await vi.waitFor(() => expect(simulator.requests[0]?.status).toBe(200));
    socket.destroy();
    await vi.waitFor(() => expect(simulator.requests[0]?.state).toBe('aborted'));
    expect(simulator.requests[0]?.bytesOut).toBeLessThan(64_000_000);
    expect(simulator.stats.openRequests).toBe(0);
  });

  test('knows how many were open at once', async () => {
    const simulator = await openSimulator();
    simulator.addFault({ times: 3, effect: { kind: 'stall', afterBytes: 'head' } });
    const answers = Array.from({ length: 3 }, () => send(simulator, { method: 'GET', path: PATH }));
    await vi.waitFor(() => expect(simulator.stats).toMatchObject({ openRequests: 3, openConnections: 3 }));
    await simulator.close();
    await Promise.all(answers);
    expect(simulator.stats).toEqual({ openRequests: 0, openConnections: 0, maxOpenRequests: 3 });
  });
});

describe('objects laid from outside the wire', () => {
  async function headersOf(text: string, options: PutObjectOptions): Promise<RawAnswer['headers']> {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'k', Buffer.from(text), options);
    const headers = { 'x-amz-checksum-mode': 'ENABLED' };
    return (await send(simulator, { method: 'HEAD', path: PATH, headers })).headers;
  }

  test.each([
    ['computed', 'mnG7TA=='],
    ['none', undefined],
    [{ base64: 'AAAAAA==' }, 'AAAAAA=='],
  ] as const)('crc32c %o is answered as %s', async (crc32c, expected) => {
    expect((await headersOf('hello', { crc32c }))['x-amz-checksum-crc32c']).toBe(expected);
  });

  test.each([
    // Check value of the catalogue of parametrised CRC algorithms, CRC-64/NVME.
    ['computed', 'rosUhgp5mIg='],
    ['none', undefined],
    [{ base64: 'AAAAAAAAAAA=' }, 'AAAAAAAAAAA='],
  ] as const)('crc64nvme %o is answered as %s, beside no other', async (crc64nvme, expected) => {
    const headers = await headersOf('123456789', { crc32c: 'none', crc64nvme });
    expect(headers['x-amz-checksum-crc64nvme']).toBe(expected);
    expect(headers).not.toHaveProperty('x-amz-checksum-crc32c');
  });

  test('are listed and deleted', async () => {
    const simulator = await openSimulator();
    await simulator.putObject(BUCKET, 'b', Buffer.from('x'));
    await simulator.putObject(BUCKET, 'a', Buffer.from('x'));
    expect(simulator.listKeys(BUCKET)).toEqual(['a', 'b']);
    simulator.deleteObject(BUCKET, 'a');
    expect(await simulator.getObject(BUCKET, 'a')).toBeUndefined();
    expect(simulator.listKeys(BUCKET)).toEqual(['b']);
    expect(() => simulator.listKeys('absent')).toThrowError(/does not exist/);
  });

  test('are copies: what becomes of the memory later does not matter', async () => {
    const simulator = await openSimulator();
    const body = Buffer.from('hello');
    await simulator.putObject(BUCKET, 'k', body);
    body.fill(0);
    const object = await simulator.getObject(BUCKET, 'k');
    object?.body.fill(0);
    expect((await send(simulator, { method: 'GET', path: PATH })).body.toString()).toBe('hello');
  });
});

describe('hosts', () => {
  test.each([
    { host: `${BUCKET}.s3.us-east-1.amazonaws.com`, path: '/k' },
    { host: `${BUCKET}.S3.us-east-1.amazonaws.com:80`, path: '/k' },
    { host: 's3.us-east-1.amazonaws.com', path: PATH },
    { host: `${BUCKET}.cwlota.com`, path: '/k' },
    { host: 'localhost', path: PATH },
    { host: '[::1]:9000', path: PATH },
  ])('$host$path is the object', async ({ host, path }) => {
    const simulator = await openSimulator({ hosts: ['cwlota.com', 's3.us-east-1.amazonaws.com'] });
    await simulator.putObject(BUCKET, 'k', Buffer.from('hello'));
    expect((await send(simulator, { method: 'GET', path, host })).body.toString()).toBe('hello');
  });

  test('that say nothing, where the bucket is read from the path alone', async () => {
    const simulator = await openSimulator({ addressing: 'path' });
    await simulator.putObject(BUCKET, 'k', Buffer.from('hello'));
    const host = `${BUCKET}.s3.localhost`;
    expect((await send(simulator, { method: 'GET', path: PATH, host })).body.toString()).toBe('hello');
    const misread = await send(simulator, { method: 'GET', path: '/some%40key', host });
    expect([misread.status, misread.body.toString()]).toEqual([400, expect.stringContaining('InvalidBucketName')]);
    const body = Buffer.from('a value');
    const made = await send(simulator, { method: 'PUT', path: '/some-key', host, body });
    expect([made.status, made.body.toString()]).toEqual([400, expect.stringContaining('MalformedXML')]);
  });

  test('that must say it, where a bucket in the path is refused', async () => {
    const simulator = await openSimulator({ addressing: 'host' });
    await simulator.putObject(BUCKET, 'k', Buffer.from('hello'));
    const found = await send(simulator, { method: 'GET', path: '/k', host: `${BUCKET}.s3.localhost` });
    expect(found.body.toString()).toBe('hello');
    const refused = await send(simulator, { method: 'GET', path: PATH });
    expect([refused.status, refused.body.toString()]).toEqual([
      403,
      expect.stringContaining('SecondLevelDomainForbidden'),
    ]);
  });

  test('the certificate is for all of them, any bucket before them, and nobody else', async () => {
    const simulator = await openSimulator({ scheme: 'https', hosts: ['cwlota.com'] });
    const authorized = async (servername: string): Promise<boolean> => {
      const socket = connectTls({ port: simulator.port, host: '127.0.0.1', servername, ca: simulator.ca });
      try {
        await once(socket, 'secureConnect');
        return socket.authorized;
      } catch {
        return false;
      } finally {
        socket.destroy();
      }
    };
    expect(await Promise.all(['cwlota.com', 'any.cwlota.com', 'localhost'].map(authorized))).toEqual([
      true,
      true,
      true,
    ]);
    expect(await Promise.all(['a.b.cwlota.com', 'elsewhere.example'].map(authorized))).toEqual([false, false]);
  });
});

describe('life', () => {
  test('close ends connections, frees the port, and can be repeated', async () => {
    const simulator = await startSimulator();
    const socket = await openSocket(simulator);
    const closed = once(socket, 'close');
    await Promise.all([simulator.close(), simulator.close()]);
    await closed;
    await simulator.close();
    const [error] = await once(connect(simulator.port, '127.0.0.1'), 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a port that is taken is the system error', async () => {
    const simulator = await openSimulator();
    await expect(startSimulator({ port: simulator.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test.each([
    [{ bukets: ['x'] }, /no option bukets/],
    [{ credentials: [] }, /credentials/],
    [{ memoryBytes: -1 }, /memoryBytes/],
    [{ buckets: ['UPPER'] }, /UPPER/],
  ])('the options %o are refused', async (options, message) => {
    await expect(startSimulator(options as object)).rejects.toThrowError(message);
  });
});
