/** Requests that no well-behaved client sends: signed by hand, on a socket of their own, read to the last byte. */

import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Simulator, SimulatorCredentials } from '../types.ts';

export interface RawRequest {
  readonly method: string;
  /** As it goes onto the wire, encoded, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the simulator's own. */
  readonly credentials?: SimulatorCredentials | undefined;
  /** Default: the simulator's own. */
  readonly region?: string | undefined;
  /** That the signature is for. Default `s3`. */
  readonly service?: string | undefined;
  readonly host?: string | undefined;
  readonly timeMs?: number | undefined;
  /** Default `UNSIGNED-PAYLOAD`. */
  readonly payloadHash?: string | undefined;
  readonly body?: Uint8Array | undefined;
}

/** What came back before the connection ended or the answer was complete. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Body bytes that arrived. */
  readonly body: Buffer;
  /** `complete` by its length; `ended` in good order before that; `reset`. */
  readonly end: 'complete' | 'ended' | 'reset';
}

/** The request's headers, with `authorization`. */
export function signedHeaders(simulator: Simulator, request: RawRequest): Record<string, string> {
  const credentials = request.credentials ?? simulator.credentials;
  const region = request.region ?? simulator.region;
  const timestamp = new Date(request.timeMs ?? Date.now()).toISOString().replace(/[-:]|\.\d+/g, '');
  const date = timestamp.slice(0, 8);
  const headers: Record<string, string> = {
    host: request.host ?? `127.0.0.1:${simulator.port}`,
    'x-amz-date': timestamp,
    'x-amz-content-sha256': request.payloadHash ?? 'UNSIGNED-PAYLOAD',
    ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
    ...request.headers,
  };
  const names = Object.keys(headers)
    .filter((name) => name === 'host' || name.startsWith('x-amz-'))
    .sort();
  const [path = '', query = ''] = request.path.split('?');
  const canonicalQuery = query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => (part.includes('=') ? part : `${part}=`))
    .sort()
    .join('&');
  const canonical = [
    request.method,
    path,
    canonicalQuery,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = `${date}/${region}/${request.service ?? 's3'}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', timestamp, scope, createHash('sha256').update(canonical).digest('hex')].join(
    '\n',
  );
  const key = signingKey(credentials.secretAccessKey, scope);
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${createHmac('sha256', key).update(toSign).digest('hex')}`;
  return headers;
}

/** The key that a scope such as `20260131/us-east-1/s3/aws4_request` is signed with. */
export function signingKey(secret: string, scope: string): Buffer {
  let key = Buffer.from(`AWS4${secret}`);
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest();
  return key;
}

/** The head of a request as it goes onto the wire. */
export function requestHead(request: RawRequest, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${request.method} ${request.path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** Signs, sends the whole request on a connection of its own, and reads the answer. */
export async function send(simulator: Simulator, request: RawRequest): Promise<RawAnswer> {
  const length = request.body === undefined ? {} : { 'content-length': String(request.body.byteLength) };
  const withLength = { ...request, headers: { ...length, ...request.headers } };
  return sendUnsigned(simulator, withLength, signedHeaders(simulator, withLength));
}

/** As `send`, with these headers as they are. */
export async function sendUnsigned(
  simulator: Simulator,
  request: RawRequest,
  headers: Readonly<Record<string, string>>,
): Promise<RawAnswer> {
  const socket = await openSocket(simulator);
  socket.write(requestHead(request, headers));
  if (request.body !== undefined) socket.write(request.body);
  return readAnswer(socket, request.method);
}

export async function openSocket(simulator: Simulator): Promise<Socket> {
  const socket = connect({ port: simulator.port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** Reads one answer, then ends the connection. */
export async function readAnswer(socket: Socket, method: string): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  let end: RawAnswer['end'] = 'ended';
  let head: { readonly text: string; readonly bodyAt: number } | undefined;
  let received = 0;
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      received += chunk.byteLength;
      head ??= findHead(chunks);
      if (head === undefined) return;
      const length = /\ncontent-length: (\d+)/i.exec(head.text)?.[1];
      const bodyless = method === 'HEAD' || /^HTTP\/1.1 (204|304)/.test(head.text);
      if (bodyless || (length !== undefined && received - head.bodyAt >= Number(length))) {
        end = 'complete';
        resolve();
      }
    });
    socket.on('error', () => {
      end = 'reset';
    });
    socket.on('close', () => resolve());
  });
  await answered;
  socket.destroy();
  const whole = Buffer.concat(chunks);
  const [statusLine = '', ...lines] = (head?.text ?? '').split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return {
    status: Number(statusLine.split(' ')[1] ?? 0),
    headers,
    body: head === undefined ? Buffer.alloc(0) : whole.subarray(head.bodyAt),
    end,
  };
}

/** Skips interim answers. */
function findHead(chunks: readonly Buffer[]): { readonly text: string; readonly bodyAt: number } | undefined {
  const text = Buffer.concat(chunks).toString('latin1');
  let from = 0;
  while (text.startsWith('HTTP/1.1 1', from)) from = text.indexOf('\r\n\r\n', from) + 4;
  const blank = text.indexOf('\r\n\r\n', from);
  return blank < 0 ? undefined : { text: text.slice(from, blank), bodyAt: blank + 4 };
}
