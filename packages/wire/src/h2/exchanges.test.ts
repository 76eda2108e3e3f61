import { createHash } from 'node:crypto';
import { constants } from 'node:http2';
import { beforeAll, describe, expect, test } from 'vitest';
import { answer, bodyOf, type StreamScript, startH2Server, trustedCertificate } from '../testing/h2-server.ts';
import { failureOf, get, openClient, originOf, put, showing, textOf } from '../testing/open-client.ts';
import { pattern } from '../testing/pattern.ts';
import type { WireClient, WireClientOptions } from '../types.ts';

let ca: string;

beforeAll(async () => {
  ca = (await trustedCertificate()).ca;
});

function h2Client(options: WireClientOptions = {}): WireClient {
  return openClient({ ca, http2: 'prefer', ...options });
}

describe('a request', () => {
  test('goes out under its own name, with its headers and its length', async () => {
    const server = await startH2Server(async (stream, headers) => {
      await bodyOf(stream);
      answer(stream, JSON.stringify(headers));
    });
    const { port } = server;
    const origin = {
      scheme: 'https',
      host: 'bucket.s3.test',
      port: 443,
      connectTo: { host: '127.0.0.1', port },
    } as const;
    const headers = ['X-Amz-Date', '20260101T000000Z', 'x-twice', 'a', 'X-Twice', 'b', '__proto__', 'no prototype'];
    const response = await h2Client().request(put(origin, [Buffer.from('abc')], { path: '/key?x=%20', headers }));
    const seen = JSON.parse(textOf(response.body)) as Record<string, string>;
    expect(seen).toMatchObject({
      ':method': 'PUT',
      ':scheme': 'https',
      ':authority': 'bucket.s3.test',
      ':path': '/key?x=%20',
      'content-length': '3',
      'x-amz-date': '20260101T000000Z',
      'x-twice': 'a, b',
    });
    expect(textOf(response.body)).toContain('"__proto__":"no prototype"');
    expect(response).toMatchObject({ status: 200, protocol: 'h2', remoteAddress: `127.0.0.1:${port}` });
  });

  test('names the port that is not the usual one, and announces no length where there is no body', async () => {
    const server = await startH2Server((stream, headers) => answer(stream, JSON.stringify(headers)));
    const response = await h2Client().request(get(originOf(server, 'https')));
    const seen = JSON.parse(textOf(response.body)) as Record<string, string>;
    expect(seen[':authority']).toBe(`127.0.0.1:${server.port}`);
    expect(seen).not.toHaveProperty('content-length');
  });

  test('of an empty upload announces it', async () => {
    const server = await startH2Server((stream, headers) => answer(stream, String(headers['content-length'])));
    expect(textOf((await h2Client().request(put(originOf(server, 'https'), []))).body)).toBe('0');
  });

  test('with a header that HTTP/2 does not have is INVALID, and costs no connection', async () => {
    const server = await startH2Server((stream) => answer(stream, 'ok'));
    const client = h2Client();
    const origin = originOf(server, 'https');
    const failure = await failureOf(client.request(get(origin, { headers: ['proxy-connection', 'keep-alive'] })));
    expect(failure).toMatchObject({ code: 'INVALID', message: expect.stringContaining('proxy-connection') });
    await client.request(get(origin));
    expect(server.sessions.length).toBe(1);
  });
});

describe('an upload', () => {
  test('goes out as one body, in order, private and shared memory alike', async () => {
    const parts = [1, 0, 300_000, 5, 1_000_000].map((length, at) => {
      const memory = at % 2 === 0 ? new ArrayBuffer(length) : new SharedArrayBuffer(length);
      return new Uint8Array(memory).fill(at + 1);
    });
    const server = await startH2Server(async (stream) => {
      const body = await bodyOf(stream);
      answer(stream, `${body.length} ${sha256(body)}`);
    });
    const response = await h2Client().request(put(originOf(server, 'https'), parts));
    const joined = Buffer.concat(parts);
    expect(textOf(response.body)).toBe(`${joined.length} ${sha256(joined)}`);
  });

  test('one of many at once keeps to itself', async () => {
    const server = await startH2Server(async (stream) => answer(stream, sha256(await bodyOf(stream))));
    const client = h2Client();
    const bodies = Array.from({ length: 20 }, (_, at) => new Uint8Array(200_000 + at).fill(at));
    const responses = await Promise.all(bodies.map((body) => client.request(put(originOf(server, 'https'), [body]))));
    expect(responses.map(({ body }) => textOf(body))).toEqual(bodies.map(sha256));
    expect(server.sessions.length).toBe(1);
  });

  test.each(['stops the upload by NO_ERROR', 'leaves it unread'])(
    'that is answered in its middle has that answer: the server %s',
    async (how) => {
      const server = await startH2Server((stream) => {
        stream.respond({ ':status': 403, 'content-length': 6 });
        stream.end('denied', () => {
          if (how.startsWith('stops')) stream.close(constants.NGHTTP2_NO_ERROR);
        });
      });
      const client = h2Client();
      const origin = originOf(server, 'https');
      for (let trial = 0; trial < 20; trial++) {
        const response = await client.request(put(origin, [new Uint8Array(4 << 20)]));
        expect([response.status, textOf(response.body)]).toEqual([403, 'denied']);
      }
      // The connection goes on.
      expect(server.sessions.length).toBe(1);
    },
  );

  test('that is answered in its middle has quiet memory: the server gets none of what is written there then', async () => {
    const received: Promise<Buffer>[] = [];
    const server = await startH2Server((stream) => {
      if (received.length > 0) return answer(stream);
      received.push(bytesUntilGone(stream));
      stream.respond({ ':status': 412, 'content-length': 0 });
      stream.end();
    });
    const client = h2Client();
    const part = new Uint8Array(8 << 20).fill(1);
    await client.request(put(originOf(server, 'https'), [part]));
    part.fill(2);
    await client.request(get(originOf(server, 'https')));
    expect((await received[0])?.includes(2)).toBe(false);
  });
});

describe('a body of a 2xx lands in the memory lent for it', () => {
  test.each([
    ['private', new ArrayBuffer(3_100_000)],
    ['shared', new SharedArrayBuffer(3_100_000)],
  ])('%s memory, and not a byte beside it changes', async (_kind, memory) => {
    const body = pattern(3_000_000);
    const server = await startH2Server((stream) => answer(stream, body));
    const all = new Uint8Array(memory).fill(0xa5);
    const into = all.subarray(10_000, 10_000 + body.length + 50);
    const response = await h2Client().request(get(originOf(server, 'https'), { into }));
    expect([response.bodyBytes, response.body.length]).toEqual([body.length, 0]);
    expect(Buffer.compare(into.subarray(0, body.length), body)).toBe(0);
    const beside = [all.subarray(0, 10_000), all.subarray(10_000 + body.length)];
    expect(beside.every((bytes) => bytes.every((byte) => byte === 0xa5))).toBe(true);
  });

  test('without announced length, up to the end of the stream', async () => {
    const body = pattern(200_000);
    const server = await startH2Server((stream) => {
      stream.respond({ ':status': 200 });
      stream.end(body);
    });
    const into = new Uint8Array(body.length + 1);
    const response = await h2Client().request(get(originOf(server, 'https'), { into }));
    expect([response.bodyBytes, Buffer.compare(into.subarray(0, body.length), body)]).toEqual([body.length, 0]);
  });

  test('many at once, each in its own', async () => {
    const server = await startH2Server((stream, headers) =>
      answer(stream, pattern(Number(headers[':path']?.slice(1)))),
    );
    const client = h2Client();
    const sizes = Array.from({ length: 30 }, (_, at) => 100_000 + at * 7_001);
    const intos = sizes.map((size) => new Uint8Array(size));
    await Promise.all(
      intos.map((into) => client.request(get(originOf(server, 'https'), { path: `/${into.length}`, into }))),
    );
    expect(intos.every((into) => Buffer.compare(into, pattern(into.length)) === 0)).toBe(true);
  });

  test.each([300_000, 100, 0])('and its digest is of all of it, in order (%i bytes)', async (byteLength) => {
    const body = pattern(byteLength);
    const server = await startH2Server((stream) => answer(stream, body));
    const sizes: number[] = [];
    const digests = {
      start: () => {
        const hash = createHash('sha256');
        return {
          update: (bytes: Uint8Array) => {
            sizes.push(bytes.length);
            hash.update(bytes);
          },
          value: () => hash.digest('hex'),
        };
      },
    };
    const into = new Uint8Array(byteLength);
    const client = h2Client({ digests });
    const response = await client.request(get(originOf(server, 'https'), { into, digest: 'sha256' }));
    expect(response.digest).toBe(sha256(body));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(byteLength);
    expect((await client.request(get(originOf(server, 'https'), { into }))).digest).toBeUndefined();
  });

  test('and a digest that throws fails the request with what it threw, and costs no connection', async () => {
    const server = await startH2Server((stream) => answer(stream, 'hello'));
    const digests = showing(() => {
      throw new RangeError('enough');
    });
    const client = h2Client({ digests });
    const origin = originOf(server, 'https');
    const request = client.request(get(origin, { into: new Uint8Array(5), digest: 'any' }));
    await expect(request).rejects.toThrow('enough');
    await client.request(get(origin));
    expect(server.sessions.length).toBe(1);
  });

  test('no memory for no bytes', async () => {
    const server = await startH2Server((stream) => answer(stream));
    const response = await h2Client().request(get(originOf(server, 'https'), { into: new Uint8Array(0) }));
    expect(response).toMatchObject({ status: 200, bodyBytes: 0 });
  });
});

describe('a body longer than the memory lent is BODY_TOO_LARGE', () => {
  test('of known length: with the length, nothing is written, and the connection goes on', async () => {
    const server = await startH2Server((stream) => answer(stream, pattern(1_000_000)));
    const client = h2Client();
    const into = new Uint8Array(10);
    const failure = await failureOf(client.request(get(originOf(server, 'https'), { into })));
    expect(failure).toMatchObject({ code: 'BODY_TOO_LARGE', requiredBytes: 1_000_000, status: 200 });
    expect(into.every((byte) => byte === 0)).toBe(true);
    const whole = new Uint8Array(1_000_000);
    await client.request(get(originOf(server, 'https'), { into: whole }));
    expect([server.sessions.length, Buffer.compare(whole, pattern(1_000_000))]).toEqual([1, 0]);
  });

  test('without announced length', async () => {
    const server = await startH2Server((stream) => {
      stream.respond({ ':status': 200 });
      stream.end('hello world');
    });
    const failure = await failureOf(h2Client().request(get(originOf(server, 'https'), { into: new Uint8Array(10) })));
    expect(failure).toMatchObject({ code: 'BODY_TOO_LARGE', requiredBytes: undefined, status: 200 });
  });
});

describe('a body for which no memory was lent', () => {
  test('of an error is kept, and never enters the memory lent', async () => {
    const server = await startH2Server((stream) => answer(stream, 'sorry', 503));
    const into = new Uint8Array(100);
    const response = await h2Client().request(get(originOf(server, 'https'), { into }));
    expect([response.status, textOf(response.body), response.bodyBytes]).toEqual([503, 'sorry', 5]);
    expect(into.every((byte) => byte === 0)).toBe(true);
  });

  test('is cut at maxErrorBytes', async () => {
    const body = pattern(200_000);
    const server = await startH2Server((stream) => answer(stream, body, 404));
    const response = await h2Client({ maxErrorBytes: 1_000 }).request(get(originOf(server, 'https')));
    expect(Buffer.compare(response.body, body.subarray(0, 1_000))).toBe(0);
    expect(response.bodyBytes).toBe(body.length);
  });

  test('ends its stream where more than 1 MiB would have to be read past', async () => {
    const closed = Promise.withResolvers<number>();
    const server = await startH2Server((stream) => {
      stream.once('close', () => closed.resolve(stream.rstCode));
      answer(stream, pattern(64_000_000), 500);
    });
    const client = h2Client({ maxErrorBytes: 1_000 });
    const response = await client.request(get(originOf(server, 'https')));
    expect([response.status, response.body.length]).toEqual([500, 1_000]);
    expect(await closed.promise).toBe(constants.NGHTTP2_CANCEL);
    expect(client.stats.openConnections).toBe(1);
  });
});

test('a HEAD ends with its head, whatever length it names', async () => {
  const server = await startH2Server((stream) => {
    stream.respond({ ':status': 200, 'content-length': 33_554_432, etag: '"e"' }, { endStream: true });
  });
  const response = await h2Client().request(get(originOf(server, 'https'), { method: 'HEAD' }));
  expect(response).toMatchObject({ status: 200, bodyBytes: 0 });
  expect([response.headers.get('content-length'), response.headers.get('etag')]).toEqual(['33554432', '"e"']);
});

test.each([204, 304])('%i has no body', async (status) => {
  const server = await startH2Server((stream) => stream.respond({ ':status': status }, { endStream: true }));
  expect(await h2Client().request(get(originOf(server, 'https')))).toMatchObject({ status, bodyBytes: 0 });
});

test('interim responses are passed over, and so are trailers', async () => {
  const server = await startH2Server((stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a>' });
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'x-late': 'yes' }));
    stream.end('ok');
  });
  const { status, body, headers } = await h2Client().request(get(originOf(server, 'https')));
  expect([status, textOf(body), headers.has('link'), headers.has('x-late')]).toEqual([200, 'ok', false, false]);
});

test('header values come as they were sent: beyond ASCII, and several of one name', async () => {
  const server = await startH2Server((stream) => {
    stream.respond({ ':status': 200, 'x-a': ['1', '2'], 'set-cookie': ['a', 'b'], 'x-latin1': 'caf\xe9' });
    stream.end();
  });
  const { headers } = await h2Client().request(get(originOf(server, 'https')));
  expect([headers.get('x-a'), headers.get('set-cookie'), headers.get('x-latin1')]).toEqual(['1, 2', 'a, b', 'caf\xe9']);
});

test('a response says when it was given', async () => {
  const server = await startH2Server((stream) => answer(stream, 'ok'));
  const { timing } = await h2Client().request(get(originOf(server, 'https')));
  expect(timing.startMs).toBeLessThanOrEqual(timing.firstByteMs);
  expect(timing.firstByteMs).toBeLessThanOrEqual(timing.endMs);
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Everything of an upload that comes until its stream is gone. */
function bytesUntilGone(stream: Parameters<StreamScript>[0]): Promise<Buffer> {
  const parts: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  stream.on('data', (part: Buffer) => parts.push(Buffer.from(part)));
  stream.once('close', () => resolve(Buffer.concat(parts)));
  return promise;
}
