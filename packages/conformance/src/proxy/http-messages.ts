/** A piece of an HTTP/1.1 message; the bytes of all pieces, in order, are the bytes that came in. */
export type HttpPiece =
  | { readonly kind: 'head'; readonly bytes: Uint8Array; readonly head: HttpHead }
  | { readonly kind: 'body'; readonly bytes: Uint8Array }
  /** The message is complete. */
  | { readonly kind: 'end' };

export interface HttpHead {
  readonly startLine: string;
  /** The value of a header, by its name in lower case; of several, the last. */
  readonly headers: ReadonlyMap<string, string>;
}

/** How a message goes on behind its head. */
export type HttpFraming =
  | { readonly kind: 'length'; readonly byteLength: number }
  | { readonly kind: 'chunked' }
  /** Until the connection ends, or no longer HTTP. */
  | { readonly kind: 'rest' };

/** The longest head; what goes on without an end is not HTTP. */
const MAX_HEAD_BYTES = 256 * 1024;

/**
 * Finds the bounds of HTTP/1.1 messages in the bytes of one direction, and changes none of them. What is not HTTP is the body of a message
 * without an end, so that a proxy passes it on all the same.
 */
export class HttpMessages {
  readonly #framingOf: (head: HttpHead) => HttpFraming;
  #state: 'head' | 'length' | 'chunk-line' | 'trailer-line' | 'rest' = 'head';
  #held: Uint8Array = new Uint8Array(0);
  #line = '';
  #left = 0;

  constructor(framingOf: (head: HttpHead) => HttpFraming) {
    this.#framingOf = framingOf;
  }

  /** Takes the next bytes, and gives the pieces that they complete. */
  *push(bytes: Uint8Array): Generator<HttpPiece> {
    let rest = bytes;
    while (rest.byteLength > 0) {
      if (this.#state === 'head') {
        const head = this.#takeHead(rest);
        if (head === undefined) return;
        rest = head.rest;
        yield* head.pieces;
        continue;
      }
      const taken = this.#takeBody(rest);
      yield { kind: 'body', bytes: rest.subarray(0, taken) };
      rest = rest.subarray(taken);
      if (this.#betweenMessages()) yield { kind: 'end' };
    }
  }

  #betweenMessages(): boolean {
    return this.#state === 'head';
  }

  #takeHead(bytes: Uint8Array): { readonly pieces: readonly HttpPiece[]; readonly rest: Uint8Array } | undefined {
    const all = this.#held.byteLength === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = Buffer.from(all.buffer, all.byteOffset, all.byteLength).indexOf('\r\n\r\n');
    if (end === -1) {
      this.#held = all;
      if (all.byteLength <= MAX_HEAD_BYTES) return undefined;
      this.#state = 'rest';
      return { pieces: [], rest: all };
    }
    this.#held = new Uint8Array(0);
    const headBytes = all.subarray(0, end + 4);
    const head = parseHead(Buffer.from(headBytes).toString('latin1'));
    const framing = this.#framingOf(head);
    const pieces: HttpPiece[] = [{ kind: 'head', bytes: headBytes, head }];
    if (framing.kind === 'chunked') this.#state = 'chunk-line';
    else if (framing.kind === 'rest') this.#state = 'rest';
    else if (framing.byteLength > 0) this.#state = 'length';
    else pieces.push({ kind: 'end' });
    this.#left = framing.kind === 'length' ? framing.byteLength : 0;
    this.#line = '';
    return { pieces, rest: all.subarray(end + 4) };
  }

  /** Says how many of the bytes belong to the body; its state is `head` when these are the last. */
  #takeBody(bytes: Uint8Array): number {
    if (this.#state === 'rest') return bytes.byteLength;
    let at = 0;
    while (at < bytes.byteLength && this.#state !== 'head') {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.byteLength - at);
        at += taken;
        this.#left -= taken;
        if (this.#left === 0 && this.#state === 'length') this.#state = 'head';
        continue;
      }
      const character = String.fromCharCode(bytes[at] ?? 0);
      at += 1;
      if (character === '\n') this.#endLine();
      else if (character !== '\r') this.#line += character;
    }
    return at;
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = '';
    if (this.#state === 'trailer-line') {
      if (line === '') this.#state = 'head';
      return;
    }
    const byteLength = Number.parseInt(line, 16);
    if (byteLength === 0) this.#state = 'trailer-line';
    // The line's end behind the chunk is read with it.
    else if (byteLength > 0) this.#left = byteLength + 2;
    else this.#state = 'rest';
  }
}

/** How the body of a request is framed. */
export function requestFraming(head: HttpHead): HttpFraming {
  return framing(head, { kind: 'length', byteLength: 0 });
}

/** How the body of a response to a request with this method is framed. */
export function responseFraming(head: HttpHead, method: string | undefined): HttpFraming {
  const status = statusOf(head);
  if (status === 101) return { kind: 'rest' };
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'length', byteLength: 0 };
  return framing(head, { kind: 'rest' });
}

/** The status of a response; 0 for what is none. */
export function statusOf({ startLine }: HttpHead): number {
  return Number(/^HTTP\/1\.\d (\d{3})/.exec(startLine)?.[1] ?? 0);
}

function framing({ headers }: HttpHead, unnamed: HttpFraming): HttpFraming {
  if (/\bchunked\b/i.test(headers.get('transfer-encoding') ?? '')) return { kind: 'chunked' };
  const byteLength = headers.get('content-length');
  return byteLength === undefined ? unnamed : { kind: 'length', byteLength: Number(byteLength) || 0 };
}

function parseHead(text: string): HttpHead {
  const [startLine = '', ...lines] = text.trimEnd().split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { startLine, headers };
}
