import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Certificate, makeAuthority, makeCertificate } from './testing/certificates.ts';
import { failureOf, openClient, originOf, put, textOf } from './testing/open-client.ts';
import { startRawServer } from './testing/raw-server.ts';

test('parts go out as one body, in order, with its length', async () => {
  const parts = [1, 0, 300_000, 5, 1_000_000].map((length, at) => new Uint8Array(length).fill(at + 1));
  const server = await startRawServer(async (peer) => {
    const { head, body } = await peer.request();
    const length = /content-length: (\d+)/i.exec(head)?.[1];
    await peer.answer(`${length} ${createHash('sha256').update(body).digest('hex')}`);
  });
  const response = await openClient().request(put(originOf(server), parts));
  const joined = Buffer.concat(parts);
  expect(textOf(response.body)).toBe(`${joined.length} ${createHash('sha256').update(joined).digest('hex')}`);
});

test('parts in shared memory go out as they are', async () => {
  const part = new Uint8Array(new SharedArrayBuffer(100_000)).fill(9);
  const server = await startRawServer(async (peer) => {
    const { body } = await peer.request();
    await peer.answer(String(body.length === 100_000 && body.every((byte) => byte === 9)));
  });
  expect(textOf((await openClient().request(put(originOf(server), [part]))).body)).toBe('true');
});

test('an empty body is announced as such', async () => {
  const server = await startRawServer(async (peer) => peer.answer((await peer.request()).head));
  const response = await openClient().request(put(originOf(server), []));
  expect(textOf(response.body)).toContain('Content-Length: 0\r\n');
});

test('a connection carries one upload after another', async () => {
  const server = await startRawServer(async (peer) => {
    for (;;) {
      await peer.request();
      await peer.answer();
    }
  });
  const client = openClient();
  for (let left = 3; left > 0; left--) await client.request(put(originOf(server), [new Uint8Array(2_000_000)]));
  expect(server.peers.length).toBe(1);
});

describe('an answer in the middle of an upload is the answer', () => {
  test('when the server then hangs up with the body unread, every time', async () => {
    const server = await startRawServer(async (peer) => {
      await peer.head();
      await peer.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied');
      peer.socket.destroy();
    });
    const client = openClient();
    const body = [new Uint8Array(4 << 20)];
    for (let trial = 0; trial < 100; trial++) {
      const response = await client.request(put(originOf(server), body));
      expect([response.status, textOf(response.body)]).toEqual([403, 'denied']);
    }
    expect(client.stats.openConnections).toBe(0);
  });

  test.each(['http', 'https'] as const)('when a write fails before it could be read, over %s', async (scheme) => {
    const authority = await makeAuthority('kvferry wire test authority');
    const server = await startHangingUpServer(scheme, await makeCertificate(authority, { ip: ['127.0.0.1'] }));
    // One slice each.
    const [head, tail] = [new Uint8Array(250_000), new Uint8Array(250_000)];
    const body = [head, tail];
    let asked = 0;
    // Asked for once to count its bytes, and once to write it. Then the event loop stands still until the server has hung up, so that the
    // write fails while the answer lies unread in the kernel.
    Object.defineProperty(body, 1, {
      get: () => {
        if (++asked === 2) server.waitUntilHungUp();
        return tail;
      },
    });
    const response = await openClient({ ca: authority.cert }).request(put(originOf(server, scheme), body));
    expect([response.status, textOf(response.body)]).toEqual([412, 'exists']);
  });

  test('when the server goes on listening: then the connection ends, since the body is not whole', async () => {
    const server = await startRawServer(async (peer) => {
      await peer.head();
      peer.socket.pause();
      await peer.send('HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n');
    });
    const client = openClient();
    const response = await client.request(put(originOf(server), [new Uint8Array(64 << 20)]));
    expect([response.status, client.stats.openConnections]).toEqual([412, 0]);
  });

  test('but a connection that ends without one is RESET', async () => {
    const server = await startRawServer(async (peer) => {
      await peer.head();
      peer.socket.resetAndDestroy();
    });
    const client = openClient();
    for (let trial = 0; trial < 20; trial++) {
      const failure = await failureOf(client.request(put(originOf(server), [new Uint8Array(4 << 20)])));
      expect(failure.code).toBe('RESET');
    }
  });
});

/** A server in a thread of its own that answers 412 to the first bytes it gets, and hangs up on the rest. */
async function startHangingUpServer(scheme: 'http' | 'https', certificate: Certificate) {
  const hungUp = new Int32Array(new SharedArrayBuffer(4));
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { scheme, certificate, hungUp } = workerData;
    const accept = (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.pause();
        socket.write('HTTP/1.1 412 Precondition Failed\\r\\nContent-Length: 6\\r\\n\\r\\nexists', () => socket.destroy());
      });
      socket.once('close', () => {
        Atomics.store(hungUp, 0, 1);
        Atomics.notify(hungUp, 0);
      });
    };
    const server = scheme === 'http'
      ? require('node:net').createServer(accept)
      : require('node:tls').createServer(certificate, accept);
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  `;
  const worker = new Worker(program, { eval: true, workerData: { scheme, certificate, hungUp } });
  onTestFinished(async () => void (await worker.terminate()));
  const [port] = (await once(worker, 'message')) as [number];
  const waitUntilHungUp = () => void Atomics.wait(hungUp, 0, 0, 10_000);
  return { port, waitUntilHungUp };
}
