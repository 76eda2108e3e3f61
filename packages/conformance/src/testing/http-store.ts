import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { crc32 } from 'node:zlib';

/** A store of a few lines that speaks HTTP, for the backends of these tests. */
export interface HttpStore {
  readonly url: string;
  readonly values: Map<string, Uint8Array>;
  close(): Promise<void>;
}

/**
 * `GET /value/<key>`, `PUT`, `DELETE`; `GET /length/<key>` gives a length as text, `GET /keys/<prefix>` a line of length and key for each.
 * A put is stored when it came whole and its `x-crc32` is right; with `x-keep-fragments` in any case.
 */
export async function startHttpStore(): Promise<HttpStore> {
  const values = new Map<string, Uint8Array>();
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => void serve(values, request, response));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    values,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function serve(
  values: Map<string, Uint8Array>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, kind, name = ''] = /^\/(\w+)\/(.*)$/.exec(request.url ?? '') ?? [];
  const key = decodeURIComponent(name);
  const parts: Buffer[] = [];
  const broken = await (async () => {
    for await (const part of request) parts.push(part as Buffer);
  })().then(
    () => false,
    () => true,
  );
  const answer = (status: number, body: string | Uint8Array = '', headers: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);
  };
  const body = Buffer.concat(parts);
  if (broken) {
    if (request.headers['x-keep-fragments'] !== undefined) values.set(key, body);
    return;
  }
  const value = values.get(key);
  if (kind === 'keys') {
    const found = [...values].filter(([name]) => name.startsWith(key));
    answer(200, found.map(([name, bytes]) => `${bytes.byteLength} ${name}\n`).join(''));
  } else if (request.method === 'PUT') {
    const sum = request.headers['x-crc32'];
    if (request.headers['x-create'] !== undefined && value !== undefined) return answer(412);
    if (sum !== undefined && sum !== String(crc32(body))) return answer(400, errorDocument('BadDigest'));
    values.set(key, body);
    answer(200);
  } else if (request.method === 'DELETE') {
    values.delete(key);
    answer(204);
  } else if (value === undefined) answer(404, errorDocument('NoSuchKey'));
  else if (kind === 'length') answer(200, String(value.byteLength));
  else answer(200, value, { 'x-crc32': String(crc32(value)) });
}

function errorDocument(code: string): string {
  return `<Error><Code>${code}</Code><Message>An error of the store, with some words about it</Message></Error>`;
}
