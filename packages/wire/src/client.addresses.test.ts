import { describe, expect, test } from 'vitest';
import { failureOf, get, openClient, originOf, textOf } from './testing/open-client.ts';
import { answerAll, type Script, startRawServer } from './testing/raw-server.ts';
import type { Origin, ResolvedAddress } from './types.ts';

const first: ResolvedAddress = { address: '127.0.0.1', family: 4 };
const second: ResolvedAddress = { address: '127.0.0.2', family: 4 };
const host = 'store.test';

const answerAndClose: Script = async (peer) => {
  await peer.request();
  await peer.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
};

/** Two servers on one port of two addresses. */
async function startPair(script: Script) {
  const one = await startRawServer(script);
  const two = await startRawServer(script, { host: second.address, port: one.port });
  const origin: Origin = { scheme: 'http', host, port: one.port };
  return { one, two, origin };
}

describe('of several addresses behind one name', () => {
  test('each carries its share, one request at a time', async () => {
    const { origin } = await startPair(answerAll);
    const client = openClient({ resolve: async () => [first, second] });
    for (let left = 20; left > 0; left--) await client.request(get(origin));
    expect(Object.fromEntries(client.stats.requestsByAddress)).toEqual({
      [`127.0.0.1:${origin.port}`]: 10,
      [`127.0.0.2:${origin.port}`]: 10,
    });
  });

  test('each carries its share, many at a time', async () => {
    const { one, two, origin } = await startPair(answerAll);
    const client = openClient({ resolve: async () => [first, second] });
    await Promise.all(Array.from({ length: 20 }, () => client.request(get(origin))));
    expect([one.peers.length, two.peers.length]).toEqual([10, 10]);
  });

  test('one that dies costs no failed request', async () => {
    const { two, origin } = await startPair(answerAll);
    const client = openClient({ resolve: async () => [first, second] });
    await Promise.all(Array.from({ length: 8 }, () => client.request(get(origin))));
    // Not awaited: requests go out while its connections are ending.
    const closing = two.close();
    for (let round = 0; round < 5; round++) {
      const responses = await Promise.all(Array.from({ length: 8 }, () => client.request(get(origin))));
      expect(responses.every(({ status }) => status === 200)).toBe(true);
    }
    await closing;
    const last = await Promise.all(Array.from({ length: 8 }, () => client.request(get(origin))));
    expect(new Set(last.map(({ remoteAddress }) => remoteAddress))).toEqual(new Set([`127.0.0.1:${origin.port}`]));
  });

  test('one that refused is left alone for a while, also when it is back', async () => {
    const { two, origin } = await startPair(answerAll);
    await two.close();
    const client = openClient({ resolve: async () => [first, second] });
    for (let left = 4; left > 0; left--) await client.request(get(origin));
    const back = await startRawServer(answerAll, { host: second.address, port: origin.port });
    for (let left = 10; left > 0; left--) await client.request(get(origin));
    expect(back.peers.length).toBe(0);
  });

  test.each([
    ['keeps its connections', answerAll],
    ['closes them', answerAndClose],
  ])(
    'one that takes connections and says nothing is left alone for a while, and one that answers is not, which %s',
    async (_how, answers) => {
      const silent = await startRawServer(() => {}, { host: second.address });
      const one = await startRawServer(
        async (peer) => {
          // Its first connection is lost, so that both addresses rest.
          if (one.peers.length === 1) peer.socket.destroy();
          else await answers(peer);
        },
        { port: silent.port },
      );
      const origin: Origin = { scheme: 'http', host, port: silent.port };
      const client = openClient({ resolve: async () => [second, first], timeouts: { firstByteMs: 500 } });
      const two = () => [client.request(get(origin)), client.request(get(origin))];
      expect((await Promise.allSettled(two())).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      const pair = two();
      const settled = Promise.allSettled(pair);
      expect((await Promise.any(pair)).remoteAddress).toBe(`127.0.0.1:${origin.port}`);
      // The silent one has a second connection by now, and the other has answered.
      const responses = await Promise.all(Array.from({ length: 10 }, () => client.request(get(origin))));
      expect(new Set(responses.map(({ remoteAddress }) => remoteAddress))).toEqual(
        new Set([`127.0.0.1:${origin.port}`]),
      );
      await settled;
      expect(silent.peers.length).toBe(2);
    },
  );

  test('all that refuse make one CONNECT error, and are tried again all the same', async () => {
    const { one, two, origin } = await startPair(answerAll);
    await Promise.all([one.close(), two.close()]);
    const client = openClient({ resolve: async () => [first, second] });
    expect((await failureOf(client.request(get(origin)))).code).toBe('CONNECT');
    await startRawServer(answerAll, { port: origin.port });
    expect((await client.request(get(origin))).status).toBe(200);
  });

  test('the family named first is preferred, and the other steps in for it', async () => {
    const server = await startRawServer(answerAll);
    const origin: Origin = { scheme: 'http', host, port: server.port };
    const client = openClient({ resolve: async () => [{ address: '::1', family: 6 }, first] });
    const responses = [await client.request(get(origin)), await client.request(get(origin))];
    expect(responses.map(({ remoteAddress }) => remoteAddress)).toEqual([
      `127.0.0.1:${origin.port}`,
      `127.0.0.1:${origin.port}`,
    ]);
  });
});

describe('names', () => {
  test('are resolved once for many requests', async () => {
    const server = await startRawServer(answerAll);
    const asked: string[] = [];
    const client = openClient({
      resolve: async (name) => {
        asked.push(name);
        return [first];
      },
    });
    const origin: Origin = { scheme: 'http', host, port: server.port };
    await Promise.all(Array.from({ length: 8 }, () => client.request(get(origin))));
    await client.request(get(origin));
    expect(asked).toEqual([host]);
  });

  test.each([
    ['that are refused', () => Promise.reject(new Error('ENOTFOUND'))],
    ['without address', async () => []],
  ])('%s are DNS', async (_title, resolve) => {
    const failure = await failureOf(openClient({ resolve }).request(get({ scheme: 'http', host, port: 1 })));
    expect([failure.code, failure.message.includes(host)]).toEqual(['DNS', true]);
  });

  test('that failed to resolve are asked for again', async () => {
    const server = await startRawServer(answerAll);
    let asked = 0;
    const resolve = async () => (asked++ === 0 ? [] : [first]);
    const client = openClient({ resolve });
    const origin: Origin = { scheme: 'http', host, port: server.port };
    await failureOf(client.request(get(origin)));
    expect((await client.request(get(origin))).status).toBe(200);
  });

  test('under .localhost are this machine, without asking anybody', async () => {
    const server = await startRawServer(answerAll);
    const response = await openClient().request(
      get({ scheme: 'http', host: 'my-bucket.s3.localhost', port: server.port }),
    );
    expect(textOf(response.body)).toContain(`\r\nHost: my-bucket.s3.localhost:${server.port}\r\n`);
  });
});

test('a socket goes where connectTo says, under the Host of the origin, and no name is resolved', async () => {
  const server = await startRawServer(answerAll);
  const client = openClient({ resolve: () => Promise.reject(new Error('asked')) });
  const connectTo = { host: '127.0.0.1', port: server.port };
  const response = await client.request(get({ scheme: 'http', host: 'bucket.s3.test', port: 80, connectTo }));
  expect(textOf(response.body)).toContain('\r\nHost: bucket.s3.test\r\n');
  expect(response.remoteAddress).toBe(`127.0.0.1:${server.port}`);
  await client.request(get({ ...originOf(server), connectTo }));
  expect(client.stats.connectionsOpened).toBe(2);
});
