import { type ClientHttp2Session, connect, type Settings } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import {
  addressText,
  type ConnectionAddress,
  type ConnectionSettings,
  isAddressFailure,
  withAddress,
} from '../connection.ts';
import { Deadline } from '../deadline.ts';
import { timeoutError, WireError } from '../errors.ts';
import type { Exchange, Holder } from '../exchange.ts';
import { takeOut } from '../take-out.ts';
import type { TlsPeer } from '../tls.ts';
import type { WireErrorCode } from '../types.ts';
import { H2Stream, type H2StreamHost } from './stream.ts';

/** Where sessions go. */
export interface H2Endpoint {
  readonly address: string;
  readonly port: number;
  readonly tls: TlsPeer;
  /** What requests name as the host that they are for. */
  readonly authority: string;
}

/** The address that a session goes to, as the session sees it. */
export interface H2Address extends ConnectionAddress {
  /** An exchange is here no longer. It is settled, or given on by `connectionFailed` or `connectionStale`, right after this. */
  exchangeLeft(): void;
  /** Its socket has closed, and its exchanges have ended. */
  connectionClosed(session: H2Session): void;
}

/** Whoever keeps the session. */
export interface H2SessionOwner {
  readonly address: H2Address;
  /** The server has said how much it takes: the session is about to begin what waited, up to that. */
  sessionOpened(session: H2Session): void;
  /** The server chose HTTP/1.1, or nothing. These waited. */
  http1Chosen(waiting: readonly Exchange[]): void;
  /** The server wants this exchange over HTTP/1.1, though it had chosen HTTP/2. It has left. */
  http1Required(exchange: Exchange): void;
  /** The session takes no more, and this one, which waited, has not begun. */
  exchangeOver(exchange: Exchange): void;
  /** It takes no more exchanges. */
  sessionLost(session: H2Session): void;
}

/**
 * One connection that offers HTTP/2 and, where the server chooses it, carries many exchanges at once.
 *
 * Exchanges wait on it until the server's SETTINGS have come, one round trip behind TLS: only then is it known how many it takes, and a server that
 * chooses `h2` and then says nothing counts as one that does not answer a connection.
 *
 * A connection that turns out to speak HTTP/1.1 is closed, and another one made, since a socket of node:net reads either into lent memory
 * (`onread`, set when it is made) or for node:http2, which takes its handle over. That costs one handshake per address in the life of a client.
 */
export class H2Session implements Holder, H2StreamHost {
  readonly remoteAddress: string;
  readonly authority: string;
  readonly #endpoint: H2Endpoint;
  readonly #settings: ConnectionSettings;
  readonly #owner: H2SessionOwner;
  readonly #deadline: Deadline;
  readonly #socket: TLSSocket;
  #session: ClientHttp2Session | undefined;

  #state: 'connecting' | 'open' | 'draining' | 'closing' = 'connecting';
  readonly #waiting = new Set<Exchange>();
  readonly #streams: H2Stream[] = [];
  #maxStreams = 0;
  #begun = 0;
  #answered = 0;
  /** The last stream that the server has looked at, once it has said goodbye. */
  #lastSeenStream: number | undefined;
  /** What exchanges that still wait when the socket has closed fail with. */
  #failure: WireError | undefined;
  #socketError: Error | undefined;
  #socketClosed = false;

  constructor(endpoint: H2Endpoint, settings: ConnectionSettings, owner: H2SessionOwner) {
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.#owner = owner;
    this.authority = endpoint.authority;
    this.remoteAddress = addressText(endpoint.address, endpoint.port);
    const { connectMs } = settings.timeouts;
    this.#deadline = new Deadline(Math.min(connectMs, settings.idleMs), this.#timeUp);
    this.#deadline.set(performance.now(), connectMs);
    const socket = endpoint.tls.negotiate(endpoint.address, endpoint.port);
    socket.setNoDelay(true);
    socket.once('secureConnect', this.#secured);
    socket.on('error', this.#errored);
    socket.once('close', this.#closed);
    this.#socket = socket;
  }

  /** Whether it is yet to be seen how many exchanges it takes. */
  get isConnecting(): boolean {
    return this.#state === 'connecting';
  }

  get isIdle(): boolean {
    return this.#state === 'open' && this.#streams.length === 0;
  }

  /** Exchanges that it carries at most at a time; known once it is open. */
  get maxStreams(): number {
    return this.#maxStreams;
  }

  /** Exchanges that it carries, or that wait for it. */
  get load(): number {
    return this.#waiting.size + this.#streams.length;
  }

  /** Whether it is open and takes exchanges, though perhaps not one more right now. */
  get isUsable(): boolean {
    const session = this.#session;
    return this.#state === 'open' && session !== undefined && !session.closed && !session.destroyed;
  }

  get isGone(): boolean {
    return this.#socketClosed || this.#session === undefined || this.#session.destroyed;
  }

  /** Carries an exchange, as soon as it is open. Only while connecting or usable, and with room. */
  run(exchange: Exchange): void {
    if (this.#state === 'connecting') {
      exchange.holder = this;
      this.#waiting.add(exchange);
    } else {
      this.#begin(exchange);
    }
  }

  abandon(exchange: Exchange, error: WireError): void {
    if (!this.#waiting.has(exchange)) return;
    if (this.#waiting.size === 1) {
      // Nobody is left to connect for. It is settled when the socket has closed.
      this.#failure = error;
      this.#destroy();
      return;
    }
    this.#waiting.delete(exchange);
    this.#owner.address.exchangeLeft();
    exchange.fail(error);
  }

  /** Closes it; exchanges that it carries fail with `error`. */
  close(error: WireError): void {
    this.#failure ??= error;
    for (const stream of [...this.#streams]) stream.close(error);
    this.#destroy();
  }

  neverSaw(streamId: number): boolean {
    return this.#lastSeenStream !== undefined && streamId > this.#lastSeenStream;
  }

  resetError(when: string, streamError: Error | undefined): WireError {
    const error = this.#socketError ?? streamError;
    return this.#explain(error) ?? this.#error('RESET', `${this.remoteAddress} ended the connection ${when}`, error);
  }

  suspectConnection(): void {
    this.#drain();
  }

  suspectAddress(): void {
    this.#owner.address.connectionSuspect();
  }

  streamEnded(stream: H2Stream, outcome: 'answered' | 'lost'): void {
    takeOut(this.#streams, stream);
    if (outcome === 'answered') {
      this.#answered++;
      this.#owner.address.exchangeAnswered();
    }
    this.#owner.address.exchangeLeft();
    if (this.#streams.length === 0) this.#rest();
  }

  repeat(exchange: Exchange): void {
    exchange.holder = undefined;
    this.#owner.address.connectionStale(exchange);
  }

  http1Required(exchange: Exchange): void {
    exchange.holder = undefined;
    this.#owner.http1Required(exchange);
  }

  readonly #secured = (): void => {
    if (this.#state !== 'connecting') return;
    const socket = this.#socket;
    this.#owner.address.connectionOpened();
    if (socket.alpnProtocol !== 'h2') {
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const exchange of waiting) exchange.holder = undefined;
      this.#destroy();
      this.#owner.http1Chosen(waiting);
      return;
    }
    const settings: Settings = { enablePush: false, initialWindowSize: windowBytes, maxFrameSize: frameBytes };
    // The name is for ORIGIN and ALTSVC frames, which nobody asks for; requests bring their own.
    const session = connect('https://localhost', { createConnection: () => socket, settings });
    session.on('remoteSettings', this.#limited);
    session.on('goaway', this.#dismissed);
    session.on('error', this.#errored);
    session.setLocalWindowSize(windowBytes);
    this.#session = session;
  };

  /** The server says how many streams it takes at a time: at first, and whenever it changes its mind. */
  readonly #limited = ({ maxConcurrentStreams }: Settings): void => {
    this.#maxStreams = maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
    // One that takes none may do so later, and says that.
    if (this.#state !== 'connecting' || this.#maxStreams === 0) return;
    this.#state = 'open';
    this.#deadline.clear();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#owner.sessionOpened(this);
    for (const exchange of waiting) {
      if (this.#streams.length < this.#maxStreams) this.#begin(exchange);
      else this.#owner.exchangeOver(exchange);
    }
  };

  #begin(exchange: Exchange): void {
    const session = this.#session;
    if (session === undefined) return;
    if (this.#streams.length === 0) {
      this.#deadline.clear();
      this.#socket.ref();
    }
    const past = { begun: this.#begun++, answered: this.#answered };
    try {
      this.#streams.push(new H2Stream(exchange, session, this, this.#settings, past));
      this.#owner.address.exchangeBegun();
      if (this.#begun >= maxStreamsInAll) this.#drain();
    } catch (cause) {
      exchange.holder = undefined;
      this.#owner.address.exchangeLeft();
      if (this.#streams.length === 0) this.#rest();
      const reason = cause instanceof Error ? cause.message : String(cause);
      exchange.fail(new WireError('INVALID', `the request cannot be sent: ${reason}`, { cause }));
    }
  }

  /** The last stream has ended. */
  #rest(): void {
    if (this.isUsable) {
      this.#deadline.set(performance.now(), this.#settings.idleMs);
      this.#socket.unref();
    } else if (this.#socketClosed) {
      this.#owner.address.connectionClosed(this);
    } else {
      this.#destroy();
    }
  }

  /** The server says goodbye. By node:http2 the session takes no more, and ends with its last stream, or at once where the server names an error. */
  readonly #dismissed = (_code: number, lastStreamId: number): void => {
    this.#lastSeenStream = lastStreamId;
  };

  #drain(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#owner.sessionLost(this);
    if (this.#streams.length === 0) this.#destroy();
  }

  readonly #timeUp = (): void => {
    if (this.#state === 'connecting') {
      const { remoteAddress } = this;
      this.#failure ??= timeoutError('connection', this.#settings.timeouts, { remoteAddress });
    }
    this.#destroy();
  };

  readonly #errored = (error: Error): void => {
    this.#socketError ??= error;
  };

  /** Takes the session out of use. */
  #retire(): void {
    if (this.#state === 'connecting' || this.#state === 'open') this.#owner.sessionLost(this);
    this.#state = 'closing';
    this.#deadline.stop();
  }

  #destroy(): void {
    this.#retire();
    this.#session?.destroy();
    // The session waits until it has written its farewell, for which a connection that is stuck has no room.
    this.#socket.destroy();
  }

  readonly #closed = (): void => {
    this.#socketClosed = true;
    this.#retire();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    // Of a session with streams, the last of them says so: node:http2 closes them behind this.
    if (this.#streams.length === 0) this.#owner.address.connectionClosed(this);
    if (waiting.length === 0) return;
    const failure = this.#failure ?? this.#connectError();
    for (const exchange of waiting) {
      exchange.holder = undefined;
      this.#owner.address.exchangeLeft();
      if (isAddressFailure(failure)) this.#owner.address.connectionFailed(exchange, failure);
      else exchange.fail(failure);
    }
  };

  #connectError(): WireError {
    const error = this.#socketError;
    const reason = error === undefined ? 'the connection ended' : error.message;
    return this.#explain(error) ?? this.#error('CONNECT', `cannot connect to ${this.remoteAddress}: ${reason}`, error);
  }

  /** What HTTP/2 or TLS found wrong, where it was one of these. */
  #explain(error: Error | undefined): WireError | undefined {
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    // What nghttp2 says of frames that are none.
    if (code === 'ERR_HTTP2_ERROR') {
      return this.#error('PROTOCOL', `${this.remoteAddress} does not keep to HTTP/2: ${error?.message}`, error);
    }
    // A stream that was ended, or the server's goodbye with a reason.
    if (code?.startsWith('ERR_HTTP2') === true) return undefined;
    const tlsError = this.#endpoint.tls.explain(error);
    return tlsError === undefined ? undefined : withAddress(tlsError, this.remoteAddress);
  }

  #error(code: WireErrorCode, message: string, cause: unknown): WireError {
    return new WireError(code, message, { remoteAddress: this.remoteAddress, cause });
  }
}

/**
 * What the server may send ahead, on a stream and on the whole connection: no more than 64 KiB without being told. A window is emptied as its bytes come,
 * so it costs no memory; too small a one costs a round trip per window. 32 MiB is more than 10 Gbit/s × 20 ms, which is 25 MB, and than the 6 MiB
 * that Linux lets a connection's receive buffer grow to by default.
 */
const windowBytes = 33_554_432;
/** Half of the ids that a client has for streams (RFC 9113, section 5.1.1): 2^30 requests are 60 hours at 5,000 a second. */
const maxStreamsInAll = 536_870_912;
/**
 * What the server may send in one frame. A body in frames of 16 KiB, which is what it may without being told, costs a tenth more CPU; a frame of this
 * size keeps other streams waiting for 0.2 ms at 10 Gbit/s.
 */
const frameBytes = 262_144;
