import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** How node:http reads a stream of bytes: names in small letters, values of repeated names joined with `, `. */
export type NodeReading =
  | { readonly status: number; readonly headers: ReadonlyMap<string, string>; readonly body: string }
  | { readonly error: string };

/** Gives a whole stream to node:http as the answer to one request. */
export function readByNode(stream: Uint8Array, method: string): Promise<NodeReading> {
  const { promise, resolve } = Promise.withResolvers<NodeReading>();
  const connection = new Duplex({
    read() {},
    write(_chunk, _encoding, done) {
      done();
    },
  });
  const sent = request({ method, createConnection: () => connection as Socket, maxHeaderSize: 65_536 });
  sent.on('error', (error) => resolve({ error: error.message }));
  sent.on('response', (response) => {
    readBody(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: joined(response.rawHeaders), body }),
      (error: Error) => resolve({ error: error.message }),
    );
  });
  sent.end();
  connection.push(stream);
  connection.push(null);
  return promise;
}

async function readBody(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('latin1');
}

function joined(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const value = rawHeaders[at + 1] ?? '';
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  }
  return headers;
}
