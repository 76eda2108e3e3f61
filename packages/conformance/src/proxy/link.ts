import { once } from 'node:events';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Counters } from './counters.ts';
import { HttpMessages, requestFraming, responseFraming, statusOf } from './http-messages.ts';
import type { Direction, ProxyAnswer } from './types.ts';
import type { ConnectionFaults } from './wire-faults.ts';

/** What can be ended by a reset: a TCP socket, or what stands in for one. */
export interface Resettable extends Duplex {
  resetAndDestroy(): unknown;
}

/** Both ends of one connection. `raw` is the TCP socket below TLS, or the socket itself. */
export interface LinkEnds {
  readonly client: Duplex;
  readonly rawClient: Resettable;
  readonly store: Socket;
  readonly rawStore: Socket;
}

export interface LinkOptions {
  readonly speaksHttp: boolean;
  readonly counters: Counters;
  readonly faults: ConnectionFaults;
  /** What is answered in the store's place right now, if anything. */
  readonly currentAnswer: () => ProxyAnswer | undefined;
}

/** One request and its response. */
interface Exchange {
  readonly method: string;
  readonly closes: boolean;
  /** What it is answered in the store's place: since its head came, or since the store's own answer did. */
  answer: ProxyAnswer | undefined;
  /** Whether the store gets the request. */
  readonly forwarded: boolean;
  /** Whether the answer, in the store's place, can go out. */
  ready: boolean;
}

/** One connection of a backend, and the one to the store that goes with it. Bytes go both ways until either end is gone. */
export class Link {
  /** Resolves when both ends are gone. */
  readonly closed: Promise<unknown>;
  readonly #ends: LinkEnds;
  readonly #options: LinkOptions;
  readonly #exchanges: Exchange[] = [];
  readonly #requests: HttpMessages = new HttpMessages(requestFraming);
  readonly #responses: HttpMessages;
  /** What is on its way to the client, one after the other: from the store, and answers of our own. */
  #downLane: Promise<void> = Promise.resolve();
  /** Whether the store's response that comes in is one of the 1xx that stand before the response proper. */
  #interim = false;
  /** Whether what still comes of a request that was answered early is dropped. */
  #dropsRequest = false;
  #stalled = false;
  #ended = false;

  constructor(ends: LinkEnds, options: LinkOptions) {
    this.#ends = ends;
    this.#options = options;
    this.#responses = new HttpMessages((head) => responseFraming(head, this.#exchanges[0]?.method));
    const { client, store } = ends;
    this.closed = Promise.all([closeOf(client), closeOf(store)]);
    for (const end of [client, store]) {
      end.on('error', () => this.reset());
      end.once('close', () => this.end());
    }
    void this.#carryUp();
    void this.#carryDown();
  }

  /** Ends both connections where a fault keeps them open and silent. */
  endStalled(): void {
    if (this.#stalled) this.end();
  }

  /** Ends both connections. */
  end(): void {
    this.#forget();
    this.#ends.client.destroy();
    this.#ends.rawClient.destroy();
    this.#ends.store.destroy();
  }

  /** Ends both connections with a reset. */
  reset(): void {
    this.#forget();
    for (const socket of [this.#ends.rawClient, this.#ends.rawStore]) if (!socket.destroyed) socket.resetAndDestroy();
    this.end();
  }

  /** Requests of a connection that is gone are not open. */
  #forget(): void {
    if (this.#ended) return;
    this.#ended = true;
    const unanswered = this.#exchanges.length;
    this.#exchanges.length = 0;
    if (unanswered > 0) this.#options.counters.add({ openRequests: -unanswered });
  }

  async #carryUp(): Promise<void> {
    const { client, store } = this.#ends;
    await this.#carry(client, (bytes) => this.#through('up', bytes, (piece) => this.#takeUp(piece)));
    if (this.#ended) return;
    // An HTTP client that ends its side asks nothing more, and has given up what it asked. So has any, where we hold the connection.
    if (this.#stalled || this.#options.speaksHttp) this.end();
    else store.end();
  }

  async #carryDown(): Promise<void> {
    const { client, store } = this.#ends;
    await this.#carry(store, (bytes) => this.#takeDown(bytes));
    await this.#downLane;
    if (!this.#ended && !this.#stalled) client.end();
  }

  async #carry(source: Duplex, take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    try {
      for await (const bytes of source.iterator({ destroyOnReturn: false })) await take(bytes as Uint8Array);
    } catch {
      // The socket's own events have ended the link.
    }
  }

  /** Passes bytes of a direction on, with what the faults do to them. */
  async #through(direction: Direction, bytes: Uint8Array, pass: (piece: Uint8Array) => Promise<void>): Promise<void> {
    // What comes behind a stall is read and dropped, so that the end of the connection is still seen.
    if (this.#ended || (this.#stalled && direction === 'up')) return;
    for (const step of this.#options.faults.steps(direction, bytes)) {
      if (this.#ended) return;
      if (step.kind === 'pass') {
        this.#options.counters.add(
          direction === 'up' ? { bytesUp: step.bytes.byteLength } : { bytesDown: step.bytes.byteLength },
        );
        await pass(step.bytes);
      } else if (step.kind === 'turn') {
        await nextTurn();
      } else if (step.kind === 'reset') {
        this.reset();
      } else if (step.kind === 'truncate') {
        this.#forget();
        this.#ends.client.end(() => this.end());
        this.#ends.store.end();
      } else {
        this.#stalled = true;
        if (direction === 'down') await this.closed;
      }
    }
  }

  async #takeUp(bytes: Uint8Array): Promise<void> {
    const { store } = this.#ends;
    if (!this.#options.speaksHttp) return await write(store, bytes);
    if (this.#dropsRequest) return;
    for (const piece of this.#requests.push(bytes)) {
      if (piece.kind === 'head') this.#begin(piece.head.startLine, piece.head.headers);
      const exchange = this.#exchanges.at(-1);
      const forwarded = exchange?.forwarded ?? true;
      if (piece.kind !== 'end') {
        if (forwarded) await write(store, piece.bytes);
      } else if (exchange !== undefined && !forwarded) {
        exchange.ready = true;
        await this.#answerReady();
      }
    }
  }

  #begin(startLine: string, headers: ReadonlyMap<string, string>): void {
    const answer = this.#options.currentAnswer();
    const forwarded = answer === undefined || answer.afterSuccess;
    // Who waits for leave to send its body is told at once; whether the body still comes is then unknown, so the connection ends.
    const closes = !forwarded && /100-continue/i.test(headers.get('expect') ?? '');
    const method = startLine.split(' ', 1)[0] ?? '';
    this.#exchanges.push({ method, closes, answer: forwarded ? undefined : answer, forwarded, ready: closes });
    this.#options.counters.add({ requests: 1, openRequests: 1 });
    if (closes) {
      this.#dropsRequest = true;
      void this.#answerReady();
    }
  }

  async #takeDown(bytes: Uint8Array): Promise<void> {
    if (!this.#options.speaksHttp) return await this.#sendDown(bytes);
    for (const piece of this.#responses.push(bytes)) {
      const exchange = this.#exchanges[0];
      if (piece.kind === 'head') {
        this.#interim = statusOf(piece.head) < 200;
        if (!this.#interim && exchange !== undefined) exchange.answer = this.#options.currentAnswer();
      }
      if (piece.kind !== 'end') {
        if (exchange?.answer === undefined) await this.#sendDown(piece.bytes);
      } else if (exchange !== undefined && !this.#interim) {
        if (exchange.answer !== undefined) exchange.ready = true;
        else this.#finish(exchange);
        await this.#answerReady();
      }
    }
  }

  /** Sends the answers of our own whose turn it is. */
  async #answerReady(): Promise<void> {
    const exchange = this.#exchanges[0];
    if (exchange?.answer === undefined || !exchange.ready) return;
    exchange.ready = false;
    await this.#sendDown(answerBytes(exchange));
    this.#finish(exchange);
    if (exchange.closes) this.#ends.client.end();
    else await this.#answerReady();
  }

  #finish(exchange: Exchange): void {
    if (this.#exchanges[0] !== exchange) return;
    this.#exchanges.shift();
    this.#options.counters.add({ openRequests: -1 });
  }

  #sendDown(bytes: Uint8Array): Promise<void> {
    const { client } = this.#ends;
    this.#downLane = this.#downLane.then(() => this.#through('down', bytes, (piece) => write(client, piece)));
    return this.#downLane;
  }
}

function answerBytes({ method, closes, answer }: Exchange): Uint8Array {
  if (answer === undefined) return new Uint8Array(0);
  const { status, headers, body } = answer;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(closes ? ['Connection: close'] : []),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : body}`);
}

/** Writes, and waits while the socket has enough. */
async function write(socket: Duplex, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed || socket.writableEnded || socket.write(bytes)) return;
  const quit = new AbortController();
  const { signal } = quit;
  try {
    await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]);
  } catch {
    // Its end is seen to elsewhere.
  } finally {
    quit.abort();
  }
}

async function closeOf(socket: Duplex): Promise<void> {
  if (socket.closed) return;
  const closed = Promise.withResolvers<void>();
  socket.once('close', () => closed.resolve());
  await closed.promise;
}
