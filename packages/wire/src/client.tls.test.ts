import type { TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, makeAuthority, makeCertificate } from './testing/certificates.ts';
import { failureOf, get, openClient, originOf, put, showing, textOf } from './testing/open-client.ts';
import { answerAll, startRawServer } from './testing/raw-server.ts';
import type { Origin } from './types.ts';

const host = 'bucket.s3.test';
let authority: Certificate;
let certificate: Certificate;

beforeAll(async () => {
  authority = await makeAuthority('kvferry wire test authority');
  certificate = await makeCertificate(authority, { dns: ['*.s3.test'], ip: ['127.0.0.1'] });
});

function originAt(port: number, name = host): Origin {
  return { scheme: 'https', host: name, port: 443, connectTo: { host: '127.0.0.1', port } };
}

describe('a certificate', () => {
  test('of an unknown authority is refused, and the way out is named', async () => {
    const server = await startRawServer(answerAll, { certificate });
    const failure = await failureOf(openClient().request(get(originAt(server.port))));
    expect(failure.code).toBe('TLS');
    expect(failure.message).toMatch(/not trusted.*UNABLE_TO_VERIFY_LEAF_SIGNATURE.*`ca` option/);
    expect(failure.remoteAddress).toBe(`127.0.0.1:${server.port}`);
  });

  test('of the authority given is accepted, under Host and SNI of the origin', async () => {
    const server = await startRawServer(answerAll, { certificate });
    const client = openClient({ ca: authority.cert });
    const response = await client.request(get(originAt(server.port)));
    expect(textOf(response.body)).toContain(`\r\nHost: ${host}\r\n`);
    const names = server.peers.map(({ socket }) => (socket as TLSSocket).servername);
    expect(names).toEqual([host]);
  });

  test('for another name is refused, with both names', async () => {
    const server = await startRawServer(answerAll, { certificate });
    const client = openClient({ ca: authority.cert });
    const failure = await failureOf(client.request(get(originAt(server.port, 'other.test'))));
    expect(failure.code).toBe('TLS');
    expect(failure.message).toMatch(/not for other\.test.*\*\.s3\.test/);
    expect(client.stats.openConnections).toBe(0);
  });

  test('must bear the address where the host is one', async () => {
    const server = await startRawServer(answerAll, { certificate });
    const client = openClient({ ca: authority.cert });
    expect((await client.request(get(originOf(server, 'https')))).status).toBe(200);
    const named = await makeCertificate(authority, { dns: ['127.0.0.1'] });
    const misnamed = await startRawServer(answerAll, { certificate: named });
    expect((await failureOf(client.request(get(originOf(misnamed, 'https'))))).code).toBe('TLS');
  });

  test('that has expired is refused, and no other authority is asked for', async () => {
    const expired = await makeCertificate(authority, { dns: ['*.s3.test'] }, new Date('2020-01-01'));
    const server = await startRawServer(answerAll, { certificate: expired });
    const failure = await failureOf(openClient({ ca: authority.cert }).request(get(originAt(server.port))));
    expect(failure.code).toBe('TLS');
    expect(failure.message).toMatch(/not valid now.*CERT_HAS_EXPIRED.*Renew it, or check this machine's clock$/);
  });
});

test('a server that speaks no TLS is TLS, and said to', async () => {
  const server = await startRawServer((peer) => void peer.send('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const failure = await failureOf(openClient().request(get(originOf(server, 'https'))));
  expect(failure).toMatchObject({ code: 'TLS', message: expect.stringContaining('seems not to speak TLS') });
});

test('a server that hangs up in the handshake is CONNECT', async () => {
  const server = await startRawServer((peer) => void peer.socket.destroy());
  expect((await failureOf(openClient().request(get(originOf(server, 'https'))))).code).toBe('CONNECT');
});

test('a second connection resumes the session of the first', async () => {
  const server = await startRawServer(
    async (peer) => {
      await peer.request();
      await peer.send('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    },
    { certificate },
  );
  const client = openClient({ ca: authority.cert });
  await client.request(get(originAt(server.port)));
  await client.request(get(originAt(server.port)));
  expect(server.peers.map(({ socket }) => (socket as TLSSocket).isSessionReused())).toEqual([false, true]);
});

test('bodies pass both ways whole, and nothing beside the memory lent changes', async () => {
  const body = Buffer.alloc(3_000_000, 'kvferry ');
  const server = await startRawServer(
    async (peer) => {
      const sent = await peer.request();
      await peer.answer();
      await peer.request();
      await peer.answer(sent.body);
    },
    { certificate },
  );
  const client = openClient({ ca: authority.cert });
  const origin = originAt(server.port);
  await client.request(put(origin, [body.subarray(0, 1_000_001), body.subarray(1_000_001)]));
  const all = new Uint8Array(body.length + 200).fill(0xa5);
  const response = await client.request(get(origin, { into: all.subarray(100, 100 + body.length) }));
  expect([response.bodyBytes, response.reusedConnection]).toEqual([body.length, true]);
  expect(Buffer.compare(all.subarray(100, 100 + body.length), body)).toBe(0);
  expect([...all.subarray(0, 100), ...all.subarray(100 + body.length)].every((byte) => byte === 0xa5)).toBe(true);
});

test('an answer in the middle of an upload is the answer, though the server hangs up', async () => {
  const server = await startRawServer(
    async (peer) => {
      await peer.head();
      await peer.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied');
      peer.socket.destroy();
    },
    { certificate },
  );
  const client = openClient({ ca: authority.cert });
  for (let trial = 0; trial < 30; trial++) {
    const response = await client.request(put(originAt(server.port), [new Uint8Array(4 << 20)]));
    expect([response.status, textOf(response.body)]).toEqual([403, 'denied']);
  }
});

test('an abort in the middle of a body leaves its memory alone from then on', async () => {
  const server = await startRawServer(
    async (peer) => {
      await peer.request();
      await peer.answer(new Uint8Array(8 << 20).fill(1));
    },
    { certificate },
  );
  const controller = new AbortController();
  const client = openClient({ ca: authority.cert, digests: showing(() => controller.abort()) });
  const into = new Uint8Array(8 << 20);
  const failure = await failureOf(
    client.request(get(originAt(server.port), { into, digest: 'shown', signal: controller.signal })),
  );
  expect([failure.code, client.stats.openConnections]).toEqual(['ABORTED', 0]);
  into.fill(7);
  await server.peers[0]?.left;
  expect(into.every((byte) => byte === 7)).toBe(true);
});
