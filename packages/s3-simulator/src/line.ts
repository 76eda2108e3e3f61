/** What a request and its answer travel on: a connection of HTTP/1.1, or a stream of HTTP/2. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** A body is written in slices, so that one that breaks off is counted. 1 MiB at a time costs a quarter more than 8 MiB over TCP. */
const SLICE_BYTES = 8 * 1024 * 1024;
/** Over TLS one write of 32 MiB costs more than twice as much as slices of 1 MiB. */
const TLS_SLICE_BYTES = 1024 * 1024;

export interface Line {
  readonly protocol: 'http/1.1' | 'h2';
  /** Names and values in turn, the host among them. */
  readonly rawHeaders: readonly string[];
  /** `ip:port` of the client. */
  readonly client: string;
  /** Answers on lines with the same one go out one after the other. */
  readonly queue: object;
  readonly isOpen: boolean;
  /** A body's bytes to be written at a time. */
  readonly sliceBytes: number;
  /** Calls `sent` when the answer, which has been ended, is with the kernel. */
  whenSent(sent: () => void): void;
  /** Takes nothing more of the request, whose answer is out. */
  refuseRest(): void;
  reset(): void;
  /** Ends it in good order, whatever is missing. */
  endEarly(): void;
  /** Ends it because the answer cannot be given. */
  abandon(): void;
}

/** The line of a request. `tcpSocket` gives the TCP connection below a socket, which over TLS is another. */
export function lineOf(
  request: IncomingMessage,
  response: ServerResponse,
  tcpSocket: (socket: Socket) => Socket,
): Line {
  // node:http2's compatibility API passes for that of node:http, but for the stream below it.
  return request.httpVersionMajor === 2
    ? new StreamLine(request as unknown as Http2ServerRequest)
    : new ConnectionLine(request, response, tcpSocket);
}

/** `ip:port` of the other end. */
export function addressOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

class ConnectionLine implements Line {
  readonly protocol = 'http/1.1';
  readonly rawHeaders: readonly string[];
  readonly client: string;
  readonly sliceBytes: number;
  readonly #socket: Socket;
  readonly #response: ServerResponse;
  readonly #tcpSocket: (socket: Socket) => Socket;

  constructor(request: IncomingMessage, response: ServerResponse, tcpSocket: (socket: Socket) => Socket) {
    this.#socket = request.socket;
    this.#response = response;
    this.#tcpSocket = tcpSocket;
    this.rawHeaders = request.rawHeaders;
    this.client = addressOf(request.socket);
    this.sliceBytes = request.socket instanceof TLSSocket ? TLS_SLICE_BYTES : SLICE_BYTES;
  }

  get queue(): object {
    return this.#socket;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  whenSent(sent: () => void): void {
    this.#response.once('finish', sent);
  }

  /** What still comes is dropped by node:http, or the connection closes. */
  refuseRest(): void {}

  reset(): void {
    this.#tcpSocket(this.#socket).resetAndDestroy();
  }

  endEarly(): void {
    this.#socket.destroySoon();
  }

  abandon(): void {
    this.#socket.destroy();
  }
}

class StreamLine implements Line {
  readonly protocol = 'h2';
  readonly rawHeaders: readonly string[];
  readonly client: string;
  readonly sliceBytes = TLS_SLICE_BYTES;
  readonly #request: Http2ServerRequest;
  readonly #stream: ServerHttp2Stream;

  constructor(request: Http2ServerRequest) {
    this.#request = request;
    this.#stream = request.stream;
    this.client = addressOf(request.socket);
    const headers: string[] = [];
    if (request.headers.host === undefined) headers.push('host', request.authority);
    for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
      const name = request.rawHeaders[at] ?? '';
      if (!name.startsWith(':')) headers.push(name, request.rawHeaders[at + 1] ?? '');
    }
    this.rawHeaders = headers;
  }

  get queue(): object {
    return this.#stream;
  }

  get isOpen(): boolean {
    return !this.#stream.destroyed;
  }

  whenSent(sent: () => void): void {
    // The answer to a HEAD is finished from the start: node:http2 knows that there is no body.
    if (this.#stream.writableFinished) sent();
    else this.#stream.once('finish', sent);
  }

  /** As RFC 9113, section 8.1, has it: the client may stop, and its answer stands. */
  refuseRest(): void {
    if (!this.#request.complete) this.#closeWithoutError();
  }

  reset(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  endEarly(): void {
    if (this.#stream.headersSent) this.#stream.end();
    else this.#closeWithoutError();
  }

  #closeWithoutError(): void {
    const stream = this.#stream;
    stream.close(constants.NGHTTP2_NO_ERROR);
    // Else it waits for whoever does not read the rest of the request.
    setImmediate(() => stream.destroy());
  }

  abandon(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
