import { connect, type Socket } from 'node:net';
import { KvferryError } from '@kvferry/core';
import {
  type AnswerHead,
  checksum,
  HEAD_BYTES,
  type OperationName,
  readAnswerHead,
  requestHead,
  type Status,
} from './protocol.ts';

export interface Request {
  readonly operation: OperationName;
  readonly name: string;
  /** What is sent behind the name, as it is. */
  readonly body?: readonly Uint8Array[] | undefined;
  /** Memory for the value that is asked for. */
  readonly into?: Uint8Array | undefined;
}

export interface Answer {
  readonly status: Status;
  /** Of a value that was read into the caller's memory, that memory. */
  readonly body: Buffer;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** An answer that is no value is a page of a list at most. */
const MAX_BODY_BYTES = 1024 * 1024;

interface Exchange {
  readonly into: Uint8Array | undefined;
  readonly done: PromiseWithResolvers<Answer>;
  head: AnswerHead | undefined;
  answer: Answer | undefined;
}

/**
 * One socket, with one request on it at a time.
 *
 * What ends a request badly destroys the socket, and the request settles after the socket's `close`: nothing writes to lent memory then.
 */
export class Connection {
  /** Resolves when the socket is gone. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #head: Buffer = Buffer.alloc(HEAD_BYTES);
  /** Where the next bytes go, behind those that have come. Never full, as Node takes a buffer without room for an error. */
  #target: Uint8Array = this.#head;
  #filledBytes = 0;
  #exchange: Exchange | undefined;
  #exchanges = 0;
  #heardSomething = false;
  #failure: KvferryError | undefined;

  constructor({ host, port }: Address, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    const onread = {
      // Bytes of a value go from the kernel to where they belong.
      buffer: () => this.#target.subarray(this.#filledBytes),
      callback: (byteLength: number) => this.#received(byteLength),
    };
    const socket = connect({ host, port, noDelay: true, onread });
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    this.#socket = socket;
    socket.on('timeout', () => this.#fail(new KvferryError('TIMEOUT', `nothing moved for ${timeoutMs} ms`)));
    socket.on('end', () => this.#fail(lost('the server ended the connection')));
    socket.on('error', (cause) => this.#fail(lost(cause.message, cause)));
    socket.once('close', () => {
      closed.resolve();
      this.#settle();
    });
  }

  /** Whether it takes another request. */
  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Whether it had been kept, and ended without a word on its last request: it may have ended before that was sent. */
  get wasStale(): boolean {
    return this.#exchanges > 1 && !this.#heardSomething && this.#failure?.code === 'CONNECTION';
  }

  async ask(request: Request, signal: AbortSignal): Promise<Answer> {
    const done = Promise.withResolvers<Answer>();
    this.#exchange = { into: request.into, done, head: undefined, answer: undefined };
    this.#exchanges += 1;
    this.#heardSomething = false;
    const abort = (): void => this.#fail(new KvferryError('ABORTED', 'the call was ended', { cause: signal.reason }));
    signal.addEventListener('abort', abort, { once: true });
    // It may have closed since it was kept: then nothing but this tells the exchange.
    if (this.#socket.closed) this.#settle();
    else if (signal.aborted) abort();
    else this.#send(request);
    try {
      return await done.promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  #send({ operation, name, body = [], into }: Request): void {
    const bodyBytes = body.reduce((sum, part) => sum + part.byteLength, 0);
    const size = into === undefined ? bodyBytes : Math.min(into.byteLength, 2 ** 32 - 1);
    this.#socket.setTimeout(this.#timeoutMs);
    this.#socket.cork();
    this.#socket.write(requestHead(operation, name, size, checksum(body)));
    for (const part of body) if (part.byteLength > 0) this.#socket.write(part);
    this.#socket.uncork();
  }

  #received(byteLength: number): boolean {
    this.#heardSomething = true;
    this.#filledBytes += byteLength;
    const exchange = this.#exchange;
    if (exchange === undefined || this.#socket.destroyed) {
      // Nobody asked.
      this.#target = this.#head;
      this.#filledBytes = 0;
      this.#socket.destroy();
    } else if (this.#filledBytes === this.#target.byteLength) {
      if (this.#target === this.#head) this.#headCame(exchange);
      else this.#bodyCame(exchange, this.#target);
    }
    return true;
  }

  #headCame(exchange: Exchange): void {
    this.#filledBytes = 0;
    const head = readAnswerHead(this.#head);
    if (head === undefined) {
      this.#fail(new KvferryError('CORRUPT', 'the answer was damaged on its way, or is none of kvtcp'));
      return;
    }
    exchange.head = head;
    const isValue = exchange.into !== undefined && head.status === 'ok';
    const roomBytes = isValue ? (exchange.into as Uint8Array).byteLength : MAX_BODY_BYTES;
    if (head.size > roomBytes) {
      this.#fail(
        new KvferryError('UNKNOWN', `the server sends ${head.size} bytes, where ${roomBytes} were due at most`),
      );
      return;
    }
    const body = isValue ? (exchange.into as Uint8Array).subarray(0, head.size) : new Uint8Array(head.size);
    if (head.size === 0) this.#bodyCame(exchange, body);
    else this.#target = body;
  }

  #bodyCame(exchange: Exchange, body: Uint8Array): void {
    this.#target = this.#head;
    this.#filledBytes = 0;
    const { status, bodyCrc } = exchange.head as AnswerHead;
    if (checksum([body]) !== bodyCrc) {
      this.#fail(new KvferryError('CORRUPT', 'what came does not match its checksum'));
      return;
    }
    exchange.answer = { status, body: Buffer.from(body.buffer, body.byteOffset, body.byteLength) };
    this.#socket.setTimeout(0);
    // A server that answers before it has heard everything: the rest of the value must not be read any more.
    if (this.#socket.writableLength > 0) this.#socket.destroy();
    else this.#settle();
  }

  #fail(failure: KvferryError): void {
    this.#failure ??= failure;
    this.#socket.destroy();
  }

  #settle(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (exchange?.answer !== undefined) exchange.done.resolve(exchange.answer);
    else exchange?.done.reject(this.#failure ?? lost('the connection ended'));
  }
}

function lost(reason: string, cause?: unknown): KvferryError {
  return new KvferryError('CONNECTION', `no whole answer: ${reason}`, { cause });
}
