import {
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import { type Certificate, makeAuthority, makeCertificate } from './certificates.ts';
import { type Listening, listen } from './listen.ts';

/** What a test's server does with one stream. */
export type StreamScript = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => Promise<void> | void;

export interface H2Server extends Listening {
  /** Sessions so far, oldest first. */
  readonly sessions: readonly ServerHttp2Session[];
  /** Requests so far, as `session.stream METHOD`, sessions counted from 1. */
  readonly requests: readonly string[];
}

export interface H2ServerOptions {
  readonly host?: string;
  readonly port?: number;
  readonly settings?: Settings;
  /** Chosen from by ALPN. `http/1.1` answers everything with 200. Default: `h2` alone. */
  readonly protocols?: 'h2 or http/1.1';
}

let trusted: Promise<{ readonly ca: string; readonly certificate: Certificate }> | undefined;

/** An authority and a certificate of it for the addresses of this machine that tests use, and for names under `s3.test`. Made once. */
export function trustedCertificate(): Promise<{ readonly ca: string; readonly certificate: Certificate }> {
  trusted ??= (async () => {
    const authority = await makeAuthority('kvferry wire test authority');
    const names = { dns: ['*.s3.test'], ip: ['127.0.0.1', '127.0.0.2'] };
    return { ca: authority.cert, certificate: await makeCertificate(authority, names) };
  })();
  return trusted;
}

/** Starts a server that speaks HTTP/2. It is closed when the test has finished. */
export async function startH2Server(script: StreamScript, options: H2ServerOptions = {}): Promise<H2Server> {
  const { certificate } = await trustedCertificate();
  const sessions: ServerHttp2Session[] = [];
  const requests: string[] = [];
  const server = createSecureServer({
    key: certificate.key,
    cert: certificate.cert,
    settings: options.settings ?? {},
    // In MB. Clients that let it send far ahead make it hold as much.
    maxSessionMemory: 1_000,
    allowHTTP1: options.protocols !== undefined,
  });
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    requests.push(`${sessions.indexOf(stream.session as ServerHttp2Session) + 1}.${stream.id} ${headers[':method']}`);
    Promise.resolve(script(stream, headers)).catch((error: unknown) => {
      // A stream that ends in the middle of a script ends the script.
      if (!stream.destroyed) throw error;
    });
  });
  if (options.protocols !== undefined) {
    server.on('request', (request, response) => {
      if (request.httpVersionMajor === 1) response.end('ok');
    });
  }
  return { ...(await listen(server, options)), sessions, requests };
}

/** The whole body of a request. */
export async function bodyOf(stream: ServerHttp2Stream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Answers with this body, its length announced. */
export function answer(stream: ServerHttp2Stream, body: string | Uint8Array = '', status = 200): void {
  stream.respond({ ':status': status, 'content-length': body.length });
  stream.end(body);
}
