import { getEventListeners } from 'node:events';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createWireClient } from './client.ts';
import { WireError } from './errors.ts';
import { makeAuthority, makeCertificate } from './testing/certificates.ts';
import { openThreadedClient, shared, watchThreads } from './testing/io-threads.ts';
import { failureOf, get, openClient, originOf, put, textOf } from './testing/open-client.ts';
import { pattern } from './testing/pattern.ts';
import { type Script, startRawServer } from './testing/raw-server.ts';
import type { Origin } from './types.ts';

const body = pattern(3_000_000);

/** Answers GETs with `body`, and PUTs with what came. */
const store: Script = async (peer) => {
  for (;;) {
    const request = await peer.request();
    await peer.answer(request.head.startsWith('GET') ? body : request.body);
  }
};

describe('with threads and without, shared and private memory', () => {
  test.each([
    [0, 'private'],
    [0, 'shared'],
    [2, 'private'],
    [2, 'shared'],
  ] as const)('get the same answer (%i threads, %s)', async (ioThreads, memory) => {
    const server = await startRawServer(store);
    const client = await openThreadedClient({ ioThreads });
    const threads = watchThreads();
    const all = memory === 'shared' ? shared(body.length + 200) : new Uint8Array(body.length + 200);
    all.fill(0xa5);
    const into = all.subarray(100, 100 + body.length);
    const response = await client.request(get(originOf(server), { into, digest: 'crc32' }));
    const { timing, headers, body: own, ...rest } = response;
    expect([own.length, ...headers]).toEqual([0, ['content-length', String(body.length)]]);
    expect(rest).toEqual({
      status: 200,
      bodyBytes: body.length,
      digest: crc32(body).toString(16),
      protocol: 'http/1.1',
      reusedConnection: false,
      remoteAddress: `127.0.0.1:${server.port}`,
    });
    expect(Buffer.compare(into, body)).toBe(0);
    expect([...all.subarray(0, 100), ...all.subarray(100 + body.length)].every((byte) => byte === 0xa5)).toBe(true);
    expect(threads.length).toBe(ioThreads > 0 && memory === 'shared' ? 1 : 0);
  });

  test.each([
    ['shared', [shared(body.subarray(0, 1_000_001)), shared(body.subarray(1_000_001))], 1],
    ['private', [body.subarray(0, 1_000_001), body.subarray(1_000_001)], 0],
    ['half and half', [shared(body.subarray(0, 1_000_001)), body.subarray(1_000_001)], 0],
  ])('send the same bytes (%s)', async (_memory, parts, threadsStarted) => {
    let received: Buffer | undefined;
    const server = await startRawServer(async (peer) => {
      received = (await peer.request()).body;
      await peer.answer();
    });
    const client = await openThreadedClient();
    const threads = watchThreads();
    expect((await client.request(put(originOf(server), parts))).status).toBe(200);
    expect(received !== undefined && Buffer.compare(received, body)).toBe(0);
    expect(threads.length).toBe(threadsStarted);
  });

  test('get the same answer over TLS, each thread with sessions of its own', async () => {
    const authority = await makeAuthority('threads');
    const certificate = await makeCertificate(authority, { ip: ['127.0.0.1'] });
    const server = await startRawServer(store, { certificate });
    const client = await openThreadedClient({ ca: authority.cert });
    const origin = originOf(server, 'https');
    for (let round = 0; round < 3; round++) {
      const into = [shared(body.length), shared(body.length)];
      const responses = await Promise.all(
        into.map((each) => client.request(get(origin, { into: each, digest: 'crc32' }))),
      );
      expect(responses.map(({ digest }) => digest)).toEqual([crc32(body).toString(16), crc32(body).toString(16)]);
      expect(into.every((each) => Buffer.compare(each, body) === 0)).toBe(true);
    }
    expect(client.stats.connectionsOpened).toBe(2);
  });
});

describe('what stays on the calling thread', () => {
  test.each([
    ['a HEAD', { method: 'HEAD', into: shared(10) }],
    ['a GET without memory', {}],
    ['a DELETE', { method: 'DELETE' }],
    ['a PUT of nothing', { method: 'PUT', body: [] }],
  ] as const)('%s', async (_title, more) => {
    const server = await startRawServer(async (peer) => {
      await peer.request();
      await peer.send('HTTP/1.1 204 No Content\r\n\r\n');
    });
    const client = await openThreadedClient();
    const threads = watchThreads();
    expect((await client.request(get(originOf(server), more))).status).toBe(204);
    expect(threads.length).toBe(0);
  });
});

describe('the least busy thread carries a request', () => {
  test('one at a time wakes one thread, several at a time as many as there are', async () => {
    const server = await startRawServer(store);
    const client = await openThreadedClient({ ioThreads: 3 });
    const threads = watchThreads();
    for (let left = 4; left > 0; left--) await client.request(get(originOf(server), { into: shared(body.length) }));
    expect([threads.length, client.stats.connectionsOpened]).toEqual([1, 1]);
    const many = Array.from({ length: 6 }, () => client.request(get(originOf(server), { into: shared(body.length) })));
    expect(client.stats.requestsInFlight).toBe(6);
    await Promise.all(many);
    // Two on each thread at once.
    expect([threads.length, client.stats.connectionsOpened]).toEqual([3, 6]);
    expect(client.stats).toMatchObject({ openConnections: 6, idleConnections: 6, requestsInFlight: 0 });
    expect(server.peers.length).toBe(6);
  });

  test('several addresses behind one name are all used, and the name is asked for once', async () => {
    const one = await startRawServer(store);
    await startRawServer(store, { host: '127.0.0.2', port: one.port });
    const asked: string[] = [];
    const client = await openThreadedClient({
      resolve: async (host) => {
        asked.push(host);
        return [
          { address: '127.0.0.1', family: 4 },
          { address: '127.0.0.2', family: 4 },
        ];
      },
    });
    const origin: Origin = { scheme: 'http', host: 'store.test', port: one.port };
    for (let round = 0; round < 20; round++) {
      await Promise.all([
        client.request(get(origin, { into: shared(body.length) })),
        client.request(get(origin, { into: shared(body.length) })),
        client.request(get(origin, { method: 'HEAD' })),
      ]);
    }
    const { requestsByAddress } = client.stats;
    expect([...requestsByAddress.keys()].sort()).toEqual([`127.0.0.1:${one.port}`, `127.0.0.2:${one.port}`]);
    expect([...requestsByAddress.values()].reduce((sum, requests) => sum + requests)).toBe(60);
    for (const requests of requestsByAddress.values()) expect(requests).toBeGreaterThanOrEqual(15);
    expect(asked).toEqual(['store.test']);
  });
});

test('times are by the clock of the calling thread', async () => {
  const server = await startRawServer(store);
  const client = await openThreadedClient();
  for (let left = 3; left > 0; left--) {
    const before = performance.now();
    const { timing } = await client.request(get(originOf(server), { into: shared(body.length) }));
    const order = [before, timing.startMs, timing.firstByteMs, timing.endMs, performance.now()];
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  }
});

describe('what goes wrong in a thread', () => {
  test('an error of the store has its body in the response, and never in the memory lent', async () => {
    const server = await startRawServer(async (peer) => {
      await peer.request();
      await peer.send('HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\nX-Id: 7\r\n\r\nabsent');
    });
    const into = shared(100);
    const response = await (await openThreadedClient()).request(get(originOf(server), { into, digest: 'crc32' }));
    expect([response.status, textOf(response.body), response.headers.get('x-id')]).toEqual([404, 'absent', '7']);
    expect([response.digest, response.bodyBytes]).toEqual([undefined, 6]);
    expect(into.every((byte) => byte === 0)).toBe(true);
  });

  test.each([
    ['RESET', '', { status: undefined }],
    ['TRUNCATED', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', { status: 200 }],
    ['BODY_TOO_LARGE', 'HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n', { status: 200, requiredBytes: 101 }],
    ['PROTOCOL', 'SSH-2.0-OpenSSH_9.2p1\r\n', {}],
  ])('%s is the same error with the same facts', async (code, answer, facts) => {
    const server = await startRawServer(async (peer) => {
      await peer.request();
      await peer.send(answer);
      peer.socket.end();
    });
    const request = () => get(originOf(server), { into: shared(100) });
    const failure = await failureOf((await openThreadedClient()).request(request()));
    expect(failure).toBeInstanceOf(WireError);
    expect(failure).toMatchObject({ ...facts, code, remoteAddress: `127.0.0.1:${server.port}` });
    expect(failure.message).toBe((await failureOf(openClient().request(request()))).message);
  });

  test('a port where nobody listens: CONNECT, with what the system said as its cause', async () => {
    const server = await startRawServer(() => {});
    await server.close();
    const failure = await failureOf((await openThreadedClient()).request(get(originOf(server), { into: shared(1) })));
    expect(failure).toMatchObject({ code: 'CONNECT', cause: { code: 'ECONNREFUSED', syscall: 'connect' } });
    expect(failure.cause).toBeInstanceOf(Error);
  });

  test('a certificate that is not trusted: TLS', async () => {
    const authority = await makeAuthority('another');
    const certificate = await makeCertificate(authority, { ip: ['127.0.0.1'] });
    const server = await startRawServer(store, { certificate });
    const client = await openThreadedClient();
    const failure = await failureOf(client.request(get(originOf(server, 'https'), { into: shared(1) })));
    expect(failure).toMatchObject({ code: 'TLS', message: expect.stringContaining('not trusted') });
  });

  test('a name that does not resolve: DNS, in the same words', async () => {
    const options = { resolve: () => Promise.reject(new Error('ENOTFOUND')) };
    const request = get({ scheme: 'http', host: 'store.test', port: 1 }, { into: shared(1) });
    const failure = await failureOf((await openThreadedClient(options)).request(request));
    const { code, message } = await failureOf(openClient(options).request(request));
    expect(failure).toMatchObject({ code, message });
  });

  test('a request that cannot be sent: INVALID', async () => {
    const request = get({ scheme: 'http', host: '127.0.0.1', port: 1 }, { into: shared(1), headers: ['a', 'b\r\n'] });
    expect((await failureOf((await openThreadedClient()).request(request))).code).toBe('INVALID');
  });

  test('a digest that fails: what it threw', async () => {
    const server = await startRawServer(store);
    const request = get(originOf(server), { into: shared(body.length), digest: 'md5' });
    await expect((await openThreadedClient()).request(request)).rejects.toThrow('there is no digest md5');
  });

  test('a silent server: FIRST_BYTE_TIMEOUT, by the options of the client', async () => {
    const server = await startRawServer(() => {});
    const client = await openThreadedClient({ timeouts: { firstByteMs: 30 } });
    const failure = await failureOf(client.request(get(originOf(server), { into: shared(1) })));
    expect(failure.code).toBe('FIRST_BYTE_TIMEOUT');
    expect(client.stats.openConnections).toBe(0);
  });
});

test('a signal that many requests share has one listener, which goes with the last of them', async () => {
  const server = await startRawServer(() => {});
  const { signal, abort } = abortable();
  const client = await openThreadedClient();
  const request = () => failureOf(client.request(get(originOf(server), { into: shared(1), signal })));
  const requests = Array.from({ length: 20 }, request);
  expect(getEventListeners(signal, 'abort').length).toBe(1);
  abort('enough');
  for (const failure of await Promise.all(requests))
    expect(failure).toMatchObject({ code: 'ABORTED', cause: 'enough' });
  expect(getEventListeners(signal, 'abort').length).toBe(0);
});

test.each([
  { ioThreads: -1 },
  { ioThreads: 1.5 },
  { ioThreads: 1025 },
  { ioThreads: 1, digests: { start: () => ({ update: () => {}, value: () => '' }) } },
])('options that cannot be meant are INVALID: %j', (options) => {
  expect(() => createWireClient(options)).toThrow(expect.objectContaining({ code: 'INVALID' }));
});

function abortable(): { readonly signal: AbortSignal; abort(reason: unknown): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) };
}
