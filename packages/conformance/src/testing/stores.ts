import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { throwAwayAuthority } from '@kvferry/tooling/certificates';
import { onTestFinished } from 'vitest';
import { type FaultProxyOptions, FaultProxyServer } from '../proxy/fault-proxy.ts';

/** A proxy in front of a store that does this with each connection. The ends of its clients do not end it. */
export async function proxyTo(
  onConnection: (socket: Socket) => void,
  scheme: 'tcp' | 'http' = 'tcp',
): Promise<FaultProxyServer> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  return await proxyInFront(server, scheme, undefined);
}

/** A proxy in front of an HTTP store. */
export async function httpProxyTo(listener: RequestListener): Promise<FaultProxyServer> {
  return await proxyInFront(createHttpServer(listener), 'http', undefined);
}

/** A proxy in front of an HTTPS store that has a certificate for these names. */
export async function httpsProxyTo(
  names: readonly string[],
  listener: RequestListener,
  http2?: FaultProxyOptions['http2'],
): Promise<FaultProxyServer> {
  const { ca, cert, key } = await throwAwayAuthority({ hosts: ['127.0.0.1', ...names] });
  return await proxyInFront(createHttpsServer({ cert, key }, listener), 'https', ca, http2);
}

async function proxyInFront(
  server: Server,
  scheme: string,
  upstreamCa: string | undefined,
  http2?: FaultProxyOptions['http2'],
): Promise<FaultProxyServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  const proxy = await FaultProxyServer.start({ upstream: `${scheme}://127.0.0.1:${port}`, upstreamCa, http2 });
  onTestFinished(() => proxy.close());
  return proxy;
}

/** What a client saw of a connection until its end. */
export interface Seen {
  readonly bytes: Buffer;
  /** Code of the error that ended it; `undefined` for an end in good order. */
  readonly error: string | undefined;
}

/** Connects to the proxy. */
export async function connectTo(proxy: FaultProxyServer): Promise<Socket> {
  const socket = connect({ ...proxy.address, allowHalfOpen: true });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Collects what comes until the connection ends, in whatever way. */
export function allOf(socket: Socket): Promise<Seen> {
  const parts: Buffer[] = [];
  const done = Promise.withResolvers<Seen>();
  const finish = (error?: NodeJS.ErrnoException): void => {
    done.resolve({ bytes: Buffer.concat(parts), error: error?.code });
  };
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.once('end', () => finish());
  socket.once('error', finish);
  socket.once('close', () => finish());
  return done.promise;
}

/** The whole body of a message. */
export async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
