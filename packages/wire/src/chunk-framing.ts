import { protocolError } from './response-head.ts';
import { isTextCode, isTokenCode } from './token.ts';

/** What the next bytes of a chunked body are. */
export type ChunkPhase = 'framing' | 'data' | 'done';

/**
 * Follows the framing of a chunked body (RFC 9112, section 7.1), byte by byte; the data between is the caller's to move.
 *
 * Extensions are passed over, trailers are checked for form and dropped. A size line is at most 1,024 bytes (extensions are a way to send
 * without end), trailers at most `maxTrailerBytes`.
 */
export class ChunkFraming {
  phase: ChunkPhase = 'framing';
  /** Bytes of the current chunk's data that have not come yet. */
  dataBytes = 0;
  #state: number = sizeStart;
  #sizeLineBytes = 0;
  #trailerBytes = 0;
  readonly #maxTrailerBytes: number;

  constructor(maxTrailerBytes: number) {
    this.#maxTrailerBytes = maxTrailerBytes;
  }

  /** Reads framing from `bytes[start]` on, up to the next data, the end of the body, or `end`. Answers where it stopped. */
  read(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.phase === 'framing') this.#take(bytes[at++] ?? 0);
    return at;
  }

  /** Tells that `byteLength` bytes of the chunk's data have come. */
  moved(byteLength: number): void {
    this.dataBytes -= byteLength;
    if (this.dataBytes > 0) return;
    this.phase = 'framing';
    this.#state = dataCr;
  }

  #take(byte: number): void {
    switch (this.#state) {
      case sizeStart:
      case size:
      case extension:
        this.#takeSizeLine(byte);
        return;
      case sizeLf:
        if (byte !== lf) throw protocolError('a chunk size does not end with CR LF');
        this.#sizeLineBytes = 0;
        if (this.dataBytes === 0) {
          this.#state = trailerStart;
        } else {
          this.phase = 'data';
        }
        return;
      case dataCr:
        if (byte !== cr) throw protocolError('a chunk is longer than its size says');
        this.#state = dataLf;
        return;
      case dataLf:
        if (byte !== lf) throw protocolError('a chunk does not end with CR LF');
        this.#state = sizeStart;
        return;
      default:
        this.#takeTrailer(byte);
    }
  }

  #takeSizeLine(byte: number): void {
    this.#sizeLineBytes++;
    if (this.#sizeLineBytes > maxSizeLineBytes) throw protocolError('a chunk size line does not end');
    if (this.#state === extension) {
      if (byte === cr) this.#state = sizeLf;
      else if (!isTextCode(byte)) throw protocolError('a chunk extension holds control characters');
      return;
    }
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#state = size;
      this.dataBytes = this.dataBytes * 16 + digit;
      if (this.dataBytes > Number.MAX_SAFE_INTEGER) throw protocolError('a chunk size is out of all measure');
      return;
    }
    if (this.#state === sizeStart) throw protocolError('a chunk size is not a hexadecimal number');
    if (byte === cr) this.#state = sizeLf;
    else if (byte === semicolon) this.#state = extension;
    else throw protocolError('a chunk size is not a hexadecimal number');
  }

  #takeTrailer(byte: number): void {
    this.#trailerBytes++;
    if (this.#trailerBytes > this.#maxTrailerBytes) throw protocolError('its trailers do not end');
    switch (this.#state) {
      case trailerStart:
        if (byte === cr) this.#state = endLf;
        else if (isTokenCode(byte)) this.#state = trailerName;
        else throw protocolError('a trailer has no name');
        return;
      case trailerName:
        if (byte === colon) this.#state = trailerValue;
        else if (!isTokenCode(byte)) throw protocolError('a trailer has no name');
        return;
      case trailerValue:
        if (byte === cr) this.#state = trailerLf;
        else if (!isTextCode(byte)) throw protocolError('a trailer holds control characters');
        return;
      case trailerLf:
        if (byte !== lf) throw protocolError('a trailer does not end with CR LF');
        this.#state = trailerStart;
        return;
      default:
        if (byte !== lf) throw protocolError('a chunked body does not end with CR LF');
        this.phase = 'done';
    }
  }
}

const maxSizeLineBytes = 1024;
const cr = 0x0d;
const lf = 0x0a;
const semicolon = 0x3b;
const colon = 0x3a;

const sizeStart = 0;
const size = 1;
const extension = 2;
const sizeLf = 3;
const dataCr = 4;
const dataLf = 5;
const trailerStart = 6;
const trailerName = 7;
const trailerValue = 8;
const trailerLf = 9;
const endLf = 10;

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
