import { connect as connectTcp, type Socket } from 'node:net';
import { Deadline } from './deadline.ts';
import { type TimedWait, timeoutError, WireError } from './errors.ts';
import type { Exchange, Holder } from './exchange.ts';
import { type ReaderLimits, ResponseReader } from './response-reader.ts';
import type { TlsPeer } from './tls.ts';
import type { WireResponse, WireTimeouts } from './types.ts';
import { Upload } from './upload.ts';

/** What a connection is made with. */
export interface ConnectionSettings {
  readonly limits: ReaderLimits;
  readonly timeouts: WireTimeouts;
  readonly idleMs: number;
}

/** Where a connection goes. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** Speaks TLS with this peer; without it, plain TCP. */
  readonly tls: TlsPeer | undefined;
}

/** The address that connections go to, as those of either protocol see it. */
export interface ConnectionAddress {
  /** A connection is there, whatever it speaks. */
  connectionOpened(): void;
  /** No connection came to be; its socket has closed. */
  connectionFailed(exchange: Exchange, error: WireError): void;
  /** An exchange goes out. */
  exchangeBegun(): void;
  /** An exchange has its response, whole. */
  exchangeAnswered(): void;
  /** To be sent again on a fresh connection. Of HTTP/1.1: one that had been idle has ended under it before the first byte of a response. */
  connectionStale(exchange: Exchange): void;
  /** An exchange failed for a reason that lies with the address. */
  connectionSuspect(): void;
}

/** Whoever keeps the connection. */
export interface ConnectionOwner extends ConnectionAddress {
  /** Ready for the next exchange. */
  connectionIdle(connection: Connection): void;
  /** It takes no more exchanges, and was under one. Its socket is yet to close. */
  busyConnectionLost(): void;
  /** It takes no more exchanges, and waited for one. Its socket is yet to close. */
  idleConnectionLost(connection: Connection): void;
  /** Its socket has closed: no memory is touched any more. */
  connectionClosed(connection: Connection): void;
}

/**
 * One socket that carries one exchange at a time.
 *
 * Whatever ends an exchange badly destroys the socket, and the exchange settles after the socket's `close`: only then has the kernel's last
 * word on lent memory been said.
 */
export class Connection implements Holder {
  readonly remoteAddress: string;
  readonly #endpoint: Endpoint;
  readonly #settings: ConnectionSettings;
  readonly #owner: ConnectionOwner;
  readonly #reader: ResponseReader;
  readonly #deadline: Deadline;
  readonly #socket: Socket;
  readonly #destroySocket: Socket['destroy'];

  #state: 'connecting' | 'idle' | 'busy' | 'closing' = 'connecting';
  #exchange: Exchange | undefined;
  #upload: Upload | undefined;
  #exchanges = 0;
  #firstByteMs = 0;
  #reads = 0;
  /** What the read under way has room for. */
  #roomBytes = 0;
  #idleUntilMs = Number.POSITIVE_INFINITY;
  /** What the exchange ends with: when the socket has closed, or nothing has come behind it. */
  #response: WireResponse | undefined;
  #failure: unknown;
  #socketError: Error | undefined;

  /** Connects, and then carries `exchange`. */
  constructor(endpoint: Endpoint, settings: ConnectionSettings, owner: ConnectionOwner, exchange: Exchange) {
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.#owner = owner;
    this.#exchange = exchange;
    exchange.holder = this;
    this.remoteAddress = addressText(endpoint.address, endpoint.port);
    this.#reader = new ResponseReader(settings.limits);
    const { connectMs, firstByteMs, stallMs } = settings.timeouts;
    this.#deadline = new Deadline(Math.min(connectMs, firstByteMs, stallMs, settings.idleMs), this.#timeUp);
    this.#deadline.set(performance.now(), connectMs);
    this.#socket = this.#connect();
    this.#destroySocket = this.#socket.destroy;
    this.#socket.destroy = this.#destroyRequested;
  }

  /** Carries an exchange. Only while idle. */
  run(exchange: Exchange): void {
    this.#exchange = exchange;
    exchange.holder = this;
    this.#socket.ref();
    this.#begin(exchange);
  }

  /** Whether it may be used at `nowMs`: late timers must not let a request onto a connection that the server is about to close. */
  isFresh(nowMs: number): boolean {
    return this.#state === 'idle' && nowMs < this.#idleUntilMs;
  }

  abandon(exchange: Exchange, error: WireError): void {
    if (this.#exchange !== exchange) return;
    // Also when the socket is closing already: what would have been repeated, or tried elsewhere, is now given up.
    this.#failure = error;
    this.#fail(error);
  }

  /** Closes it; an exchange that it carries fails with `error`. */
  close(error: WireError): void {
    if (this.#exchange === undefined) this.#destroy();
    else this.#fail(error);
  }

  #connect(): Socket {
    const { address, port, tls } = this.#endpoint;
    const onread = { buffer: this.#nextBuffer, callback: this.#received };
    const socket = tls === undefined ? connectTcp({ host: address, port, onread }) : tls.connect(address, port, onread);
    socket.setNoDelay(true);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', this.#opened);
    socket.once('end', this.#ended);
    socket.on('timeout', this.#uploadStalled);
    socket.on('error', this.#errored);
    socket.once('close', this.#closed);
    return socket;
  }

  readonly #opened = (): void => {
    const exchange = this.#exchange;
    if (this.#state !== 'connecting' || exchange === undefined) return;
    this.#owner.connectionOpened();
    this.#begin(exchange);
  };

  #begin(exchange: Exchange): void {
    this.#state = 'busy';
    this.#exchanges++;
    this.#reads = 0;
    this.#firstByteMs = 0;
    this.#owner.exchangeBegun();
    const { request } = exchange;
    this.#reader.expect(request.method, request.into, exchange.digest);
    const { stallMs, firstByteMs } = this.#settings.timeouts;
    if (exchange.bodyBytes === 0 || request.body === undefined) {
      this.#upload = undefined;
      this.#deadline.set(performance.now(), firstByteMs);
      this.#socket.write(exchange.head, 'latin1');
      return;
    }
    // While it uploads, the socket's own timer watches: it alone sees the kernel take a part of a write.
    this.#deadline.clear();
    this.#socket.setTimeout(stallMs);
    const sliceBytes = this.#endpoint.tls === undefined ? Number.POSITIVE_INFINITY : tlsSliceBytes;
    this.#upload = new Upload(this.#socket, request.body, sliceBytes, this.#uploaded);
    this.#upload.start(exchange.head);
  }

  readonly #uploaded = (): void => {
    this.#socket.setTimeout(0);
    const { stallMs, firstByteMs } = this.#settings.timeouts;
    this.#deadline.set(performance.now(), this.#reads === 0 ? firstByteMs : stallMs);
  };

  readonly #uploadStalled = (): void => {
    if (this.#state === 'busy') this.#fail(this.#timeoutError('upload'));
  };

  readonly #nextBuffer = (): Uint8Array => {
    const buffer = this.#reader.buffer();
    this.#roomBytes = buffer.length;
    return buffer;
  };

  readonly #received = (byteLength: number): boolean => {
    if (this.#state === 'closing') return true;
    if (this.#response !== undefined) {
      // Behind a whole response.
      this.#destroy();
      return true;
    }
    const nowMs = performance.now();
    if (this.#reads++ === 0) this.#firstByteMs = nowMs;
    try {
      this.#reader.received(byteLength);
    } catch (error) {
      this.#fail(error);
      return true;
    }
    if (this.#reader.done) this.#finish(nowMs, byteLength === this.#roomBytes);
    else if (this.#upload === undefined || this.#upload.done)
      this.#deadline.set(nowMs, this.#settings.timeouts.stallMs);
    return true;
  };

  /** The response is whole, or nobody asked for what came. `mayHoldMore`: the kernel may hold what came behind it. */
  #finish(nowMs: number, mayHoldMore: boolean): void {
    const exchange = this.#exchange;
    const head = this.#reader.head;
    if (exchange === undefined || head === undefined) {
      this.#destroy();
      return;
    }
    const response: WireResponse = {
      status: head.status,
      headers: head.headers,
      bodyBytes: this.#reader.bodyBytes,
      body: this.#reader.body,
      timing: { startMs: exchange.startMs, firstByteMs: this.#firstByteMs, endMs: nowMs },
      digest: this.#reader.digest,
      protocol: 'http/1.1',
      reusedConnection: this.#exchanges > 1,
      remoteAddress: this.remoteAddress,
    };
    this.#owner.exchangeAnswered();
    const idleMs = Math.min(this.#settings.idleMs, keepAliveMs(head.headers.get('keep-alive')));
    if (!this.#reader.reusable || idleMs <= 0 || (this.#upload !== undefined && !this.#upload.done)) {
      this.#response = response;
      this.#destroy();
      return;
    }
    if (!mayHoldMore) {
      this.#keep(exchange, response, idleMs);
      return;
    }
    // A body in lent memory is read to its last byte and no further. Behind a read that was full the socket is read again in this turn: what
    // comes then would be taken for the response to the next request.
    this.#response = response;
    this.#deadline.clear();
    setImmediate(() => {
      if (this.#state !== 'busy') return;
      this.#response = undefined;
      this.#keep(exchange, response, idleMs);
    });
  }

  /** Hands the response over, and keeps the connection for another exchange. */
  #keep(exchange: Exchange, response: WireResponse, idleMs: number): void {
    const nowMs = response.timing.endMs;
    this.#exchange = undefined;
    this.#upload = undefined;
    this.#state = 'idle';
    this.#idleUntilMs = nowMs + idleMs;
    this.#deadline.set(nowMs, idleMs);
    this.#socket.unref();
    this.#owner.connectionIdle(this);
    exchange.succeed(response);
  }

  readonly #ended = (): void => {
    if (this.#state !== 'busy' || this.#response !== undefined) {
      this.#destroy();
      return;
    }
    try {
      this.#reader.ended();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#finish(performance.now(), false);
  };

  readonly #timeUp = (): void => {
    if (this.#state === 'idle') this.#destroy();
    else if (this.#state === 'connecting') this.#fail(this.#timeoutError('connection'));
    else this.#fail(this.#timeoutError(this.#reads === 0 ? 'first byte' : 'response'));
  };

  readonly #errored = (error: Error): void => {
    this.#socketError ??= error;
  };

  #fail(failure: unknown): void {
    if (this.#state === 'closing') return;
    this.#failure = failure;
    this.#destroy();
  }

  #destroy(): void {
    this.#retire();
    this.#destroySocket.call(this.#socket);
  }

  /** Takes the connection out of use. */
  #retire(): void {
    if (this.#state === 'closing') return;
    if (this.#state === 'idle') this.#owner.idleConnectionLost(this);
    else this.#owner.busyConnectionLost();
    this.#state = 'closing';
    this.#deadline.stop();
    this.#upload?.stop();
    this.#reader.abandon();
  }

  /**
   * Stands in for the socket's own `destroy`. A failed write destroys a socket, and what the server said before it hung up, a 403 or a 412 in
   * the middle of an upload, would be lost with it. So while a response is expected, what the kernel still holds is read first.
   */
  readonly #destroyRequested = (error?: Error): Socket => {
    const isWrite = (error as NodeJS.ErrnoException | undefined)?.syscall === 'write';
    if (!isWrite || this.#state !== 'busy') return this.#destroySocket.call(this.#socket, error);
    this.#upload?.stop();
    this.#socketError ??= error;
    let seenReads = this.#reads;
    let quietTurns = 0;
    const look = (): void => {
      if (this.#state === 'closing') return;
      quietTurns = this.#reads === seenReads ? quietTurns + 1 : 0;
      seenReads = this.#reads;
      // The peer has gone, so all there will ever be is in the kernel already. Two turns hold at least one whole poll of this socket.
      if (quietTurns < 2) setImmediate(look);
      else this.#destroySocket.call(this.#socket, error);
    };
    setImmediate(look);
    return this.#socket;
  };

  readonly #closed = (): void => {
    this.#retire();
    this.#owner.connectionClosed(this);
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#upload = undefined;
    if (exchange === undefined) return;
    if (this.#response !== undefined) exchange.succeed(this.#response);
    else if (this.#exchanges === 0) this.#settleConnecting(exchange);
    else this.#settleBroken(exchange);
  };

  #settleConnecting(exchange: Exchange): void {
    const failure = this.#failure ?? this.#connectError();
    if (isAddressFailure(failure)) this.#owner.connectionFailed(exchange, failure);
    else exchange.fail(failure);
  }

  #settleBroken(exchange: Exchange): void {
    const failure = this.#failure ?? this.#resetError();
    const isReset = WireError.is(failure) && failure.code === 'RESET';
    const isStale = isReset && this.#exchanges > 1 && this.#reads === 0;
    if (isStale && !exchange.repeated && exchange.request.method !== 'POST') {
      exchange.holder = undefined;
      this.#owner.connectionStale(exchange);
      return;
    }
    if (WireError.is(failure) && suspectCodes.has(failure.code)) this.#owner.connectionSuspect();
    exchange.fail(WireError.is(failure) ? withAddress(failure, this.remoteAddress) : failure);
  }

  #connectError(): WireError {
    const error = this.#socketError;
    const tlsError = this.#endpoint.tls?.explain(error);
    if (tlsError !== undefined) return withAddress(tlsError, this.remoteAddress);
    const reason = error === undefined ? 'the connection ended' : error.message;
    return this.#error('CONNECT', `cannot connect to ${this.remoteAddress}: ${reason}`, error);
  }

  #resetError(): WireError {
    const error = this.#socketError;
    const tlsError = this.#endpoint.tls?.explain(error);
    if (tlsError !== undefined) return withAddress(tlsError, this.remoteAddress);
    const when = this.#reads === 0 ? 'before a response came' : 'before the response was whole';
    return this.#error('RESET', `${this.remoteAddress} ended the connection ${when}`, error);
  }

  #timeoutError(awaited: TimedWait): WireError {
    return timeoutError(awaited, this.#settings.timeouts, this.#facts);
  }

  #error(code: WireError['code'], message: string, cause: unknown): WireError {
    return new WireError(code, message, { ...this.#facts, cause });
  }

  get #facts(): { readonly remoteAddress: string; readonly status: number | undefined } {
    return { remoteAddress: this.remoteAddress, status: this.#reads === 0 ? undefined : this.#reader.head?.status };
  }
}

/** The error, and whom it is of where it does not say so. */
export function withAddress(error: WireError, remoteAddress: string): WireError {
  if (error.remoteAddress !== undefined) return error;
  const { code, message, requiredBytes, status, cause } = error;
  return new WireError(code, message, { requiredBytes, status, cause, remoteAddress });
}

/** `ip:port`, with brackets around an IPv6 address. */
export function addressText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * Bytes written at once over TLS: one large write costs 1.4–1.6 CPU seconds per GiB, slices of 256 KiB to 1 MiB cost 0.57–0.65. Over plain
 * TCP a part goes out as it is, which costs a fifth less than slices of 256 KiB.
 */
const tlsSliceBytes = 262_144;

/** What a request fails with for a reason that lies with the address. */
export const suspectCodes: ReadonlySet<string> = new Set(['RESET', 'TRUNCATED', 'FIRST_BYTE_TIMEOUT', 'STALL_TIMEOUT']);

/** Whether a connection did not come to be, so that another address may be tried. */
export function isAddressFailure(failure: unknown): failure is WireError {
  return WireError.is(failure) && (failure.code === 'CONNECT' || failure.code === 'CONNECT_TIMEOUT');
}

/** How long the server keeps an idle connection, less a second for the way; without end where it does not say. */
function keepAliveMs(header: string | undefined): number {
  const seconds = header === undefined ? undefined : /(?:^|[,\s])timeout=(\d{1,9})/i.exec(header)?.[1];
  return seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds) * 1000 - 1000;
}
