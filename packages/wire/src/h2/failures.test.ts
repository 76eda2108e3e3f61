import { once } from 'node:events';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { beforeAll, describe, expect, test } from 'vitest';
import { answer, bodyOf, startH2Server, trustedCertificate } from '../testing/h2-server.ts';
import { failureOf, get, openClient, originOf, put, showing } from '../testing/open-client.ts';
import { startRawServer } from '../testing/raw-server.ts';
import type { WireClient, WireClientOptions } from '../types.ts';

let trust: Awaited<ReturnType<typeof trustedCertificate>>;

beforeAll(async () => {
  trust = await trustedCertificate();
});

const patient = { connectMs: 5_000, firstByteMs: 5_000, stallMs: 5_000 };

function h2Client(options: WireClientOptions = {}): WireClient {
  return openClient({ ca: trust.ca, http2: 'prefer', timeouts: patient, ...options });
}

/** Answers the head, and a part of the body. */
function answerHalf(stream: ServerHttp2Stream): void {
  // Else a reset would end the stream first.
  stream.respond({ ':status': 200, 'content-length': 100 }, { waitForTrailers: true });
  stream.write('half');
}

describe('a server that falls silent', () => {
  test('in the handshake: CONNECT_TIMEOUT', async () => {
    const server = await startRawServer(() => {});
    const client = h2Client({ timeouts: { ...patient, connectMs: 30 } });
    const failure = await failureOf(client.request(get(originOf(server, 'https'))));
    expect(failure).toMatchObject({ code: 'CONNECT_TIMEOUT', remoteAddress: `127.0.0.1:${server.port}` });
    expect(client.stats.openConnections).toBe(0);
  });

  test('when it has chosen HTTP/2: CONNECT_TIMEOUT, for each that waits', async () => {
    const server = await startRawServer(() => {}, { certificate: trust.certificate, protocols: ['h2'] });
    const client = h2Client({ timeouts: { ...patient, connectMs: 200 } });
    const origin = originOf(server, 'https');
    const failures = await Promise.all([1, 2].map(() => failureOf(client.request(get(origin)))));
    expect(failures.map(({ code }) => code)).toEqual(['CONNECT_TIMEOUT', 'CONNECT_TIMEOUT']);
    expect(client.stats.openConnections).toBe(0);
  });

  test('before its answer: FIRST_BYTE_TIMEOUT, and the connection takes no more', async () => {
    const server = await startH2Server((stream, headers) => {
      if (headers[':path'] === '/silent') return;
      answer(stream, 'ok');
    });
    const client = h2Client({ timeouts: { ...patient, firstByteMs: 500 } });
    const origin = originOf(server, 'https');
    await client.request(get(origin));
    expect((await failureOf(client.request(get(origin, { path: '/silent' })))).code).toBe('FIRST_BYTE_TIMEOUT');
    await client.request(get(origin));
    expect(server.requests).toEqual(['1.1 GET', '1.3 GET', '2.1 GET']);
  });

  test('before its answer to an upload: FIRST_BYTE_TIMEOUT', async () => {
    const server = await startH2Server(async (stream) => void (await bodyOf(stream)));
    const client = h2Client({ timeouts: { ...patient, firstByteMs: 50 } });
    const upload = client.request(put(originOf(server, 'https'), [new Uint8Array(1_000_000)]));
    expect((await failureOf(upload)).code).toBe('FIRST_BYTE_TIMEOUT');
  });

  test('in its answer: STALL_TIMEOUT', async () => {
    const server = await startH2Server(answerHalf);
    const client = h2Client({ timeouts: { ...patient, stallMs: 50 } });
    const request = client.request(get(originOf(server, 'https'), { into: new Uint8Array(100) }));
    expect(await failureOf(request)).toMatchObject({ code: 'STALL_TIMEOUT', status: 200 });
  });

  test('while it should take a body: STALL_TIMEOUT', async () => {
    // Nobody reads, so the stream's window stays used up.
    const server = await startH2Server(() => {});
    const client = h2Client({ timeouts: { ...patient, stallMs: 50 } });
    const upload = client.request(put(originOf(server, 'https'), [new Uint8Array(1_000_000)]));
    expect((await failureOf(upload)).code).toBe('STALL_TIMEOUT');
  });

  test('on one stream does not disturb another', async () => {
    const release = Promise.withResolvers<void>();
    const server = await startH2Server(async (stream, headers) => {
      if (headers[':path'] === '/silent') return;
      stream.respond({ ':status': 200, 'content-length': 4 });
      stream.write('ha');
      await release.promise;
      stream.end('lf');
    });
    const client = h2Client({ timeouts: { ...patient, firstByteMs: 500 } });
    const origin = originOf(server, 'https');
    const slow = client.request(get(origin, { into: new Uint8Array(4) }));
    expect((await failureOf(client.request(get(origin, { path: '/silent' })))).code).toBe('FIRST_BYTE_TIMEOUT');
    release.resolve();
    expect((await slow).bodyBytes).toBe(4);
    // The session ends with its last stream.
    await once(server.sessions[0] as NonNullable<(typeof server.sessions)[0]>, 'close');
  });
});

describe('a response that is cut off', () => {
  test.each([
    ['by the end of its stream', (stream: ServerHttp2Stream) => void stream.end(), 'TRUNCATED'],
    [
      'by a reset of its stream',
      (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
      'RESET',
    ],
    ['by a reset without error', (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_NO_ERROR), 'TRUNCATED'],
    ['by a refusal', (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM), 'RESET'],
    ['by the end of its connection', (stream: ServerHttp2Stream) => socketOf(stream).destroy(), 'RESET'],
    ['by a reset of its connection', (stream: ServerHttp2Stream) => stream.session?.destroy(), 'RESET'],
  ])('%s', async (_how, cut, code) => {
    const server = await startH2Server((stream) => {
      answerHalf(stream);
      setImmediate(() => setImmediate(() => cut(stream)));
    });
    const into = new Uint8Array(100);
    const failure = await failureOf(h2Client().request(get(originOf(server, 'https'), { into })));
    expect(failure).toMatchObject({ code, status: 200, remoteAddress: `127.0.0.1:${server.port}` });
    expect(server.requests.length).toBe(1);
  });

  test('where no length was announced, by the end of its connection', async () => {
    const server = await startH2Server((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half');
      setImmediate(() => setImmediate(() => socketOf(stream).destroy()));
    });
    const failure = await failureOf(h2Client().request(get(originOf(server, 'https'), { into: new Uint8Array(100) })));
    expect(failure.code).toBe('RESET');
  });

  test('a body longer than announced is PROTOCOL, and ends the connection', async () => {
    const server = await startH2Server((stream) => {
      stream.respond({ ':status': 200, 'content-length': 4 });
      stream.end('hello');
    });
    const client = h2Client();
    const failure = await failureOf(client.request(get(originOf(server, 'https'), { into: new Uint8Array(100) })));
    expect(failure.code).toBe('PROTOCOL');
    while (client.stats.openConnections > 0) await new Promise(setImmediate);
  });
});

describe('a stream that is reset before its answer', () => {
  test.each([
    [constants.NGHTTP2_INTERNAL_ERROR, 'RESET', /INTERNAL_ERROR/],
    [constants.NGHTTP2_CANCEL, 'RESET', /CANCEL/],
    [constants.NGHTTP2_NO_ERROR, 'RESET', /NO_ERROR/],
    [constants.NGHTTP2_PROTOCOL_ERROR, 'PROTOCOL', /frames/],
    [constants.NGHTTP2_ENHANCE_YOUR_CALM, 'RESET', /CALM/],
  ])('by code %i is %s, without repetition', async (rstCode, code, message) => {
    const server = await startH2Server((stream) => stream.close(rstCode));
    const client = h2Client();
    const failure = await failureOf(client.request(get(originOf(server, 'https'))));
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
    expect([server.requests.length, client.stats.openConnections]).toEqual([1, 1]);
  });

  test('in the middle of its upload is RESET', async () => {
    const server = await startH2Server((stream) => {
      stream.once('data', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    });
    const upload = h2Client().request(put(originOf(server, 'https'), [new Uint8Array(4 << 20)]));
    expect((await failureOf(upload)).code).toBe('RESET');
  });

  test('by NO_ERROR, in the middle of its upload, is RESET', async () => {
    const server = await startH2Server((stream) => {
      stream.once('data', () => stream.close(constants.NGHTTP2_NO_ERROR));
    });
    const upload = h2Client().request(put(originOf(server, 'https'), [new Uint8Array(4 << 20)]));
    expect((await failureOf(upload)).code).toBe('RESET');
  });
});

test('a head longer than maxHeadBytes is PROTOCOL', async () => {
  const server = await startH2Server((stream) => {
    stream.respond({ ':status': 200, 'x-long': 'l'.repeat(5_000) });
    stream.end();
  });
  const failure = await failureOf(h2Client({ maxHeadBytes: 4_096 }).request(get(originOf(server, 'https'))));
  expect(failure).toMatchObject({ code: 'PROTOCOL', message: expect.stringContaining('4096') });
});

test('a server that chooses HTTP/2 and speaks something else is PROTOCOL', async () => {
  const speaks = { certificate: trust.certificate, protocols: ['h2'] };
  const server = await startRawServer((peer) => void peer.send('HTTP/1.1 400 Bad Request\r\n\r\n'), speaks);
  const client = h2Client();
  expect((await failureOf(client.request(get(originOf(server, 'https'))))).code).toBe('PROTOCOL');
  expect(client.stats.openConnections).toBe(0);
});

test('a certificate that is not trusted is TLS', async () => {
  const server = await startH2Server((stream) => answer(stream));
  const client = openClient({ http2: 'prefer' });
  const failure = await failureOf(client.request(get(originOf(server, 'https'))));
  expect(failure).toMatchObject({ code: 'TLS', remoteAddress: `127.0.0.1:${server.port}` });
});

describe('an abort', () => {
  test('in the middle of a body leaves its memory alone from then on, tells the server, and keeps the connection', async () => {
    const closed = Promise.withResolvers<number>();
    const begun = Promise.withResolvers<void>();
    const server = await startH2Server((stream, headers) => {
      if (headers[':path'] === '/next') return answer(stream, 'ok');
      stream.once('close', () => closed.resolve(stream.rstCode));
      // More than the client lets it send ahead.
      stream.respond({ ':status': 200, 'content-length': 64 << 20 });
      stream.end(new Uint8Array(64 << 20).fill(1));
    });
    const controller = new AbortController();
    const digests = showing(() => {
      controller.abort(new Error('why'));
      begun.resolve();
    });
    const client = h2Client({ digests });
    const origin = originOf(server, 'https');
    const into = new Uint8Array(64 << 20);
    const request = client.request(get(origin, { into, digest: 'any', signal: controller.signal }));
    const failure = await failureOf(request);
    await begun.promise;
    expect(failure).toMatchObject({ code: 'ABORTED', cause: new Error('why') });
    into.fill(7);
    expect(await closed.promise).toBe(constants.NGHTTP2_CANCEL);
    await client.request(get(origin, { path: '/next' }));
    expect(Buffer.from(into.buffer).includes(1)).toBe(false);
    expect(server.requests).toEqual(['1.1 GET', '1.3 GET']);
  });

  test('in the middle of an upload that nobody takes settles, and the server sees it end', async () => {
    const closed = Promise.withResolvers<number>();
    const controller = new AbortController();
    const server = await startH2Server((stream) => {
      stream.once('close', () => closed.resolve(stream.rstCode));
      controller.abort();
    });
    const client = h2Client();
    const body = [new Uint8Array(64 << 20)];
    const upload = client.request(put(originOf(server, 'https'), body, { signal: controller.signal }));
    expect((await failureOf(upload)).code).toBe('ABORTED');
    expect(await closed.promise).toBe(constants.NGHTTP2_CANCEL);
  });

  test('settles though the connection is stuck', async () => {
    const controller = new AbortController();
    const server = await startH2Server(
      (stream) => {
        // No byte is read any more: what the kernel does not hold stays with the client.
        socketOf(stream).pause();
        (socketOf(stream) as unknown as { _handle: { readStop(): void } })._handle.readStop();
        controller.abort();
      },
      { settings: { initialWindowSize: 2 ** 31 - 1 } },
    );
    const client = h2Client();
    const body = [new Uint8Array(64 << 20)];
    const upload = client.request(put(originOf(server, 'https'), body, { signal: controller.signal }));
    expect((await failureOf(upload)).code).toBe('ABORTED');
    await client.close();
    expect(client.stats.openConnections).toBe(0);
  });

  test('while connecting closes the socket', async () => {
    const controller = new AbortController();
    const server = await startRawServer(() => controller.abort());
    const client = h2Client();
    const failure = await failureOf(client.request(get(originOf(server, 'https'), { signal: controller.signal })));
    expect([failure.code, client.stats.openConnections]).toEqual(['ABORTED', 0]);
  });

  test('of one that waits for a connection leaves another that does', async () => {
    const server = await startH2Server((stream) => answer(stream, 'ok'));
    const client = h2Client();
    const origin = originOf(server, 'https');
    const controller = new AbortController();
    const aborted = failureOf(client.request(get(origin, { signal: controller.signal })));
    const other = client.request(get(origin));
    controller.abort();
    expect([(await aborted).code, (await other).status]).toEqual(['ABORTED', 200]);
    expect(server.requests).toEqual(['1.1 GET']);
  });
});

function socketOf(stream: ServerHttp2Stream): import('node:net').Socket {
  // The session's `socket` stands before the socket, and refuses what would harm HTTP/2.
  const symbol = Object.getOwnPropertySymbols(stream.session).find(({ description }) => description === 'socket');
  const session = stream.session as unknown as Record<symbol, import('node:net').Socket>;
  return session[symbol as symbol] as import('node:net').Socket;
}
