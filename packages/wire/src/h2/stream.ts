import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { type ConnectionSettings, suspectCodes, withAddress } from '../connection.ts';
import { Deadline } from '../deadline.ts';
import { timeoutError, WireError } from '../errors.ts';
import type { Exchange, Holder } from '../exchange.ts';
import { protocolError } from '../response-head.ts';
import type { WireResponse } from '../types.ts';
import { H2Body } from './body.ts';
import { type H2ResponseHead, h2RequestHeaders, readH2Head } from './head.ts';
import { H2Upload } from './upload.ts';

/** The session of a stream, as its stream sees it. */
export interface H2StreamHost {
  readonly authority: string;
  readonly remoteAddress: string;
  /** Whether the connection has ended. */
  readonly isGone: boolean;
  /** What the connection ended with, in the network's words or in those of TLS. A stream of it may know before it does. */
  resetError(when: string, streamError: Error | undefined): WireError;
  /** Whether the server has said goodbye, and that it has not looked at this stream. */
  neverSaw(streamId: number): boolean;
  /** A stream has got no word in time: the connection may be dead, and takes no more exchanges. */
  suspectConnection(): void;
  /** An exchange failed for a reason that lies with the address. */
  suspectAddress(): void;
  /** The stream has ended, with a whole response or without. Its exchange is settled, or given on, right after this. */
  streamEnded(stream: H2Stream, outcome: 'answered' | 'lost'): void;
  /** The exchange, which no server has looked at or which may be sent twice, is to be sent again. */
  repeat(exchange: Exchange): void;
  /** The server wants this exchange over HTTP/1.1. */
  http1Required(exchange: Exchange): void;
}

/** What the session has done before a stream begins. */
export interface SessionPast {
  /** Streams that were begun on it. */
  readonly begun: number;
  /** Responses that came whole. */
  readonly answered: number;
}

/**
 * One exchange as a stream of a session.
 *
 * Lent memory is quiet as soon as the stream has closed: nothing but `#received` writes into `into`, and what of a body was not sent by then is
 * dropped (what was sent, TLS has encrypted). So a request that ends badly costs its stream, never its connection.
 */
export class H2Stream implements Holder {
  readonly #exchange: Exchange;
  readonly #host: H2StreamHost;
  readonly #settings: ConnectionSettings;
  readonly #past: SessionPast;
  readonly #stream: ClientHttp2Stream;
  readonly #deadline: Deadline;
  readonly #upload: H2Upload | undefined;

  #state: 'open' | 'closing' | 'ended' = 'open';
  #head: H2ResponseHead | undefined;
  #body: H2Body | undefined;
  #firstByteMs = 0;
  /** What the exchange ends with when the stream has closed. */
  #response: WireResponse | undefined;
  #failure: unknown;
  #streamError: Error | undefined;

  /** Sends the request. Throws what node:http2 says of one that cannot be sent. */
  constructor(
    exchange: Exchange,
    session: ClientHttp2Session,
    host: H2StreamHost,
    settings: ConnectionSettings,
    past: SessionPast,
  ) {
    this.#exchange = exchange;
    this.#host = host;
    this.#settings = settings;
    this.#past = past;
    const { request, bodyBytes } = exchange;
    const parts = bodyBytes === 0 ? undefined : request.body;
    const stream = session.request(h2RequestHeaders(exchange, host.authority), { endStream: parts === undefined });
    this.#stream = stream;
    exchange.holder = this;
    stream.on('headers', this.#interim);
    stream.once('response', this.#answered);
    stream.once('end', this.#ended);
    stream.on('error', this.#errored);
    stream.once('close', this.#closed);
    const { firstByteMs, stallMs } = settings.timeouts;
    this.#deadline = new Deadline(Math.min(firstByteMs, stallMs), this.#timeUp);
    this.#upload = parts === undefined ? undefined : new H2Upload(stream, parts, this.#uploadMoved);
    this.#wait(performance.now());
    this.#upload?.start();
  }

  abandon(exchange: Exchange, error: WireError): void {
    if (this.#exchange !== exchange) return;
    // Also when the stream is closing already: what would have been repeated is now given up.
    this.#failure = error;
    this.#fail(error);
  }

  close(error: WireError): void {
    this.abandon(this.#exchange, error);
  }

  get #isUploading(): boolean {
    return this.#upload !== undefined && !this.#upload.done;
  }

  /** Something has moved: waits for the next of it. */
  #wait(nowMs: number): void {
    const { firstByteMs, stallMs } = this.#settings.timeouts;
    this.#deadline.set(nowMs, this.#isUploading || this.#firstByteMs > 0 ? stallMs : firstByteMs);
  }

  readonly #uploadMoved = (): void => {
    if (this.#state === 'open') this.#wait(performance.now());
  };

  readonly #interim = (): void => {
    if (this.#state !== 'open') return;
    const nowMs = performance.now();
    if (this.#firstByteMs === 0) this.#firstByteMs = nowMs;
    this.#wait(nowMs);
  };

  readonly #answered = (raw: IncomingHttpHeaders & IncomingHttpStatusHeader): void => {
    this.#interim();
    if (this.#state !== 'open') return;
    const { request } = this.#exchange;
    try {
      const head = readH2Head(raw, request.method, this.#settings.limits.maxHeadBytes);
      this.#head = head;
      const { contentLength, status } = head;
      const { digest } = this.#exchange;
      this.#body = new H2Body({ status, contentLength, into: request.into, digest }, this.#settings.limits);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#stream.on('data', this.#received);
  };

  readonly #received = (bytes: Uint8Array): void => {
    if (this.#state !== 'open' || this.#body === undefined) return;
    this.#wait(performance.now());
    try {
      if (!this.#body.take(bytes)) this.#succeed();
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #ended = (): void => {
    if (this.#state !== 'open') return;
    const { destroyed, rstCode } = this.#stream;
    // A stream that was reset, or whose connection has ended, ends too: `close`, behind this, knows why. Reset with NO_ERROR it would wait for an
    // upload that nobody takes any more.
    if (destroyed || (rstCode !== undefined && rstCode !== constants.NGHTTP2_NO_ERROR)) return;
    if (this.#body === undefined) this.#fail(this.#lostError(constants.NGHTTP2_NO_ERROR));
    else if (this.#head?.contentLength === undefined || this.#body.isWhole) this.#succeed();
    else this.#fail(this.#truncatedError());
  };

  readonly #errored = (error: Error): void => {
    this.#streamError ??= error;
  };

  /** The response is whole, or more of it is of no use. */
  #succeed(): void {
    const exchange = this.#exchange;
    const head = this.#head;
    const body = this.#body;
    if (head === undefined || body === undefined) return;
    let digest: string | undefined;
    try {
      digest = body.finish();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#response = {
      status: head.status,
      headers: head.headers,
      bodyBytes: body.byteLength,
      body: body.own,
      timing: { startMs: exchange.startMs, firstByteMs: this.#firstByteMs, endMs: performance.now() },
      digest,
      protocol: 'h2',
      reusedConnection: this.#past.begun > 0,
      remoteAddress: this.#host.remoteAddress,
    };
    // Once both sides have said their last nothing of it is left but its name. Else somebody has to be told to stop.
    if (this.#stream.readableEnded && !this.#isUploading) this.#settle();
    else this.#shut();
  }

  readonly #timeUp = (): void => {
    this.#host.suspectConnection();
    const awaited = this.#isUploading ? 'upload' : this.#firstByteMs === 0 ? 'first byte' : 'response';
    this.#fail(timeoutError(awaited, this.#settings.timeouts, this.#facts));
  };

  #fail(failure: unknown): void {
    if (this.#state !== 'open') return;
    this.#failure = failure;
    this.#shut();
  }

  /** Tells the server to stop, and waits for the stream to close. */
  #shut(): void {
    this.#state = 'closing';
    this.#deadline.stop();
    this.#upload?.stop();
    this.#stream.close(constants.NGHTTP2_CANCEL);
    // A stream that was closed ends when its RST_STREAM is out, for which a connection that is stuck has no room; one that was destroyed, at once.
    this.#stream.destroy();
  }

  readonly #closed = (): void => {
    // Reset behind its last byte.
    if (this.#state === 'open' && this.#body?.isWhole === true) this.#succeed();
    this.#settle();
  };

  #settle(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#deadline.stop();
    this.#upload?.stop();
    const exchange = this.#exchange;
    this.#host.streamEnded(this, this.#response === undefined ? 'lost' : 'answered');
    if (this.#response !== undefined) {
      exchange.succeed(this.#response);
      return;
    }
    if (this.#failure !== undefined) {
      this.#reject(this.#failure);
      return;
    }
    const code = this.#stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
    const untouched = this.#firstByteMs === 0;
    if (untouched && code === constants.NGHTTP2_HTTP_1_1_REQUIRED) this.#host.http1Required(exchange);
    else if (untouched && !exchange.repeated && this.#mayRepeat(code)) this.#host.repeat(exchange);
    else this.#reject(this.#lostError(code));
  }

  /**
   * Whether the server has not looked at the request, as it says, or may be sent it twice: then only where the connection had shown that it works, as
   * a kept connection of HTTP/1.1 has.
   */
  #mayRepeat(code: number): boolean {
    const id = this.#stream.id ?? Number.POSITIVE_INFINITY;
    if (code === constants.NGHTTP2_REFUSED_STREAM || this.#host.neverSaw(id)) return true;
    return this.#host.isGone && this.#past.answered > 0 && this.#exchange.request.method !== 'POST';
  }

  #reject(failure: unknown): void {
    if (!WireError.is(failure)) {
      this.#exchange.fail(failure);
      return;
    }
    if (suspectCodes.has(failure.code)) this.#host.suspectAddress();
    this.#exchange.fail(withAddress(failure, this.#host.remoteAddress));
  }

  #lostError(code: number): WireError {
    const when = this.#head === undefined ? 'before a response came' : 'before the response was whole';
    if (this.#host.isGone) return this.#withStatus(this.#host.resetError(when, this.#streamError));
    if (code === constants.NGHTTP2_PROTOCOL_ERROR) {
      // node:http2 itself resets a stream by this code whose frames do not make a response, or not one of the announced length.
      return this.#head === undefined
        ? protocolError('its frames do not make an HTTP/2 response')
        : this.#truncatedError();
    }
    const name = codeNames[code] ?? `code ${code}`;
    return this.#error('RESET', `${this.#host.remoteAddress} reset the stream ${when} (${name})`);
  }

  #truncatedError(): WireError {
    const announced = this.#head?.contentLength;
    const of = announced === undefined ? '' : ` of ${announced}`;
    return this.#error('TRUNCATED', `the body ended after ${this.#body?.byteLength ?? 0}${of} bytes`);
  }

  #withStatus({ code, message, cause }: WireError): WireError {
    return this.#error(code, message, cause);
  }

  #error(code: WireError['code'], message: string, cause?: unknown): WireError {
    return new WireError(code, message, { ...this.#facts, cause });
  }

  get #facts(): { readonly remoteAddress: string; readonly status: number | undefined } {
    return { remoteAddress: this.#host.remoteAddress, status: this.#head?.status };
  }
}

/** Error codes by number (RFC 9113, section 7). */
const codeNames: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];
