import { ChunkFraming } from './chunk-framing.ts';
import { bodyTooLargeError, WireError } from './errors.ts';
import { KeptBody } from './kept-body.ts';
import { parseResponseHead, protocolError, type ResponseHead } from './response-head.ts';
import type { Digest } from './types.ts';

/** What a reader keeps at most of what it has not been lent memory for. */
export interface ReaderLimits {
  /** Heads of one exchange, interim ones included, and trailers apart. */
  readonly maxHeadBytes: number;
  /** Body bytes kept where there is no `into` for them. */
  readonly maxErrorBytes: number;
}

/**
 * Reads the responses of one connection, one after another, without touching a socket: `buffer()` says where the next bytes go, and
 * `received(n)` that `n` of them have come.
 *
 * While a head is expected, and wherever framing may come, the buffer is scratch; once the length of what follows is known and memory is
 * lent, it is the next part of that memory, never past the body's end. So the kernel writes a body straight into `into`, and at most one
 * scratch's worth of it (16 KiB), that came with the head, is copied. The buffer is never empty: an empty one ends a socket with ENOBUFS.
 *
 * The outcome depends on the bytes alone, not on how they are cut into reads. It throws WireError only: PROTOCOL, TRUNCATED, RESET,
 * BODY_TOO_LARGE. After a throw it is of no further use.
 */
export class ResponseReader {
  /** Whether the response is whole. Stays so until `expect`. */
  done = false;
  /** Whether the connection may carry another request: says the response, and no byte came after it. */
  reusable = true;
  /** Bytes of the body that have come. */
  bodyBytes = 0;
  /** Of the whole body, where it went into lent memory and a digest was given. */
  digest: string | undefined;

  readonly #limits: ReaderLimits;
  readonly #scratch: Buffer = Buffer.allocUnsafeSlow(scratchBytes);
  #state: State = 'idle';
  #method = '';
  #into: Uint8Array | undefined;
  #digest: Digest | undefined;

  /** The scratch, or something larger while a head needs it. */
  #headBuffer: Buffer = this.#scratch;
  /** Bytes in `#headBuffer`. */
  #headBytes = 0;
  /** How many of them are known to hold no end of a head. */
  #searchedBytes = 0;
  #interimBytes = 0;
  #head: ResponseHead | undefined;

  /** `into`, when the body goes there. */
  #target: Uint8Array | undefined;
  readonly #kept: KeptBody;
  #chunks: ChunkFraming;

  constructor(limits: ReaderLimits) {
    this.#limits = limits;
    this.#kept = new KeptBody(limits);
    this.#chunks = new ChunkFraming(limits.maxHeadBytes);
  }

  /** Begins a response. Only while none is under way. `into` takes the body of a 2xx, and `digest`, just begun, sees it there. */
  expect(method: string, into: Uint8Array | undefined, digest: Digest | undefined): void {
    this.done = false;
    this.bodyBytes = 0;
    this.digest = undefined;
    this.#state = 'head';
    this.#method = method;
    this.#into = into;
    this.#digest = digest;
    this.#head = undefined;
    this.#headBytes = 0;
    this.#searchedBytes = 0;
    this.#interimBytes = 0;
    this.#target = undefined;
    this.#kept.clear();
  }

  /** The head, once it has come whole. */
  get head(): ResponseHead | undefined {
    return this.#head;
  }

  /** The body as far as it is not in `into`: at most `maxErrorBytes` of it. */
  get body(): Uint8Array {
    return this.#kept.bytes;
  }

  /** Gives up the response under way: what still comes goes into scratch. */
  abandon(): void {
    this.#state = 'idle';
    this.reusable = false;
    this.#headBuffer = this.#scratch;
    this.#into = undefined;
    this.#target = undefined;
    this.#digest = undefined;
  }

  /** Where the next bytes go. Never empty. */
  buffer(): Uint8Array {
    const target = this.#target;
    if (this.#state === 'length') {
      const length = this.#head?.contentLength ?? 0;
      if (target !== undefined) return this.#lend(target, length);
    } else if (this.#state === 'head') {
      return this.#headBytes === 0 ? this.#headBuffer : this.#headBuffer.subarray(this.#headBytes);
    } else if (target !== undefined) {
      if (this.#state === 'until-close' && this.bodyBytes < target.length) return this.#lend(target, target.length);
      if (this.#state === 'chunked' && this.#chunks.phase === 'data') {
        return this.#lend(target, this.bodyBytes + this.#chunks.dataBytes);
      }
    }
    return this.#scratch;
  }

  /** Takes note that `byteLength` bytes have come into what `buffer()` last answered. */
  received(byteLength: number): void {
    switch (this.#state) {
      case 'head':
        this.#headBytes += byteLength;
        this.#readHead();
        return;
      case 'length':
        if (this.#target === undefined) {
          this.#body(this.#scratch, 0, byteLength);
        } else {
          this.#landed(this.#target, byteLength);
          if (this.bodyBytes === this.#head?.contentLength) this.#end();
        }
        return;
      case 'chunked':
        if (this.#target !== undefined && this.#chunks.phase === 'data') {
          this.#landed(this.#target, byteLength);
          this.#chunks.moved(byteLength);
        } else {
          this.#body(this.#scratch, 0, byteLength);
        }
        return;
      case 'until-close':
        if (this.#target !== undefined && this.bodyBytes < this.#target.length) this.#landed(this.#target, byteLength);
        else this.#body(this.#scratch, 0, byteLength);
        return;
      default:
        // Nobody asked for these bytes: what follows cannot be matched to a request.
        this.reusable = false;
    }
  }

  /** Takes note that the connection has ended in good order. */
  ended(): void {
    this.reusable = false;
    if (this.#state === 'idle') return;
    if (this.#state === 'until-close') {
      this.#end();
      return;
    }
    const status = this.#head?.status;
    if (this.#state === 'head')
      throw new WireError('RESET', 'the connection ended before the head of a response was whole');
    const announced = this.#state === 'length' ? ` of ${this.#head?.contentLength}` : '';
    throw new WireError('TRUNCATED', `the body ended after ${this.bodyBytes}${announced} bytes`, { status });
  }

  #lend(target: Uint8Array, end: number): Uint8Array {
    const most = this.#digest === undefined ? end : Math.min(end, this.bodyBytes + maxDigestBytes);
    return target.subarray(this.bodyBytes, most);
  }

  #readHead(): void {
    while (this.#state === 'head') {
      const end = this.#findHeadEnd();
      if (end === -1) return;
      if (this.#interimBytes + end > this.#limits.maxHeadBytes) throw this.#headTooLong();
      const head = parseResponseHead(this.#headBuffer, end - 2, this.#method);
      if (head.status >= 200) {
        this.#beginBody(head, end);
        return;
      }
      // An interim response: what came after it moves to the front.
      this.#interimBytes += end;
      this.#headBuffer.copyWithin(0, end, this.#headBytes);
      this.#headBytes -= end;
      this.#searchedBytes = 0;
    }
  }

  /** Where the head in the buffer ends, its empty line included; -1 where more must come, for which there is then room. */
  #findHeadEnd(): number {
    const bytes = this.#headBytes;
    // The end may straddle two reads.
    const from = Math.max(0, this.#searchedBytes - headEnd.length);
    const buffer = this.#headBuffer;
    // What lies behind these bytes is of an earlier response. A view of them alone would cost more than to look past them now and then.
    const found = buffer.indexOf(headEnd, from);
    if (found !== -1 && found + headEnd.length <= bytes) return found + headEnd.length;
    this.#refuseHopeless(from);
    this.#searchedBytes = bytes;
    if (this.#interimBytes + bytes > this.#limits.maxHeadBytes) throw this.#headTooLong();
    if (bytes === buffer.length) {
      this.#headBuffer = Buffer.allocUnsafeSlow(buffer.length * 2);
      buffer.copy(this.#headBuffer, 0, 0, bytes);
    }
    return -1;
  }

  /** Refuses at once what can no longer become a head, so that nobody waits for the end of it. */
  #refuseHopeless(from: number): void {
    const buffer = this.#headBuffer;
    for (let at = from; at < this.#headBytes; at++) {
      const byte = buffer[at];
      if (at < httpPrefix.length ? byte !== httpPrefix[at] : byte === 0x0a && buffer[at - 1] !== 0x0d) {
        throw protocolError('what came does not read as the head of an HTTP/1.1 response');
      }
    }
  }

  #headTooLong(): WireError {
    return protocolError(`its head is longer than ${this.#limits.maxHeadBytes} bytes`);
  }

  #beginBody(head: ResponseHead, headLength: number): void {
    this.#head = head;
    const buffer = this.#headBuffer;
    this.#headBuffer = this.#scratch;
    this.reusable = head.keepAlive;
    const target = head.status < 300 ? this.#into : undefined;
    this.#target = target;
    switch (head.framing) {
      case 'none':
        this.#end();
        break;
      case 'length':
        if (target !== undefined && head.contentLength > target.length) throw this.#tooLarge(head.contentLength);
        this.#state = 'length';
        if (head.contentLength === 0) this.#end();
        break;
      case 'chunked':
        this.#chunks = new ChunkFraming(this.#limits.maxHeadBytes);
        this.#state = 'chunked';
        break;
      default:
        this.#state = 'until-close';
    }
    if (this.#headBytes > headLength) this.#body(buffer, headLength, this.#headBytes);
  }

  /** Moves body bytes (and framing) that lie in `bytes`, which is not `into`. */
  #body(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      switch (this.#state) {
        case 'length': {
          const rest = (this.#head?.contentLength ?? 0) - this.bodyBytes;
          const taken = Math.min(rest, end - at);
          this.#keep(bytes, at, at + taken);
          at += taken;
          if (taken === rest) this.#end();
          break;
        }
        case 'chunked':
          if (this.#chunks.phase === 'data') at = this.#moveChunk(this.#chunks, bytes, at, end);
          else at = this.#readFraming(this.#chunks, bytes, at, end);
          break;
        case 'until-close':
          if (this.#target !== undefined && this.bodyBytes + end - at > this.#target.length)
            throw this.#tooLarge(undefined);
          this.#keep(bytes, at, end);
          at = end;
          break;
        default:
          this.reusable = false;
          return;
      }
    }
  }

  #moveChunk(chunks: ChunkFraming, bytes: Buffer, start: number, end: number): number {
    const taken = Math.min(chunks.dataBytes, end - start);
    this.#keep(bytes, start, start + taken);
    chunks.moved(taken);
    return start + taken;
  }

  #readFraming(chunks: ChunkFraming, bytes: Buffer, start: number, end: number): number {
    const at = chunks.read(bytes, start, end);
    if (chunks.phase === 'done') this.#end();
    if (
      chunks.phase === 'data' &&
      this.#target !== undefined &&
      this.bodyBytes + chunks.dataBytes > this.#target.length
    ) {
      throw this.#tooLarge(undefined);
    }
    return at;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const target = this.#target;
    if (target !== undefined) {
      target.set(bytes.subarray(start, end), this.bodyBytes);
      this.#landed(target, end - start);
      return;
    }
    this.bodyBytes += end - start;
    this.#kept.add(bytes.subarray(start, end), this.#state === 'length' ? this.#head?.contentLength : undefined);
    const { mostReadBytes } = this.#kept;
    if (this.bodyBytes <= mostReadBytes) return;
    this.bodyBytes = mostReadBytes;
    this.reusable = false;
    this.#end();
  }

  /** Takes note of body bytes that lie in `into` already, behind the others. */
  #landed(target: Uint8Array, byteLength: number): void {
    const start = this.bodyBytes;
    this.bodyBytes = start + byteLength;
    if (this.#digest !== undefined) this.#digest.update(target.subarray(start, this.bodyBytes));
  }

  #end(): void {
    this.#state = 'idle';
    this.done = true;
    if (this.#target !== undefined) this.digest = this.#digest?.value();
    // The lender may do with it as it likes from here on.
    this.#into = undefined;
    this.#target = undefined;
    this.#digest = undefined;
  }

  #tooLarge(requiredBytes: number | undefined): WireError {
    return bodyTooLargeError(this.#target?.length ?? 0, requiredBytes, this.#head?.status);
  }
}

type State = 'idle' | 'head' | 'length' | 'chunked' | 'until-close';

/**
 * Small enough that copying what comes behind a head costs nothing beside the read itself, large enough that a small object comes with its
 * head in one read.
 */
const scratchBytes = 16_384;
/**
 * A read that a digest is to see stays in the processor's cache until then: CRC32C over reads of any size, often several MiB, cost 0.59 CPU
 * seconds per GiB with the transfer, over reads of 1 MiB 0.49 (of 256 KiB more again).
 */
const maxDigestBytes = 1_048_576;
const headEnd: Buffer = Buffer.from('\r\n\r\n', 'latin1');
const httpPrefix: Buffer = Buffer.from('HTTP/1.', 'latin1');
