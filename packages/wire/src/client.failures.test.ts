import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { failureOf, get, openClient, originOf, put, showing } from './testing/open-client.ts';
import { startRawServer } from './testing/raw-server.ts';

const shortly = { connectMs: 2_000, firstByteMs: 2_000, stallMs: 2_000 };

describe('a server that falls silent', () => {
  test('in the handshake: CONNECT_TIMEOUT', async () => {
    const server = await startRawServer(() => {});
    const client = openClient({ timeouts: { ...shortly, connectMs: 30 } });
    const failure = await failureOf(client.request(get(originOf(server, 'https'))));
    expect(failure).toMatchObject({ code: 'CONNECT_TIMEOUT', remoteAddress: `127.0.0.1:${server.port}` });
    expect(client.stats.openConnections).toBe(0);
  });

  test('before its answer: FIRST_BYTE_TIMEOUT', async () => {
    const server = await startRawServer(() => {});
    const client = openClient({ timeouts: { ...shortly, firstByteMs: 30 } });
    expect((await failureOf(client.request(get(originOf(server))))).code).toBe('FIRST_BYTE_TIMEOUT');
    expect(client.stats.openConnections).toBe(0);
  });

  test('before its answer to an upload: FIRST_BYTE_TIMEOUT', async () => {
    const server = await startRawServer(async (peer) => void (await peer.request()));
    const client = openClient({ timeouts: { ...shortly, firstByteMs: 30 } });
    const upload = client.request(put(originOf(server), [new Uint8Array(1_000_000)]));
    expect((await failureOf(upload)).code).toBe('FIRST_BYTE_TIMEOUT');
  });

  test.each([
    'HTTP/1.1 200 OK\r\nConte',
    'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
    'HTTP/1.1 200 OK\r\n\r\nhalf',
  ])('in its answer: STALL_TIMEOUT (%j)', async (half) => {
    const server = await startRawServer(async (peer) => {
      await peer.request();
      await peer.send(half);
    });
    const client = openClient({ timeouts: { ...shortly, stallMs: 30 } });
    const into = new Uint8Array(100);
    expect((await failureOf(client.request(get(originOf(server), { into })))).code).toBe('STALL_TIMEOUT');
  });

  test('while it should take a body: STALL_TIMEOUT', async () => {
    const server = await startRawServer((peer) => void peer.socket.pause());
    const client = openClient({ timeouts: { ...shortly, stallMs: 30 } });
    // More than the kernel holds for both ends.
    const upload = client.request(put(originOf(server), [new Uint8Array(64 << 20)]));
    expect((await failureOf(upload)).code).toBe('STALL_TIMEOUT');
  });
});

describe('a response that is cut off', () => {
  test.each([
    ['before it begins', '', 'RESET'],
    ['in its head', 'HTTP/1.1 200 OK\r\nContent-', 'RESET'],
    ['in a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', 'TRUNCATED'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf', 'TRUNCATED'],
    ['between chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'TRUNCATED'],
    ['before the end of its trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n', 'TRUNCATED'],
  ])('%s, in good order', async (_where, half, code) => {
    const server = await startRawServer(async (peer) => {
      await peer.request();
      await peer.send(half);
      peer.socket.end();
    });
    const failure = await failureOf(openClient().request(get(originOf(server), { into: new Uint8Array(100) })));
    expect(failure.code).toBe(code);
  });

  test('in its body, by a reset', async () => {
    const server = await startRawServer(async (peer) => {
      await peer.request();
      await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
      await peer.bytes(1);
    });
    const client = openClient({ digests: showing(() => server.peers[0]?.socket.resetAndDestroy()) });
    const into = new Uint8Array(100);
    const failure = await failureOf(client.request(get(originOf(server), { into, digest: 'shown' })));
    expect(failure).toMatchObject({ code: 'RESET', status: 200, remoteAddress: `127.0.0.1:${server.port}` });
  });
});

test('what is not HTTP is PROTOCOL at once, and ends the connection', async () => {
  const server = await startRawServer((peer) => void peer.send('SSH-2.0-OpenSSH_9.2p1\r\n'));
  const client = openClient();
  expect((await failureOf(client.request(get(originOf(server))))).code).toBe('PROTOCOL');
  expect(client.stats.openConnections).toBe(0);
});

test('a port where nobody listens is CONNECT', async () => {
  const server = await startRawServer(() => {});
  await server.close();
  const failure = await failureOf(openClient().request(get(originOf(server))));
  expect(failure).toMatchObject({ code: 'CONNECT', remoteAddress: `127.0.0.1:${server.port}` });
});

describe('an abort', () => {
  test('in the middle of a body leaves its memory alone from then on', async () => {
    const server = await startRawServer(async (peer) => {
      await peer.request();
      await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${8 << 20}\r\n\r\n`);
      await peer.send(new Uint8Array(8 << 20).fill(1));
    });
    const controller = new AbortController();
    const { signal } = controller;
    const client = openClient({ digests: showing(() => controller.abort()) });
    const into = new Uint8Array(8 << 20);
    const failure = await failureOf(client.request(get(originOf(server), { into, digest: 'shown', signal })));
    expect(failure.code).toBe('ABORTED');
    expect(client.stats.openConnections).toBe(0);
    into.fill(7);
    await server.peers[0]?.left;
    expect(into.every((byte) => byte === 7)).toBe(true);
  });

  test('before the request sends nothing', async () => {
    const server = await startRawServer(() => {});
    const client = openClient();
    const failure = await failureOf(client.request(get(originOf(server), { signal: AbortSignal.abort('why') })));
    expect(failure).toMatchObject({ code: 'ABORTED', cause: 'why' });
    expect(client.stats.connectionsOpened).toBe(0);
  });

  test('while the name is resolved does not wait for it', async () => {
    const client = openClient({ resolve: () => new Promise(() => {}) });
    const controller = new AbortController();
    const request = client.request(get({ scheme: 'http', host: 'slow.test', port: 1 }, { signal: controller.signal }));
    controller.abort();
    expect((await failureOf(request)).code).toBe('ABORTED');
  });

  test('while connecting closes the socket', async () => {
    const controller = new AbortController();
    const server = await startRawServer(() => controller.abort());
    const client = openClient();
    const failure = await failureOf(client.request(get(originOf(server, 'https'), { signal: controller.signal })));
    expect([failure.code, client.stats.openConnections]).toEqual(['ABORTED', 0]);
  });

  test('in the middle of an upload closes the socket before it settles', async () => {
    const controller = new AbortController();
    const server = await startRawServer(async (peer) => {
      await peer.head();
      controller.abort();
    });
    const client = openClient();
    const upload = client.request(put(originOf(server), [new Uint8Array(64 << 20)], { signal: controller.signal }));
    expect([(await failureOf(upload)).code, client.stats.openConnections]).toEqual(['ABORTED', 0]);
  });

  test('of one signal ends all its requests, by one listener, which goes with the last of them', async () => {
    const server = await startRawServer(() => {});
    const controller = new AbortController();
    const { signal } = controller;
    const client = openClient();
    const requests = Array.from({ length: 20 }, () => failureOf(client.request(get(originOf(server), { signal }))));
    expect(getEventListeners(signal, 'abort').length).toBe(1);
    controller.abort();
    expect(new Set((await Promise.all(requests)).map(({ code }) => code))).toEqual(new Set(['ABORTED']));
    expect(getEventListeners(signal, 'abort').length).toBe(0);
  });
});
