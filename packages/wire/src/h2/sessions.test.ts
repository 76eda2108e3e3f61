import { once } from 'node:events';
import { constants, type ServerHttp2Session } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import { beforeAll, describe, expect, test } from 'vitest';
import { answer, bodyOf, type StreamScript, startH2Server, trustedCertificate } from '../testing/h2-server.ts';
import { listen } from '../testing/listen.ts';
import { failureOf, get, openClient, originOf, put, textOf } from '../testing/open-client.ts';
import { answerAll as answerAllByHttp1, startRawServer } from '../testing/raw-server.ts';
import { runProgram } from '../testing/run-program.ts';
import type { Origin, ResolvedAddress, WireClient, WireClientOptions } from '../types.ts';

let trust: Awaited<ReturnType<typeof trustedCertificate>>;

beforeAll(async () => {
  trust = await trustedCertificate();
});

function h2Client(options: WireClientOptions = {}): WireClient {
  return openClient({ ca: trust.ca, http2: 'prefer', ...options });
}

const answerAll: StreamScript = (stream) => answer(stream, 'ok');

describe('what a server chooses', () => {
  test('HTTP/2: one connection carries requests one after another, and many at once', async () => {
    const server = await startH2Server(answerAll);
    const client = h2Client();
    const origin = originOf(server, 'https');
    const first = await client.request(get(origin));
    const second = await client.request(get(origin));
    await Promise.all(Array.from({ length: 30 }, () => client.request(get(origin))));
    expect([first, second].map(({ protocol, reusedConnection }) => [protocol, reusedConnection])).toEqual([
      ['h2', false],
      ['h2', true],
    ]);
    expect(server.sessions.length).toBe(1);
    expect(client.stats).toMatchObject({
      openConnections: 1,
      idleConnections: 1,
      requestsInFlight: 0,
      connectionsOpened: 1,
      requestsByAddress: new Map([[`127.0.0.1:${server.port}`, 32]]),
    });
  });

  test('many requests at first wait for one connection', async () => {
    const server = await startH2Server(answerAll);
    const client = h2Client();
    await Promise.all(Array.from({ length: 30 }, () => client.request(get(originOf(server, 'https')))));
    expect(server.sessions.length).toBe(1);
  });

  test('HTTP/1.1, by ALPN: it is spoken on further connections, and asked no more', async () => {
    const { key, cert } = trust.certificate;
    const server = createTlsServer({ key, cert }, (_request, response) => void response.end('ok'));
    let connections = 0;
    server.on('connection', () => {
      connections++;
    });
    const client = h2Client();
    const origin = originOf(await listen(server), 'https');
    const responses = await Promise.all([1, 2, 3].map(() => client.request(get(origin))));
    responses.push(...(await Promise.all(Array.from({ length: 5 }, () => client.request(get(origin))))));
    expect(responses.map(({ protocol }) => protocol)).toEqual(Array(8).fill('http/1.1'));
    // One to ask, one for each request at a time.
    expect(connections).toBe(6);
  });

  test('nothing, as a server does that knows no ALPN: HTTP/1.1 is spoken', async () => {
    const server = await startRawServer(answerAllByHttp1, { certificate: trust.certificate });
    const client = h2Client();
    const into = new Uint8Array(1_000);
    const response = await client.request(get(originOf(server, 'https'), { into }));
    expect([response.protocol, textOf(into).startsWith('GET / HTTP/1.1\r\n')]).toEqual(['http/1.1', true]);
    await client.request(get(originOf(server, 'https')));
    expect(client.stats).toMatchObject({ openConnections: 1, connectionsOpened: 2 });
  });

  test('is not asked by default, nor without TLS', async () => {
    const offered: (string | false | null)[] = [];
    const server = await startRawServer(
      async (peer) => {
        offered.push((peer.socket as import('node:tls').TLSSocket).alpnProtocol);
        await answerAllByHttp1(peer);
      },
      { certificate: trust.certificate, protocols: ['h2', 'http/1.1'] },
    );
    expect((await openClient({ ca: trust.ca }).request(get(originOf(server, 'https')))).protocol).toBe('http/1.1');
    expect(offered).toEqual(['http/1.1']);
    const plain = await startRawServer(answerAllByHttp1);
    expect((await h2Client().request(get(originOf(plain)))).protocol).toBe('http/1.1');
    expect(plain.peers.length).toBe(1);
  });

  test('HTTP/1.1 for what it then refuses over HTTP/2 by HTTP_1_1_REQUIRED', async () => {
    const server = await startH2Server((stream) => stream.close(constants.NGHTTP2_HTTP_1_1_REQUIRED), {
      protocols: 'h2 or http/1.1',
    });
    const client = h2Client();
    const origin = originOf(server, 'https');
    const responses = [await client.request(get(origin, { method: 'POST' })), await client.request(get(origin))];
    expect(responses.map(({ protocol }) => protocol)).toEqual(['http/1.1', 'http/1.1']);
    expect(server.requests).toEqual(['1.1 POST']);
  });
});

describe('a session', () => {
  test('carries no more streams than its server allows: further ones go on another', async () => {
    const all = Promise.withResolvers<void>();
    const server = await startH2Server(
      async (stream) => {
        if (server.requests.length === 12) all.resolve();
        await all.promise;
        answer(stream, 'ok');
      },
      { settings: { maxConcurrentStreams: 3 } },
    );
    const client = h2Client();
    const origin = originOf(server, 'https');
    const responses = await Promise.all(Array.from({ length: 12 }, () => client.request(get(origin))));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(server.sessions.length).toBe(4);
    const perSession = [1, 2, 3, 4].map((at) => server.requests.filter((line) => line.startsWith(`${at}.`)).length);
    expect(perSession).toEqual([3, 3, 3, 3]);
  });

  test('of a server that allows none at first waits until it does', async () => {
    const server = await startH2Server(answerAll, { settings: { maxConcurrentStreams: 0 } });
    const client = h2Client();
    const request = client.request(get(originOf(server, 'https')));
    while (server.sessions.length === 0) await new Promise(setImmediate);
    const [session] = server.sessions as [ServerHttp2Session];
    await once(session, 'localSettings');
    session.settings({ maxConcurrentStreams: 1 });
    expect((await request).status).toBe(200);
    expect(server.sessions.length).toBe(1);
  });

  test('lets the server send 32 MiB ahead, on a stream and in all, in large frames', async () => {
    const server = await startH2Server((stream) => {
      const { initialWindowSize, maxFrameSize, enablePush } = stream.session?.remoteSettings ?? {};
      answer(
        stream,
        JSON.stringify([initialWindowSize, stream.session?.state.remoteWindowSize, maxFrameSize, enablePush]),
      );
    });
    const { body } = await h2Client().request(get(originOf(server, 'https')));
    expect(JSON.parse(textOf(body))).toEqual([32 << 20, 32 << 20, 256 << 10, false]);
  });

  test('that has been idle for its time is closed', async () => {
    const server = await startH2Server(answerAll);
    const client = h2Client({ idleMs: 20 });
    await client.request(get(originOf(server, 'https')));
    await once(server.sessions[0] as ServerHttp2Session, 'close');
    while (client.stats.openConnections > 0) await new Promise(setImmediate);
    expect(client.stats.idleConnections).toBe(0);
  });

  test('that says goodbye answers what it has begun, and takes no more', async () => {
    const release = Promise.withResolvers<void>();
    const server = await startH2Server(async (stream, headers) => {
      if (headers[':path'] === '/slow') {
        stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id);
        await release.promise;
      }
      answer(stream, 'ok');
    });
    const client = h2Client();
    const origin = originOf(server, 'https');
    await client.request(get(origin));
    const slow = client.request(get(origin, { path: '/slow' }));
    while (client.stats.openConnections > 0 && server.requests.length < 2) await new Promise(setImmediate);
    const next = client.request(get(origin));
    expect((await next).status).toBe(200);
    release.resolve();
    expect((await slow).status).toBe(200);
    expect(server.requests.filter((line) => line.startsWith('1.')).length).toBe(2);
  });

  test.each([constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_ENHANCE_YOUR_CALM])(
    'that says goodbye with code %i before it has looked at a request costs a repetition, a POST too',
    async (code) => {
      const server = await startH2Server((stream) => {
        if (server.requests.length === 2) stream.session?.goaway(code, 1);
        else answer(stream, 'ok');
      });
      const client = h2Client();
      const origin = originOf(server, 'https');
      await client.request(get(origin));
      const response = await client.request(get(origin, { method: 'POST' }));
      expect([response.status, response.reusedConnection]).toEqual([200, false]);
      expect(server.requests).toEqual(['1.1 GET', '1.3 POST', '2.1 POST']);
    },
  );

  test('that ends under a request which it has begun on, before any answer, costs one repetition', async () => {
    const server = await startH2Server(async (stream) => {
      if (server.requests.length === 2) stream.session?.destroy();
      else answer(stream, await bodyOf(stream));
    });
    const client = h2Client();
    const origin = originOf(server, 'https');
    await client.request(get(origin));
    const repeated = await client.request(put(origin, [Buffer.from('again')]));
    expect([textOf(repeated.body), repeated.reusedConnection]).toEqual(['again', false]);
    expect(server.requests).toEqual(['1.1 GET', '1.3 PUT', '2.1 PUT']);
  });

  test('that has ended while it was idle costs nothing, whether that is known or not', async () => {
    const server = await startH2Server(answerAll);
    const client = h2Client();
    const origin = originOf(server, 'https');
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 4 }, () => client.request(get(origin))));
      server.sessions.at(-1)?.destroy();
      for (let turn = 0; turn < round; turn++) await new Promise(setImmediate);
    }
    expect((await client.request(get(origin))).status).toBe(200);
  });

  test('the repetition is the only one', async () => {
    const server = await startH2Server((stream) => {
      if (server.requests.length === 1) answer(stream, 'ok');
      else stream.session?.destroy();
    });
    const client = h2Client();
    const origin = originOf(server, 'https');
    await client.request(get(origin));
    expect((await failureOf(client.request(get(origin)))).code).toBe('RESET');
    expect(server.requests.length).toBe(3);
  });

  test('a POST is not repeated, nor what a fresh one ends under', async () => {
    const server = await startH2Server((stream, headers) => {
      if (headers[':path'] === '/end') stream.session?.destroy();
      else answer(stream, 'ok');
    });
    const client = h2Client();
    const origin = originOf(server, 'https');
    expect((await failureOf(client.request(get(origin, { path: '/end' })))).code).toBe('RESET');
    await client.request(get(origin));
    const post = client.request(get(origin, { method: 'POST', path: '/end' }));
    expect((await failureOf(post)).code).toBe('RESET');
    expect(server.requests).toEqual(['1.1 GET', '2.1 GET', '2.3 POST']);
  });

  test('a stream that is refused is sent once more on another connection, a POST too', async () => {
    const server = await startH2Server((stream) => {
      if (server.sessions.length === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answer(stream, 'ok');
    });
    const client = h2Client();
    expect((await client.request(get(originOf(server, 'https'), { method: 'POST' }))).status).toBe(200);
    expect(server.requests).toEqual(['1.1 POST', '2.1 POST']);
  });

  test('a stream that is refused for ever is RESET', async () => {
    const server = await startH2Server((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    const failure = await failureOf(h2Client().request(get(originOf(server, 'https'))));
    expect(failure).toMatchObject({ code: 'RESET', message: expect.stringContaining('REFUSED_STREAM') });
    expect(server.requests.length).toBe(2);
  });
});

describe('of several addresses behind one name', () => {
  const both: readonly ResolvedAddress[] = [
    { address: '127.0.0.1', family: 4 },
    { address: '127.0.0.2', family: 4 },
  ];

  async function startPair() {
    const one = await startH2Server(answerAll);
    const two = await startH2Server(answerAll, { host: '127.0.0.2', port: one.port });
    const origin: Origin = { scheme: 'https', host: 'bucket.s3.test', port: one.port };
    return { one, two, origin };
  }

  test('each carries its share on one session', async () => {
    const { one, two, origin } = await startPair();
    const client = h2Client({ resolve: async () => both });
    await Promise.all(Array.from({ length: 20 }, () => client.request(get(origin))));
    for (let left = 20; left > 0; left--) await client.request(get(origin));
    expect([one.requests.length, two.requests.length]).toEqual([20, 20]);
    expect([one.sessions.length, two.sessions.length]).toEqual([1, 1]);
    expect([...client.stats.requestsByAddress.values()]).toEqual([20, 20]);
  });

  test('one that dies costs no failed request', async () => {
    const { two, origin } = await startPair();
    const client = h2Client({ resolve: async () => both });
    await Promise.all(Array.from({ length: 8 }, () => client.request(get(origin))));
    const closing = two.close();
    for (let round = 0; round < 5; round++) {
      const responses = await Promise.all(Array.from({ length: 8 }, () => client.request(get(origin))));
      expect(responses.every(({ status }) => status === 200)).toBe(true);
    }
    await closing;
    const last = await Promise.all(Array.from({ length: 8 }, () => client.request(get(origin))));
    expect(new Set(last.map(({ remoteAddress }) => remoteAddress))).toEqual(new Set([`127.0.0.1:${origin.port}`]));
  });

  test('one that refuses is tried once, and all that do make one CONNECT error', async () => {
    const { one, two, origin } = await startPair();
    const client = h2Client({ resolve: async () => both });
    await two.close();
    for (let left = 6; left > 0; left--) await client.request(get(origin));
    expect(one.requests.length).toBe(6);
    await one.close();
    const failures = await Promise.all([1, 2, 3].map(() => failureOf(client.request(get(origin)))));
    expect(failures.map(({ code }) => code)).toEqual(['CONNECT', 'CONNECT', 'CONNECT']);
  });

  test('one that resets streams is left alone for a while', async () => {
    const one = await startH2Server(answerAll);
    const two = await startH2Server((stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR), {
      host: '127.0.0.2',
      port: one.port,
    });
    const client = h2Client({ resolve: async () => both });
    const origin: Origin = { scheme: 'https', host: 'bucket.s3.test', port: one.port };
    for (let left = 6; left > 0; left--) await client.request(get(origin)).catch(() => {});
    expect([one.requests.length, two.requests.length]).toEqual([5, 1]);
  });

  test('one that takes connections and says nothing is left alone for a while, whatever connections it takes', async () => {
    const silent = await startH2Server(() => {}, { host: '127.0.0.2' });
    const one = await startH2Server(
      (stream) => {
        // Its first stream is lost, so that both addresses rest.
        if (one.requests.length === 1) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
        else answer(stream, 'ok');
      },
      { port: silent.port },
    );
    const origin: Origin = { scheme: 'https', host: 'bucket.s3.test', port: silent.port };
    const client = h2Client({ resolve: async () => both, timeouts: { firstByteMs: 1_000 } });
    const two = () => [client.request(get(origin)), client.request(get(origin))];
    expect((await Promise.allSettled(two())).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const pair = two();
    const settled = Promise.allSettled(pair);
    expect((await Promise.any(pair)).remoteAddress).toBe(`127.0.0.1:${origin.port}`);
    while (silent.requests.length < 2) await new Promise(setImmediate);
    // The silent one has a second connection by now, and the other has answered.
    const responses = await Promise.all(Array.from({ length: 10 }, () => client.request(get(origin))));
    expect(new Set(responses.map(({ remoteAddress }) => remoteAddress))).toEqual(new Set([`127.0.0.1:${origin.port}`]));
    await settled;
    expect(silent.requests).toEqual(['1.1 GET', '2.1 GET']);
  });

  test('each may speak its own protocol', async () => {
    const one = await startRawServer(answerAllByHttp1, { certificate: trust.certificate });
    const two = await startH2Server(answerAll, { host: '127.0.0.2', port: one.port });
    const client = h2Client({ resolve: async () => both });
    const origin: Origin = { scheme: 'https', host: 'bucket.s3.test', port: one.port };
    const responses = await Promise.all(Array.from({ length: 10 }, () => client.request(get(origin))));
    const spoken = new Set(responses.map(({ protocol, remoteAddress }) => `${protocol} ${remoteAddress}`));
    expect(spoken).toEqual(new Set([`http/1.1 127.0.0.1:${one.port}`, `h2 127.0.0.2:${two.port}`]));
  });
});

describe('close', () => {
  test('ends what is in flight with CLOSED, and is done when every socket is', async () => {
    const begun = Promise.withResolvers<void>();
    const server = await startH2Server((stream, headers) => {
      if (headers[':method'] === 'PUT') return;
      stream.respond({ ':status': 200, 'content-length': 100 });
      stream.write('half');
      begun.resolve();
    });
    const silent = await startRawServer(() => {});
    const client = h2Client();
    const origin = originOf(server, 'https');
    const reading = failureOf(client.request(get(origin, { into: new Uint8Array(100) })));
    const writing = failureOf(client.request(put(origin, [new Uint8Array(64 << 20)])));
    const connecting = failureOf(client.request(get(originOf(silent, 'https'))));
    await begun.promise;
    await client.close();
    expect(client.stats).toMatchObject({ openConnections: 0, idleConnections: 0, requestsInFlight: 0 });
    const codes = (await Promise.all([reading, writing, connecting])).map(({ code }) => code);
    expect(codes).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
  });

  test('ends idle sessions, and may be called again', async () => {
    const server = await startH2Server(answerAll);
    const client = h2Client();
    await client.request(get(originOf(server, 'https')));
    await Promise.all([client.close(), client.close()]);
    expect(client.stats.openConnections).toBe(0);
  });
});

test('idle sessions do not keep the process alive', async () => {
  const server = await startH2Server(answerAll);
  const program = `
    import { createWireClient } from ${JSON.stringify(new URL('../client.ts', import.meta.url).href)};
    const client = createWireClient({ idleMs: 600_000, http2: 'prefer', ca: ${JSON.stringify(trust.ca)} });
    const origin = { scheme: 'https', host: '127.0.0.1', port: ${server.port} };
    const response = await client.request({ origin, method: 'GET', path: '/', headers: [] });
    process.stdout.write(response.protocol + client.stats.idleConnections);
  `;
  expect(await runProgram(program)).toEqual([0, 'h21']);
});

test.each([true, 'always', 2])('http2: %j is INVALID', (http2) => {
  expect(() => openClient({ http2: http2 as never })).toThrow(expect.objectContaining({ code: 'INVALID' }));
});
