import { expect, test } from 'vitest';
import { createWireClient } from './client.ts';
import { failureOf, get, openClient, originOf, put, showing } from './testing/open-client.ts';
import { startRawServer } from './testing/raw-server.ts';
import { runProgram } from './testing/run-program.ts';

test('close ends what is in flight with CLOSED, and is done when every socket is', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.head();
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
  });
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const client = openClient({ digests: showing(() => resolve()) });
  const reading = failureOf(client.request(get(originOf(server), { into: new Uint8Array(100), digest: 'shown' })));
  const writing = failureOf(client.request(put(originOf(server), [new Uint8Array(64 << 20)])));
  const connecting = failureOf(client.request(get(originOf(server, 'https'))));
  await begun;
  await client.close();
  expect(client.stats).toMatchObject({ openConnections: 0, idleConnections: 0, requestsInFlight: 0 });
  expect((await Promise.all([reading, writing, connecting])).map(({ code }) => code)).toEqual([
    'CLOSED',
    'CLOSED',
    'CLOSED',
  ]);
});

test('close does not wait for names', async () => {
  const client = openClient({ resolve: () => new Promise(() => {}) });
  const waiting = failureOf(client.request(get({ scheme: 'http', host: 'slow.test', port: 1 })));
  await client.close();
  expect((await waiting).code).toBe('CLOSED');
});

test('close ends idle connections, and may be called again', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    await peer.answer();
  });
  const client = openClient();
  await client.request(get(originOf(server)));
  await Promise.all([client.close(), client.close()]);
  await client.close();
  await server.peers[0]?.left;
  expect(client.stats.openConnections).toBe(0);
});

test('a closed client refuses', async () => {
  const client = openClient();
  await client.close();
  expect((await failureOf(client.request(get({ scheme: 'http', host: '127.0.0.1', port: 1 })))).code).toBe('CLOSED');
});

test('idle connections do not keep the process alive', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    await peer.answer('ok');
  });
  const program = `
    import { createWireClient } from ${JSON.stringify(new URL('./client.ts', import.meta.url).href)};
    const client = createWireClient({ idleMs: 600_000 });
    const origin = { scheme: 'http', host: '127.0.0.1', port: ${server.port} };
    const response = await client.request({ origin, method: 'GET', path: '/', headers: [] });
    process.stdout.write(String(response.status) + client.stats.idleConnections);
  `;
  expect(await runProgram(program)).toEqual([0, '2001']);
});

test.each([
  { maxHeadBytes: 0 },
  { maxErrorBytes: 1.5 },
  { idleMs: -1 },
  { timeouts: { stallMs: Number.NaN } },
  { timeouts: { connectMs: 2 ** 31 } },
  { ca: 'no certificate' },
])('options that cannot be meant are INVALID: %j', (options) => {
  expect(() => createWireClient(options)).toThrow(expect.objectContaining({ code: 'INVALID' }));
});
