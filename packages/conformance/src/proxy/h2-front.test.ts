import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { value } from '../case-context.ts';
import { bodyOf, httpProxyTo, httpsProxyTo } from '../testing/stores.ts';
import { FaultProxyServer } from './fault-proxy.ts';
import type { ProxyAnswer } from './types.ts';

const patience = (): AbortSignal => AbortSignal.timeout(10_000);
const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] as const;
const refusal: ProxyAnswer = { status: 503, headers: { 'x-by': 'proxy' }, body: 'SlowDown', afterSuccess: false };

function h2ProxyTo(listener: RequestListener): Promise<FaultProxyServer> {
  return httpsProxyTo([], listener, 'offered');
}

/** A client with one connection. */
function sessionTo(proxy: FaultProxyServer): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${proxy.address.port}`, { ca: proxy.ca });
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  return session;
}

function send(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: Uint8Array): ClientHttp2Stream {
  const stream = session.request(headers, { endStream: body === undefined });
  stream.on('error', () => {});
  if (body !== undefined) stream.end(body);
  return stream;
}

/** Whatever ended it. */
function closeOf(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => session.once('close', resolve));
}

/** What a client saw of a stream until its end. */
interface Seen {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  readonly rstCode: number | undefined;
}

function ended(stream: ClientHttp2Stream): Promise<Seen> {
  const parts: Buffer[] = [];
  let headers: Readonly<Record<string, unknown>> = {};
  const seen = Promise.withResolvers<Seen>();
  stream.once('response', (answer) => {
    headers = answer;
  });
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.once('close', () => {
    const status = headers[':status'] as number | undefined;
    seen.resolve({ status, headers, body: Buffer.concat(parts), rstCode: stream.rstCode });
  });
  return seen.promise;
}

describe('passing on', () => {
  test('every method, many at once on one connection, and counted', async () => {
    const proxy = await h2ProxyTo(async (incoming, response) => {
      const body = await bodyOf(incoming);
      response.setHeader(
        'x-seen',
        `${incoming.httpVersion} ${incoming.method} ${incoming.headers.host} ${body.byteLength}`,
      );
      response.end(body);
    });
    const session = sessionTo(proxy);
    const body = value(200_000);
    const answers = await Promise.all(
      METHODS.map((method) => {
        const uploads = method === 'PUT' || method === 'POST';
        // One with a length, one without.
        const length = method === 'PUT' ? { 'content-length': body.byteLength } : {};
        const headers = { ':method': method, ':authority': 'bucket.store.example', ...length };
        return ended(send(session, headers, uploads ? body : undefined));
      }),
    );
    for (const [index, method] of METHODS.entries()) {
      const byteLength = method === 'PUT' || method === 'POST' ? body.byteLength : 0;
      expect(answers[index]?.headers['x-seen']).toBe(`1.1 ${method} bucket.store.example ${byteLength}`);
      expect(answers[index]?.body.byteLength).toBe(byteLength);
    }
    expect(proxy.counts).toMatchObject({ connections: 1, requests: 5, openRequests: 0 });
  });

  test('a store is not connected to anew for each stream', async () => {
    const sockets = new Set<unknown>();
    const proxy = await h2ProxyTo((incoming, response) => {
      sockets.add(incoming.socket);
      response.end('ok');
    });
    const session = sessionTo(proxy);
    for (let left = 3; left > 0; left--) expect((await ended(send(session, {}))).body.toString()).toBe('ok');
    expect(sockets.size).toBe(1);
  });

  test('a client that gives a stream up is seen by the store, and keeps its connection', async () => {
    const gone = Promise.withResolvers<void>();
    const proxy = await h2ProxyTo((incoming, response) => {
      if (incoming.url === '/next') {
        response.end('ok');
        return;
      }
      response.write(value(100_000));
      incoming.once('close', () => gone.resolve());
    });
    const session = sessionTo(proxy);
    const stream = send(session, {});
    await once(stream, 'response');
    expect(proxy.counts.openRequests).toBe(1);
    stream.close(constants.NGHTTP2_CANCEL);
    await gone.promise;
    await proxy.until(({ openRequests }) => openRequests === 0, patience());
    expect((await ended(send(session, { ':path': '/next' }))).status).toBe(200);
    expect(proxy.counts).toMatchObject({ connections: 1, openConnections: 1 });
  });

  test('an answer in the middle of an upload, whose rest is not wanted', async () => {
    const proxy = await h2ProxyTo((_incoming, response) => {
      response.writeHead(403, { connection: 'close' });
      response.end('denied');
    });
    const headers = { ':method': 'PUT', 'content-length': 100_000_000 };
    const stream = sessionTo(proxy).request(headers, { endStream: false });
    stream.on('error', () => {});
    stream.write(value(1_000_000));
    const { status, body, rstCode } = await ended(stream);
    expect([status, body.toString(), rstCode]).toEqual([403, 'denied', constants.NGHTTP2_NO_ERROR]);
  });

  test('who does not ask for HTTP/2 has HTTP/1.1, and nobody has it by default', async () => {
    const chosen = async (proxy: FaultProxyServer, ALPNProtocols: string[]): Promise<unknown> => {
      const socket = connectTls({ ...proxy.address, ca: proxy.ca ?? '', ALPNProtocols });
      await once(socket, 'secureConnect');
      socket.destroy();
      return socket.alpnProtocol;
    };
    const offering = await h2ProxyTo(() => {});
    expect(await chosen(offering, ['h2', 'http/1.1'])).toBe('h2');
    expect(await chosen(offering, ['http/1.1'])).toBe('http/1.1');
    expect(await chosen(await httpsProxyTo([], () => {}), ['h2', 'http/1.1'])).toBe('http/1.1');
  });

  test('a store without TLS cannot have it', async () => {
    const plain = await httpProxyTo(() => {});
    const upstream = `http://127.0.0.1:${plain.address.port}`;
    await expect(FaultProxyServer.start({ upstream, http2: 'offered' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(upstream),
    });
  });
});

describe('faults strike a stream, and leave its connection', () => {
  const bytes = value(100_000);
  const store = (): Promise<FaultProxyServer> =>
    h2ProxyTo(async (incoming, response) => {
      await bodyOf(incoming);
      response.setHeader('content-length', bytes.byteLength);
      response.end(bytes);
    });

  async function assertGoesOn(proxy: FaultProxyServer, session: ClientHttp2Session): Promise<void> {
    proxy.clear();
    expect(Buffer.compare((await ended(send(session, {}))).body, bytes)).toBe(0);
    expect(proxy.counts.connections).toBe(1);
  }

  test.each([
    ['reset', 0, constants.NGHTTP2_INTERNAL_ERROR],
    ['truncate', 0, constants.NGHTTP2_NO_ERROR],
  ] as const)('%s before the answer', async (kind, afterBytes, rstCode) => {
    const proxy = await store();
    const session = sessionTo(proxy);
    proxy.inject({ kind, direction: 'down', afterBytes });
    expect(await ended(send(session, {}))).toMatchObject({ status: undefined, rstCode });
    await assertGoesOn(proxy, session);
  });

  test.each([
    ['reset', constants.NGHTTP2_INTERNAL_ERROR],
    // What node:http2 says of a body that is shorter than announced.
    ['truncate', constants.NGHTTP2_PROTOCOL_ERROR],
  ] as const)('%s in the midst of the answer', async (kind, rstCode) => {
    const proxy = await store();
    const session = sessionTo(proxy);
    proxy.inject({ kind, direction: 'down', afterBytes: 50_000 });
    const seen = await ended(send(session, {}));
    expect(seen).toMatchObject({ status: 200, rstCode });
    expect(seen.body.byteLength).toBeLessThan(50_000);
    expect(proxy.counts.bytesDown).toBe(50_000);
    await assertGoesOn(proxy, session);
  });

  test.each(['reset', 'truncate'] as const)('%s in the midst of an upload', async (kind) => {
    const proxy = await store();
    const session = sessionTo(proxy);
    proxy.inject({ kind, direction: 'up', afterBytes: 50_000 });
    const seen = await ended(send(session, { ':method': 'PUT', 'content-length': 100_000 }, bytes));
    expect(seen.status).toBeUndefined();
    expect(proxy.counts.bytesUp).toBe(50_000);
    await assertGoesOn(proxy, session);
  });

  test('stall, until clear ends the stream', async () => {
    const proxy = await store();
    const session = sessionTo(proxy);
    proxy.inject({ kind: 'stall', direction: 'down', afterBytes: 50_000 });
    const seen = ended(send(session, {}));
    await proxy.until(({ bytesDown }) => bytesDown === 50_000, patience());
    expect(proxy.counts.openRequests).toBe(1);
    proxy.clear();
    expect((await seen).body.byteLength).toBeLessThan(50_000);
    await assertGoesOn(proxy, session);
  });

  test('as many as they are told to, of those at once', async () => {
    const proxy = await store();
    const session = sessionTo(proxy);
    proxy.inject({ kind: 'reset', direction: 'down', afterBytes: 1_000 }, 2);
    const seen = await Promise.all(Array.from({ length: 6 }, () => ended(send(session, {}))));
    expect(seen.filter(({ rstCode }) => rstCode !== constants.NGHTTP2_NO_ERROR).length).toBe(2);
    expect(seen.filter(({ body }) => Buffer.compare(body, bytes) === 0).length).toBe(4);
  });

  test('flip, of a byte of the answer, or of what makes it one', async () => {
    const proxy = await store();
    const session = sessionTo(proxy);
    proxy.inject({ kind: 'flip', direction: 'down', atByte: 50_000 });
    const { body } = await ended(send(session, {}));
    expect([...body.keys()].filter((index) => body[index] !== bytes[index]).length).toBe(1);
    proxy.clear();
    proxy.inject({ kind: 'flip', direction: 'down', atByte: 0 });
    expect(await ended(send(session, {}))).toMatchObject({
      status: undefined,
      rstCode: constants.NGHTTP2_INTERNAL_ERROR,
    });
    await assertGoesOn(proxy, session);
  });

  test('refuse ends the connection, and resets new ones', async () => {
    const proxy = await store();
    const session = sessionTo(proxy);
    await ended(send(session, {}));
    proxy.inject({ kind: 'refuse' });
    await closeOf(session);
    await closeOf(sessionTo(proxy));
    await proxy.until(({ openConnections }) => openConnections === 0, patience());
  });
});

test('answers in the place of the store', async () => {
  let asked = 0;
  const proxy = await h2ProxyTo((_incoming, response) => {
    asked += 1;
    response.end('store');
  });
  const session = sessionTo(proxy);
  proxy.answer(refusal);
  for (const method of METHODS) {
    const uploads = method === 'PUT' || method === 'POST';
    const seen = await ended(send(session, { ':method': method }, uploads ? value(200_000) : undefined));
    expect(seen).toMatchObject({ status: 503, headers: { 'x-by': 'proxy' } });
    expect(seen.body.toString()).toBe(method === 'HEAD' ? '' : 'SlowDown');
  }
  expect(asked).toBe(0);
  expect(proxy.counts).toMatchObject({ connections: 1, requests: 5, openRequests: 0 });
});

test('reset ends every connection with what it carries, and counts from 0', async () => {
  const proxy = await h2ProxyTo((_incoming, response) => void response.write('begun'));
  const session = sessionTo(proxy);
  const seen = ended(send(session, {}));
  await proxy.until(({ bytesDown }) => bytesDown > 0, patience());
  await proxy.reset();
  await seen;
  expect(proxy.counts).toMatchObject({ openConnections: 0, connections: 0, requests: 0, openRequests: 0 });
});
