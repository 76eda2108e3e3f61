import { Agent, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { InnerSocket } from './inner-socket.ts';
import type { Link } from './link.ts';

/**
 * A connection of a backend that speaks HTTP/2. Each of its streams becomes an HTTP/1.1 request on a link that carries no other meanwhile, so that
 * faults, answers and counts are those of a kept connection, and what happens to that is what happens to the stream: a reset is a RST_STREAM with
 * INTERNAL_ERROR, an end in good order ends the stream before its time, and a link that is silent is a stream that is.
 */
export class H2Front {
  /** Resolves when the connection and all its links are gone. */
  readonly closed: Promise<void>;
  readonly #raw: Socket;
  readonly #session: ServerHttp2Session;
  readonly #links = new Set<Link>();
  /** Keeps links for further streams, as a client does with connections: a store's TLS would else be most of a run. */
  readonly #agent = new Agent({ keepAlive: true });

  constructor(client: TLSSocket, raw: Socket, openLink: (client: InnerSocket) => Link) {
    this.#raw = raw;
    this.#agent.createConnection = () => {
      const [outside, inside] = InnerSocket.pair();
      const link = openLink(inside);
      this.#links.add(link);
      void link.closed.then(() => this.#links.delete(link));
      return outside;
    };
    this.#session = performServerHandshake(client, { settings: { initialWindowSize: WINDOW_BYTES } });
    // Which node:http2 waits for, and only a socket of `tls.connect` gives.
    client.emit('secureConnect');
    this.#session.setLocalWindowSize(WINDOW_BYTES);
    this.#session.on('error', ignore);
    // As the proxy's sockets are half-open, its end would else be the client's alone.
    client.once('end', () => this.end());
    this.#session.on('stream', (stream, headers) => this.#carry(stream, headers));
    const gone = Promise.withResolvers<void>();
    raw.once('close', () => {
      this.#agent.destroy();
      gone.resolve();
    });
    this.closed = gone.promise.then(async () => {
      await Promise.all([...this.#links].map(({ closed }) => closed));
    });
  }

  /** Ends the streams that a fault keeps open and silent. */
  endStalled(): void {
    for (const link of this.#links) link.endStalled();
  }

  /** Ends the connection, and with it all its links. */
  end(): void {
    this.#session.destroy();
    this.#raw.destroy();
  }

  #carry(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const sent = request({
      agent: this.#agent,
      method: headers[':method'],
      path: headers[':path'],
      headers: requestHeaders(headers),
      setHost: false,
    });
    stream.on('error', ignore);
    // Without effect once the answer is whole.
    stream.once('close', () => sent.destroy());
    // Piped by hand: a stream that is given up has no end, and what it had sent is no request.
    stream.on('data', (bytes: Uint8Array) => {
      if (!sent.write(bytes)) stream.pause();
    });
    sent.on('drain', () => stream.resume());
    stream.once('end', () => {
      if (!stream.aborted) sent.end();
    });
    answer(stream, sent);
  }
}

/** Gives what comes back to the stream. */
function answer(stream: ServerHttp2Stream, sent: ClientRequest): void {
  // node:http forgets which it was when it has ended.
  let link: Duplex | undefined;
  sent.once('socket', (socket) => {
    link = socket;
  });
  const lost = (): void => {
    if (stream.destroyed || stream.closed) return;
    if (link instanceof InnerSocket && link.wasReset) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else if (stream.headersSent) stream.end();
    else stream.close(constants.NGHTTP2_NO_ERROR);
  };
  sent.once('response', (response: IncomingMessage) => {
    if (stream.destroyed || stream.closed) return;
    // That trailers are to come keeps node:http2 from ending the stream in good order when it is reset.
    stream.respond({ ':status': response.statusCode, ...responseHeaders(response) }, { waitForTrailers: true });
    response.on('data', (bytes: Uint8Array) => {
      if (!stream.destroyed && !stream.closed && !stream.write(bytes)) response.pause();
    });
    stream.on('drain', () => response.resume());
    response.on('error', ignore);
    response.once('close', () => {
      if (response.complete) finish(stream);
      else lost();
    });
  });
  sent.on('error', (error: NodeJS.ErrnoException) => {
    // What came is no HTTP/1.1: there is nothing that a stream could say of it.
    if (error.code?.startsWith('HPE_') === true) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else if (!stream.headersSent) lost();
  });
}

/** Ends a stream whose answer is whole. What its client still sends is not wanted (RFC 9113, section 8.1). */
function finish(stream: ServerHttp2Stream): void {
  if (stream.destroyed || stream.closed) return;
  stream.end(() => {
    if (stream.readableEnded) return;
    stream.close(constants.NGHTTP2_NO_ERROR);
    // Else it waits for the rest to be read.
    setImmediate(() => stream.destroy());
  });
}

function requestHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) if (!name.startsWith(':')) out[name] = value;
  out.host = headers[':authority'] ?? headers.host;
  return out;
}

function responseHeaders({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = { ...headers };
  // Of the connection, and no part of an HTTP/2 response (RFC 9113, section 8.2.2).
  for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-connection']) delete out[name];
  return out;
}

function ignore(): void {}

/** More than the largest value of any case, so that only the faults hold anything up. */
const WINDOW_BYTES = 64 * 1024 * 1024;
