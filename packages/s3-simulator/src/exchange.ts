/** One request and its answer on the wire, with the fault that strikes it. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { ClientGone } from './failures.ts';
import type { Line } from './line.ts';
import type { Reply } from './reply.ts';
import type { RequestEntry } from './request-log.ts';
import type { FaultEffect } from './types.ts';

/** An upload that is refused keeps its connection where no more than this is left of it, which the request's own buffer takes. */
const DRAIN_BYTES = 64 * 1024;
/** How long a refused client may go on sending before its connection is cut. */
const LINGER_MS = 5000;
/** Between the last byte and a reset: a reset overtakes what the kernel has not delivered yet. */
const RESET_AFTER_MS = 20;

export class Exchange {
  effect: FaultEffect | undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #entry: RequestEntry;
  readonly #line: Line;
  readonly #expectsContinue: boolean;
  readonly #gone: Promise<never>;
  #isGone = false;
  #isAnswered = false;
  #continued = false;
  #pulled = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    options: { readonly entry: RequestEntry; readonly line: Line; readonly expectsContinue: boolean },
  ) {
    this.#request = request;
    this.#response = response;
    this.#entry = options.entry;
    this.#line = options.line;
    this.#expectsContinue = options.expectsContinue;
    this.#gone = new Promise((_resolve, reject) => {
      response.once('close', () => {
        this.#isGone = true;
        // Not after every answer: the stack of an error costs more than signing does.
        if (!this.#isAnswered) reject(new ClientGone());
      });
    });
    this.#gone.catch(() => {});
    // Its end is seen by `close`; without a listener the error would end the process.
    request.on('error', () => {});
  }

  /** Whether the answer has gone out, whole as far as this server knows. A stream that was reset counts as finished to node:http2. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  get isUpload(): boolean {
    const { headers } = this.#request;
    return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  }

  /** Strikes where the fault leaves no room for an answer or a body: then this never resolves, or rejects with ClientGone. */
  async strikeAtHead(): Promise<void> {
    const effect = this.effect;
    if (effect?.kind === 'stall' && effect.afterBytes === 'head') await this.#gone;
    if (effect?.kind === 'reset' && effect.afterBytes === 'head') this.#reset();
  }

  /** The body, piece by piece; see `PullBody`. */
  async pullBody(onData: (piece: Uint8Array) => Promise<void> | undefined): Promise<void> {
    this.#pulled = true;
    if (this.#expectsContinue) {
      this.#continued = true;
      this.#response.writeContinue();
    }
    const request = this.#request;
    const cut = this.#cutUploadAfter();
    const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
    const take = (raw: Buffer): void => {
      const room = cut - this.#entry.bytesIn;
      const piece = raw.byteLength > room ? raw.subarray(0, room) : raw;
      this.#flipReceived(piece);
      this.#entry.bytesIn += piece.byteLength;
      try {
        const wait = onData(piece);
        if (wait !== undefined) {
          request.pause();
          wait.then(() => request.resume(), reject);
        }
      } catch (error) {
        reject(error);
      }
      if (this.#entry.bytesIn >= cut) resolve();
    };
    if (cut === 0) resolve();
    else request.on('data', take).once('end', resolve);
    try {
      await Promise.race([ended, this.#gone]);
    } finally {
      // Whoever took the pieces may have let go of the memory that they went to.
      request.off('data', take);
      if (!request.readableEnded) request.pause();
    }
    if (cut !== Number.POSITIVE_INFINITY) await this.#strikeUpload();
  }

  /** Sends the answer, as the fault has it. */
  async send(reply: Reply): Promise<void> {
    try {
      await this.#send(reply);
    } finally {
      reply.body.release();
    }
  }

  async #send(reply: Reply): Promise<void> {
    const effect = this.effect;
    if (effect?.kind === 'delay') await this.#wait(effect.delayMs);
    if (this.#isGone) throw new ClientGone();

    const response = this.#response;
    const isHead = this.#request.method === 'HEAD';
    const fullBytes = reply.body.byteLength;
    const announced = effect?.kind === 'shorten' ? Math.min(effect.toBytes, fullBytes) : fullBytes;
    const headers: Record<string, string> = { ...reply.headers };
    // HEAD answers carry their own length.
    if (!isHead && reply.status !== 204 && reply.status !== 304) headers['content-length'] = String(announced);
    else if (isHead && effect?.kind === 'shorten' && headers['content-length'] !== undefined) {
      headers['content-length'] = String(Math.min(effect.toBytes, Number(headers['content-length'])));
    }
    const unread = this.#unreadBytes();
    const isLeft = unread > DRAIN_BYTES || (this.#expectsContinue && !this.#continued);
    const closes = isLeft && this.#line.protocol === 'http/1.1';
    if (closes) headers.connection = 'close';
    if (effect?.kind === 'drop-headers') {
      for (const name of effect.names) {
        delete headers[name.toLowerCase()];
        response.removeHeader(name);
      }
    }
    response.writeHead(reply.status, headers);
    this.#entry.status = reply.status;

    const sendBytes = Math.min(isHead ? 0 : announced, this.#cutDownloadAfter());
    for await (const slice of reply.body.slices(sendBytes, this.#line.sliceBytes)) {
      if (slice.byteLength > 0) await this.#write(this.#flipSent(slice));
    }
    if (effect?.kind === 'stall' || effect?.kind === 'reset' || effect?.kind === 'truncate') {
      response.flushHeaders();
      if (effect.kind === 'stall') await this.#gone;
      if (effect.kind === 'reset') {
        await this.#wait(RESET_AFTER_MS);
        this.#reset();
      }
      if (effect.kind === 'truncate') {
        this.#line.endEarly();
        await this.#gone;
      }
    }
    if (closes && !this.#expectsContinue) await this.#linger();
    await this.#end();
    if (unread > 0) this.#line.refuseRest();
  }

  /** Resolves when the slice is with the kernel. */
  async #write(slice: Buffer): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#response.write(slice, (error) => (error ? reject(new ClientGone()) : resolve()));
    });
    await Promise.race([written, this.#gone]);
    this.#entry.bytesOut += slice.byteLength;
  }

  async #end(): Promise<void> {
    this.#response.end();
    const finished = new Promise<void>((resolve) => {
      this.#line.whenSent(() => {
        this.#isAnswered = true;
        resolve();
      });
    });
    await Promise.race([finished, this.#gone]);
  }

  /** A close while the client still sends would be a reset, which can overtake the answer: so the rest is read and dropped first. */
  async #linger(): Promise<void> {
    const request = this.#request;
    const drained = new Promise<void>((resolve) => request.once('end', resolve));
    request.on('data', () => {});
    request.resume();
    await Promise.race([drained, this.#gone, this.#wait(LINGER_MS)]);
  }

  async #wait(delayMs: number): Promise<void> {
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    try {
      await Promise.race([waited, this.#gone]);
    } finally {
      clearTimeout(timer);
    }
  }

  #reset(): never {
    this.#line.reset();
    throw new ClientGone();
  }

  #unreadBytes(): number {
    if (this.#request.complete || !this.isUpload) return 0;
    const announced = Number(this.#request.headers['content-length'] ?? Number.POSITIVE_INFINITY);
    return announced - (this.#pulled ? this.#entry.bytesIn : 0);
  }

  /** Body bytes to take of an upload that is to be cut off. */
  #cutUploadAfter(): number {
    const effect = this.effect;
    if (!this.isUpload) return Number.POSITIVE_INFINITY;
    if (effect?.kind !== 'stall' && effect?.kind !== 'reset' && effect?.kind !== 'truncate') {
      return Number.POSITIVE_INFINITY;
    }
    return effect.afterBytes === 'head' ? 0 : effect.afterBytes;
  }

  async #strikeUpload(): Promise<void> {
    if (this.effect?.kind === 'reset') this.#reset();
    if (this.effect?.kind === 'truncate') this.#line.endEarly();
    await this.#gone;
  }

  #cutDownloadAfter(): number {
    const effect = this.effect;
    if (effect?.kind !== 'stall' && effect?.kind !== 'reset' && effect?.kind !== 'truncate') {
      return Number.POSITIVE_INFINITY;
    }
    return effect.afterBytes === 'head' ? 0 : effect.afterBytes;
  }

  /** In place: the piece is the connection's own. */
  #flipReceived(piece: Buffer): void {
    if (this.effect?.kind !== 'flip') return;
    const at = this.effect.atByte - this.#entry.bytesIn;
    const byte = piece[at];
    if (byte !== undefined) piece[at] = byte ^ 1;
  }

  /** In a copy: the slice is the stored object. */
  #flipSent(slice: Buffer): Buffer {
    if (this.effect?.kind !== 'flip' || this.isUpload) return slice;
    const at = this.effect.atByte - this.#entry.bytesOut;
    const byte = slice[at];
    if (byte === undefined) return slice;
    const copy = Buffer.from(slice);
    copy[at] = byte ^ 1;
    return copy;
  }
}
