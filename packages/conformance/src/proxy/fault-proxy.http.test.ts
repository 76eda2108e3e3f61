import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { Agent as HttpsAgent, request as requestTls } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { value } from '../case-context.ts';
import { bodyOf, connectTo, httpProxyTo, httpsProxyTo, proxyTo } from '../testing/stores.ts';
import { FaultProxyServer } from './fault-proxy.ts';
import type { ProxyAnswer } from './types.ts';

const patience = (): AbortSignal => AbortSignal.timeout(10_000);
// HEAD last: node:http's client takes a new connection after one.
const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'] as const;
const refusal: ProxyAnswer = { status: 503, headers: { 'x-by': 'proxy' }, body: 'SlowDown', afterSuccess: false };

/** A client with one connection, kept alive. */
function clientOf(proxy: FaultProxyServer): (options: RequestOptions) => ClientRequest {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return (options) => request({ ...proxy.address, agent, ...options });
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

async function answerOf(sent: ClientRequest): Promise<Answer> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  // The same failure comes by the response.
  sent.on('error', () => {});
  return { status: response.statusCode, headers: response.headers, body: await bodyOf(response) };
}

describe('passing on', () => {
  test('every method, on one connection, with the Host header as it was, and counted', async () => {
    const hosts: (string | undefined)[] = [];
    const proxy = await httpProxyTo(async (incoming, response) => {
      hosts.push(incoming.headers.host);
      const body = await bodyOf(incoming);
      response.end(`${incoming.method} ${body.byteLength}`);
    });
    const send = clientOf(proxy);
    for (const method of METHODS) {
      const sent = send({ method, headers: { host: 'bucket.store.example' } });
      const body = method === 'PUT' || method === 'POST' ? value(100_000) : undefined;
      sent.end(body);
      const answer = await answerOf(sent);
      expect(answer.status).toBe(200);
      if (method !== 'HEAD') expect(answer.body.toString()).toBe(`${method} ${body?.byteLength ?? 0}`);
    }
    expect(hosts).toEqual(METHODS.map(() => 'bucket.store.example'));
    expect(proxy.counts).toMatchObject({ connections: 1, requests: 5, openRequests: 0, maxOpenRequests: 1 });
  });

  test('chunked bodies both ways', async () => {
    const proxy = await httpProxyTo((incoming, response) => void incoming.pipe(response));
    const send = clientOf(proxy);
    for (const seed of [1, 2]) {
      const sent = send({ method: 'PUT' });
      const whole = value(300_000, seed);
      for (let at = 0; at < whole.byteLength; at += 70_000) sent.write(whole.subarray(at, at + 70_000));
      sent.end();
      const { body, headers } = await answerOf(sent);
      expect(headers['transfer-encoding']).toBe('chunked');
      expect(Buffer.compare(body, whole)).toBe(0);
    }
    expect(proxy.counts).toMatchObject({ connections: 1, requests: 2, openRequests: 0 });
  });

  test('an interim answer is not the answer', async () => {
    const proxy = await httpProxyTo(async (incoming, response) => void response.end(await bodyOf(incoming)));
    const sent = clientOf(proxy)({ method: 'PUT', headers: { expect: '100-continue', 'content-length': 3 } });
    sent.flushHeaders();
    await once(sent, 'continue');
    expect(proxy.counts.openRequests).toBe(1);
    sent.end('abc');
    expect((await answerOf(sent)).body.toString()).toBe('abc');
    expect(proxy.counts.openRequests).toBe(0);
  });

  test('counts how many requests are open at a time', async () => {
    const release = Promise.withResolvers<void>();
    const proxy = await httpProxyTo(async (_incoming, response) => {
      await release.promise;
      response.end('x');
    });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const answers = Array.from({ length: 3 }, () => answerOf(request({ ...proxy.address, agent }).end()));
    await proxy.until(({ openRequests }) => openRequests === 3, patience());
    release.resolve();
    await Promise.all(answers);
    expect(proxy.counts).toMatchObject({ openRequests: 0, maxOpenRequests: 3 });
  });

  test.for(['none', 'stall down', 'stall up'] as const)(
    'a client that gives up is seen by the store (%s)',
    async (fault) => {
      const seen = Promise.withResolvers<IncomingMessage>();
      const proxy = await httpProxyTo((incoming, response) => {
        response.write(value(100_000));
        incoming.on('error', () => {}).resume();
        seen.resolve(incoming);
      });
      if (fault === 'stall down') proxy.inject({ kind: 'stall', direction: 'down', afterBytes: 1_000 });
      if (fault === 'stall up') proxy.inject({ kind: 'stall', direction: 'up', afterBytes: 10_000 });
      const sent = clientOf(proxy)({ method: 'PUT', headers: { 'content-length': 1_000_000 } });
      sent.on('error', () => {});
      sent.write(value(500_000));
      const incoming = await seen.promise;
      await proxy.until(({ bytesDown, bytesUp }) => bytesDown > 0 && bytesUp >= 10_000, patience());
      expect(proxy.counts.openRequests).toBe(1);
      const gone = new Promise((resolve) => incoming.once('close', resolve));
      sent.destroy();
      await proxy.until(({ openRequests, openConnections }) => openRequests + openConnections === 0, patience());
      await gone;
    },
  );

  test('a client that ends its side in the middle of a request has given it up', async () => {
    const proxy = await httpProxyTo((incoming) => void incoming.on('error', () => {}).resume());
    const client = await connectTo(proxy);
    client.write('PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n');
    await proxy.until(({ openRequests }) => openRequests === 1, patience());
    client.end('half');
    await proxy.until(({ openRequests, openConnections }) => openRequests + openConnections === 0, patience());
  });
});

test('a client that has ended its side is gone, whenever the store ends its own', async () => {
  const proxy = await proxyTo((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 204 No Content\r\n\r\n'));
  }, 'http');
  const client = await connectTo(proxy);
  client.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  await once(client, 'data');
  client.end();
  await proxy.until(({ openConnections }) => openConnections === 0, patience());
});

describe('answering in the place of the store', () => {
  test('every method, on one connection, and the store sees nothing', async () => {
    let asked = 0;
    const proxy = await httpProxyTo((_incoming, response) => {
      asked += 1;
      response.end('store');
    });
    const send = clientOf(proxy);
    proxy.answer(refusal);
    for (const method of METHODS) {
      const sent = send({ method });
      sent.end(method === 'PUT' || method === 'POST' ? value(200_000) : undefined);
      const answer = await answerOf(sent);
      expect(answer).toMatchObject({ status: 503, headers: { 'x-by': 'proxy' } });
      expect(answer.body.toString()).toBe(method === 'HEAD' ? '' : 'SlowDown');
    }
    expect(asked).toBe(0);
    proxy.clear();
    expect(proxy.counts).toMatchObject({ connections: 1, requests: 5, openRequests: 0 });
    expect((await answerOf(send({}).end())).body.toString()).toBe('store');
  });

  test('who waits for leave to send a body is told at once', async () => {
    const proxy = await httpProxyTo((_incoming, response) => void response.end());
    proxy.answer(refusal);
    const sent = clientOf(proxy)({ method: 'PUT', headers: { expect: '100-continue', 'content-length': 1_000 } });
    sent.on('error', () => {});
    sent.flushHeaders();
    expect(await answerOf(sent)).toMatchObject({ status: 503, headers: { connection: 'close' } });
    await proxy.until(({ openConnections }) => openConnections === 0, patience());
  });

  test('an upload under way is answered once it is whole', async () => {
    const stored: number[] = [];
    const begun = Promise.withResolvers<void>();
    const proxy = await httpProxyTo(async (incoming, response) => {
      begun.resolve();
      stored.push((await bodyOf(incoming)).byteLength);
      response.end('store');
    });
    const send = clientOf(proxy);
    const sent = send({ method: 'PUT', headers: { 'content-length': 200_000 } });
    sent.write(value(100_000));
    await begun.promise;
    proxy.answer(refusal);
    sent.end(value(100_000));
    expect(await answerOf(sent)).toMatchObject({ status: 503 });
    expect(stored).toEqual([200_000]);
    expect((await answerOf(send({}).end())).status).toBe(503);
    expect(proxy.counts.connections).toBe(1);
  });

  test('after success: the store has done it', async () => {
    const seen: string[] = [];
    const proxy = await httpProxyTo(async (incoming, response) => {
      seen.push(`${incoming.method} ${(await bodyOf(incoming)).byteLength}`);
      response.end('store');
    });
    const send = clientOf(proxy);
    proxy.answer({ ...refusal, status: 500, afterSuccess: true });
    for (const method of METHODS) {
      const sent = send({ method });
      sent.end(method === 'PUT' || method === 'POST' ? value(200_000) : undefined);
      expect(await answerOf(sent)).toMatchObject({ status: 500 });
    }
    expect(seen).toEqual(['GET 0', 'PUT 200000', 'POST 200000', 'DELETE 0', 'HEAD 0']);
    expect(proxy.counts).toMatchObject({ connections: 1, openRequests: 0 });
  });

  test('with faults on top', async () => {
    const proxy = await httpProxyTo((_incoming, response) => void response.end());
    proxy.answer({ ...refusal, body: 'aaaa' });
    proxy.inject({ kind: 'truncate', direction: 'down', afterBytes: 20 });
    const sent = clientOf(proxy)({}).end();
    await expect(once(sent, 'response')).rejects.toThrow();
    expect(proxy.counts.bytesDown).toBe(20);
  });
});

describe('over TLS', () => {
  const names = ['store.example', '*.store.example'];

  test('has a certificate for the name asked for, and asks the store for the same one', async () => {
    const asked: unknown[] = [];
    const proxy = await httpsProxyTo(names, (incoming, response) => {
      asked.push((incoming.socket as TLSSocket & { servername: unknown }).servername);
      response.end(incoming.headers.host);
    });
    for (const servername of ['store.example', 'bucket.store.example']) {
      const agent = new HttpsAgent({ ca: proxy.ca });
      const sent = requestTls({ ...proxy.address, agent, servername, headers: { host: servername } }).end();
      expect((await answerOf(sent)).body.toString()).toBe(servername);
    }
    const byAddress = requestTls({ ...proxy.address, agent: new HttpsAgent({ ca: proxy.ca }) }).end();
    expect((await answerOf(byAddress)).status).toBe(200);
    expect(asked).toEqual(['store.example', 'bucket.store.example', false]);
  });

  test('answers, and passes a reset on as one', async () => {
    const proxy = await httpsProxyTo(names, (_incoming, response) => void response.end(value(100_000)));
    const options = { ...proxy.address, servername: 'store.example', agent: new HttpsAgent({ ca: proxy.ca }) };
    proxy.answer(refusal);
    expect(await answerOf(requestTls(options).end())).toMatchObject({ status: 503 });
    proxy.clear();
    proxy.inject({ kind: 'reset', direction: 'down', afterBytes: 50_000 });
    await expect(answerOf(requestTls(options).end())).rejects.toMatchObject({ code: 'ECONNRESET' });
    await proxy.until(({ openConnections, openRequests }) => openConnections + openRequests === 0, patience());
  });

  test('a client that does not trust it leaves nothing behind', async () => {
    const proxy = await httpsProxyTo(names, (_incoming, response) => void response.end());
    const sent = requestTls({ ...proxy.address, servername: 'store.example', agent: false }).end();
    await expect(once(sent, 'response')).rejects.toThrow();
    await proxy.until(({ openConnections, connections }) => connections === 1 && openConnections === 0, patience());
  });

  test('does not speak to a store that it cannot trust', async () => {
    const inner = await httpsProxyTo(names, (_incoming, response) => void response.end());
    const upstream = `https://127.0.0.1:${inner.address.port}`;
    await expect(FaultProxyServer.start({ upstream })).rejects.toMatchObject({ code: 'CONNECTION' });
  });
});
