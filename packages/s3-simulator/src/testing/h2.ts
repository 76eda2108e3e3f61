/** A client of HTTP/2 whose requests are signed by hand, and which tells how each stream ended. */

import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { onTestFinished } from 'vitest';
import type { Simulator } from '../types.ts';
import { type RawRequest, signedHeaders } from './raw.ts';

/** What came back before the stream ended. */
export interface H2Answer {
  /** 0 where no answer came. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** 0 for an end in good order. */
  readonly rstCode: number;
}

/** A connection, closed when the test has ended. */
export async function openSession(simulator: Simulator): Promise<ClientHttp2Session> {
  const session = connect(simulator.url, { ca: simulator.ca });
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  await once(session, 'connect');
  return session;
}

/** Signs a request and sends its head; a body is the caller's to write. */
export function beginRequest(
  simulator: Simulator,
  session: ClientHttp2Session,
  request: RawRequest,
): ClientHttp2Stream {
  const { host, ...headers } = signedHeaders(simulator, request);
  const { method, path } = request;
  const all = { ':method': method, ':path': path, ':authority': host, ...headers };
  const stream = session.request(all, { endStream: method !== 'PUT' && method !== 'POST' });
  stream.on('error', () => {});
  return stream;
}

/** Reads a stream to its end. */
export function answerOf(stream: ClientHttp2Stream): Promise<H2Answer> {
  const parts: Buffer[] = [];
  let answer: Record<string, unknown> = {};
  const { promise, resolve } = Promise.withResolvers<H2Answer>();
  stream.once('response', (headers) => {
    answer = { ...headers };
  });
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.once('close', () => {
    const { ':status': status = 0, ...headers } = answer;
    const body = Buffer.concat(parts);
    const rstCode = stream.rstCode ?? 0;
    resolve({ status: Number(status), headers: headers as Record<string, string>, body, rstCode });
  });
  return promise;
}

/** Signs, sends the whole request as one stream, and reads the answer. */
export function sendH2(simulator: Simulator, session: ClientHttp2Session, request: RawRequest): Promise<H2Answer> {
  const { body } = request;
  const length = body === undefined ? {} : { 'content-length': String(body.byteLength) };
  const stream = beginRequest(simulator, session, { ...request, headers: { ...length, ...request.headers } });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}
