import { expect, test } from 'vitest';
import { trustedCertificate } from './testing/h2-server.ts';
import { failureOf, get, openClient, originOf, put, textOf } from './testing/open-client.ts';
import { type Script, startRawServer } from './testing/raw-server.ts';

const answerAll: Script = async (peer) => {
  for (;;) {
    await peer.request();
    await peer.answer('ok');
  }
};

test('a connection carries one request after another', async () => {
  const server = await startRawServer(answerAll);
  const client = openClient();
  const reused: boolean[] = [];
  for (let left = 3; left > 0; left--) reused.push((await client.request(get(originOf(server)))).reusedConnection);
  expect(reused).toEqual([false, true, true]);
  expect(server.peers.length).toBe(1);
  expect(client.stats).toMatchObject({
    openConnections: 1,
    idleConnections: 1,
    requestsInFlight: 0,
    connectionsOpened: 1,
  });
});

test('requests in flight have a connection each, and equal origins share connections', async () => {
  const server = await startRawServer(answerAll);
  const client = openClient();
  await Promise.all(Array.from({ length: 8 }, () => client.request(get(originOf(server)))));
  await Promise.all(Array.from({ length: 8 }, () => client.request(get(originOf(server)))));
  expect(server.peers.length).toBe(8);
});

test('the connection used last is taken first', async () => {
  const server = await startRawServer(async (peer) => {
    for (;;) {
      await peer.request();
      await peer.answer(String(server.peers.indexOf(peer)));
    }
  });
  const client = openClient();
  await Promise.all([client.request(get(originOf(server))), client.request(get(originOf(server)))]);
  const answers = new Set<string>();
  for (let left = 5; left > 0; left--) answers.add(textOf((await client.request(get(originOf(server)))).body));
  expect(answers.size).toBe(1);
});

test('a kept connection that ends under a request before any answer costs one repetition on a fresh one', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    await peer.answer('first');
    const { body } = await peer.request();
    if (server.peers.length === 1) peer.socket.resetAndDestroy();
    else await peer.answer(body);
  });
  const client = openClient();
  const origin = originOf(server);
  await client.request(get(origin));
  const repeated = await client.request(put(origin, [Buffer.from('again')]));
  expect([textOf(repeated.body), repeated.reusedConnection]).toEqual(['first', false]);
  expect(server.peers.length).toBe(2);
});

test('the repetition is the only one', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    if (server.peers.length === 1) {
      await peer.answer('first');
      await peer.request();
    }
    peer.socket.destroy();
  });
  const client = openClient();
  const origin = originOf(server);
  await client.request(get(origin));
  expect((await failureOf(client.request(get(origin)))).code).toBe('RESET');
  expect(server.peers.length).toBe(2);
});

test('a POST is not repeated', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    await peer.answer();
    await peer.request();
    peer.socket.destroy();
  });
  const client = openClient();
  const origin = originOf(server);
  await client.request(get(origin));
  expect((await failureOf(client.request(get(origin, { method: 'POST' })))).code).toBe('RESET');
  expect(server.peers.length).toBe(1);
});

test('a fresh connection that ends before any answer is RESET, without repetition', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    peer.socket.destroy();
  });
  const failure = await failureOf(openClient().request(get(originOf(server))));
  expect(failure).toMatchObject({ code: 'RESET', remoteAddress: `127.0.0.1:${server.port}` });
  expect(server.peers.length).toBe(1);
});

test('a kept connection that ends after the first byte of an answer is not repeated', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    await peer.answer();
    await peer.request();
    await peer.send('HTTP/1.1 200 OK\r\n');
    peer.socket.end();
  });
  const client = openClient();
  const origin = originOf(server);
  await client.request(get(origin));
  expect((await failureOf(client.request(get(origin)))).code).toBe('RESET');
  expect(server.peers.length).toBe(1);
});

test('a connection that has been idle for its time is closed', async () => {
  const server = await startRawServer(answerAll);
  const client = openClient({ idleMs: 20 });
  await client.request(get(originOf(server)));
  await server.peers[0]?.left;
  expect(client.stats.idleConnections).toBe(0);
});

test('a server that keeps idle connections for one second is left none', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    await peer.send('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=100\r\nContent-Length: 0\r\n\r\n');
  });
  const client = openClient();
  await client.request(get(originOf(server)));
  expect(client.stats.openConnections).toBe(0);
});

test('a connection that the server wants closed is closed when the response is handed over', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    await peer.send('HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok');
  });
  const client = openClient();
  const { body } = await client.request(get(originOf(server)));
  expect([textOf(body), client.stats.openConnections]).toEqual(['ok', 0]);
});

test('bytes behind a response end the connection, not the response', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
  });
  const client = openClient();
  const origin = originOf(server);
  expect(textOf((await client.request(get(origin))).body)).toBe('ok');
  expect(client.stats.openConnections).toBe(0);
  expect((await client.request(get(origin))).reusedConnection).toBe(false);
});

test.each(['http', 'https'] as const)(
  'bytes behind a body that fills the memory lent for it are no response (%s)',
  async (scheme) => {
    const { ca, certificate } = await trustedCertificate();
    const server = await startRawServer(
      async (peer) => {
        await peer.request();
        const head = 'HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n';
        await peer.send(`${head}${'o'.repeat(20_000)}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`);
      },
      scheme === 'https' ? { certificate } : {},
    );
    const client = openClient({ ca });
    const origin = originOf(server, scheme);
    const into = new Uint8Array(20_000);
    const first = await client.request(get(origin, { into }));
    expect([first.bodyBytes, client.stats.openConnections]).toEqual([20_000, 0]);
    const second = await client.request(get(origin, { into }));
    expect([second.bodyBytes, second.reusedConnection]).toEqual([20_000, false]);
  },
);

test('bytes on an idle connection end it', async () => {
  const server = await startRawServer(async (peer) => {
    await peer.request();
    await peer.answer('ok');
    await peer.send('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n');
  });
  const client = openClient();
  await client.request(get(originOf(server)));
  await server.peers[0]?.left;
  expect(client.stats.idleConnections).toBe(0);
});
