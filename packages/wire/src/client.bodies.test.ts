import { describe, expect, test } from 'vitest';
import { failureOf, get, openClient, originOf, showing, textOf } from './testing/open-client.ts';
import { pattern } from './testing/pattern.ts';
import { type Script, startRawServer } from './testing/raw-server.ts';

describe('a body of a 2xx lands in the memory lent for it', () => {
  test.each([
    ['private', new ArrayBuffer(1_100_000)],
    ['shared', new SharedArrayBuffer(1_100_000)],
  ])('%s memory, and not a byte beside it changes', async (_kind, memory) => {
    const body = pattern(1_000_000);
    const server = await startRawServer(repeat(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`, body));
    const all = new Uint8Array(memory).fill(0xa5);
    const into = all.subarray(10_000, 10_000 + body.length + 50);
    const response = await openClient().request(get(originOf(server), { into }));
    expect([response.bodyBytes, response.body.length]).toEqual([body.length, 0]);
    expect(Buffer.compare(into.subarray(0, body.length), body)).toBe(0);
    const beside = [all.subarray(0, 10_000), all.subarray(10_000 + body.length)];
    expect(beside.every((bytes) => bytes.every((byte) => byte === 0xa5))).toBe(true);
  });

  test('memory of exactly its length', async () => {
    const body = pattern(100_000);
    const server = await startRawServer(repeat(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`, body));
    const into = new Uint8Array(body.length);
    await openClient().request(get(originOf(server), { into }));
    expect(Buffer.compare(into, body)).toBe(0);
  });

  test('no memory for no bytes', async () => {
    const server = await startRawServer(repeat('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    const response = await openClient().request(get(originOf(server), { into: new Uint8Array(0) }));
    expect(response).toMatchObject({ status: 200, bodyBytes: 0 });
  });

  test('in chunks', async () => {
    const body = pattern(300_000);
    const server = await startRawServer(async (peer) => {
      await peer.request();
      await peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (const [start, end] of [
        [0, 7],
        [7, 100_000],
        [100_000, 300_000],
      ] as const) {
        await peer.send(`${(end - start).toString(16)}\r\n`);
        await peer.send(body.subarray(start, end));
        await peer.send('\r\n');
      }
      await peer.send('0\r\nX-Trailer: dropped\r\n\r\n');
    });
    const client = openClient();
    const into = new Uint8Array(body.length);
    const response = await client.request(get(originOf(server), { into }));
    expect(Buffer.compare(into, body)).toBe(0);
    expect(response.headers.has('x-trailer')).toBe(false);
    expect(client.stats.idleConnections).toBe(1);
  });

  test('up to the end of the connection', async () => {
    const body = pattern(200_000);
    const server = await startRawServer(async (peer) => {
      await peer.request();
      await peer.send('HTTP/1.1 200 OK\r\n\r\n');
      await peer.send(body);
      peer.socket.end();
    });
    const client = openClient();
    const into = new Uint8Array(body.length + 1);
    const response = await client.request(get(originOf(server), { into }));
    expect([response.bodyBytes, Buffer.compare(into.subarray(0, body.length), body)]).toEqual([body.length, 0]);
    expect(client.stats.openConnections).toBe(0);
  });

  test('and its digest sees it, once, in order', async () => {
    const body = pattern(500_000);
    const server = await startRawServer(repeat(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`, body));
    const seen: Buffer[] = [];
    const client = openClient({ digests: showing((bytes) => void seen.push(Buffer.from(bytes))) });
    const request = get(originOf(server), { into: new Uint8Array(body.length), digest: 'shown' });
    // On a connection that carried another, too.
    for (let left = 2; left > 0; left--) {
      expect((await client.request(request)).digest).toBe('all of shown');
      expect(Buffer.compare(Buffer.concat(seen.splice(0)), body)).toBe(0);
    }
  });

  test('and a digest that throws fails the request with what it threw', async () => {
    const server = await startRawServer(repeat('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'hello'));
    const client = openClient({
      digests: showing(() => {
        throw new RangeError('enough');
      }),
    });
    const request = get(originOf(server), { into: new Uint8Array(5), digest: 'shown' });
    await expect(client.request(request)).rejects.toThrow('enough');
    expect(client.stats.openConnections).toBe(0);
  });
});

describe('a body longer than the memory lent is BODY_TOO_LARGE, and nothing is written', () => {
  test.each([
    ['of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world', 11],
    ['in one chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n', undefined],
    ['without announced length', 'HTTP/1.1 200 OK\r\n\r\nhello world', undefined],
  ])('%s', async (_title, answer, requiredBytes) => {
    const server = await startRawServer(repeat(answer));
    const into = new Uint8Array(10);
    const failure = await failureOf(openClient().request(get(originOf(server), { into })));
    expect(failure).toMatchObject({ code: 'BODY_TOO_LARGE', requiredBytes, status: 200 });
    expect(into.every((byte) => byte === 0)).toBe(true);
  });
});

describe('a body for which no memory was lent', () => {
  test('of an error is kept, and never enters the memory lent', async () => {
    const server = await startRawServer(repeat('HTTP/1.1 503 Slow Down\r\nContent-Length: 5\r\n\r\n', 'sorry'));
    const into = new Uint8Array(100);
    const response = await openClient().request(get(originOf(server), { into }));
    expect([response.status, textOf(response.body), response.bodyBytes]).toEqual([503, 'sorry', 5]);
    expect(into.every((byte) => byte === 0)).toBe(true);
  });

  test('is cut at maxErrorBytes, and the connection goes on', async () => {
    const body = pattern(200_000);
    const server = await startRawServer(
      repeat(`HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n`, body),
    );
    const client = openClient({ maxErrorBytes: 1_000 });
    const response = await client.request(get(originOf(server)));
    expect(Buffer.compare(response.body, body.subarray(0, 1_000))).toBe(0);
    expect([response.bodyBytes, client.stats.idleConnections]).toEqual([body.length, 1]);
  });

  test('ends the connection where more than 1 MiB would have to be read past', async () => {
    const server = await startRawServer(
      repeat('HTTP/1.1 500 Oops\r\nContent-Length: 9000000\r\n\r\n', pattern(9_000_000)),
    );
    const client = openClient({ maxErrorBytes: 1_000 });
    const response = await client.request(get(originOf(server)));
    expect([response.status, response.body.length, client.stats.openConnections]).toEqual([500, 1_000, 0]);
  });
});

test('a HEAD ends with its head, whatever length it names', async () => {
  const server = await startRawServer(repeat('HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\nETag: "e"\r\n\r\n'));
  const client = openClient();
  const response = await client.request(get(originOf(server), { method: 'HEAD' }));
  expect(response).toMatchObject({ status: 200, bodyBytes: 0 });
  expect([response.headers.get('content-length'), response.headers.get('etag')]).toEqual(['33554432', '"e"']);
  expect((await client.request(get(originOf(server), { method: 'HEAD' }))).reusedConnection).toBe(true);
});

test('interim responses are passed over', async () => {
  const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
  const server = await startRawServer(repeat(`${interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`));
  const response = await openClient().request(get(originOf(server)));
  expect([response.status, textOf(response.body), response.headers.has('link')]).toEqual([200, 'ok', false]);
});

test('a response says when and by whom it was given', async () => {
  const server = await startRawServer(repeat('HTTP/1.1 204 No Content\r\n\r\n'));
  const { timing, remoteAddress } = await openClient().request(get(originOf(server)));
  expect(timing.startMs).toBeLessThanOrEqual(timing.firstByteMs);
  expect(timing.firstByteMs).toBeLessThanOrEqual(timing.endMs);
  expect(remoteAddress).toBe(`127.0.0.1:${server.port}`);
});

test('reading a large body allocates nothing in proportion to it', async () => {
  const body = pattern(64 * mib);
  const server = await startRawServer(repeat(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`, body));
  const into = new Uint8Array(body.length).fill(1);
  const origin = originOf(server);
  const client = openClient({ digests: showing(() => look()) });
  await client.request(get(origin, { into }));
  const before = process.memoryUsage();
  let arrayBuffers = 0;
  let external = 0;
  let resident = 0;
  const look = (): void => {
    const now = process.memoryUsage();
    arrayBuffers = Math.max(arrayBuffers, now.arrayBuffers - before.arrayBuffers);
    external = Math.max(external, now.external - before.external);
    resident = Math.max(resident, now.rss - before.rss);
  };
  for (let left = 4; left > 0; left--) await client.request(get(origin, { into, digest: 'shown' }));
  // 256 MiB came; the server, in this process too, sends from memory that was there before.
  expect(arrayBuffers).toBeLessThan(2 * mib);
  expect(external).toBeLessThan(2 * mib);
  expect(resident).toBeLessThan(32 * mib);
});

const mib = 1_048_576;

/** Answers every request of a connection the same. */
function repeat(head: string, body: string | Uint8Array = ''): Script {
  return async (peer) => {
    for (;;) {
      await peer.request();
      await peer.send(head);
      await peer.send(body);
      if (!/content-length|chunked|204/i.test(head)) peer.socket.end();
    }
  };
}
