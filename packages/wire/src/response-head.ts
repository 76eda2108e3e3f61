import { WireError } from './errors.ts';
import { HeaderLines } from './header-lines.ts';
import { isTextCode, isTokenCode } from './token.ts';
import type { ResponseHeaders } from './types.ts';

/** How the end of a response's body is found. */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'until-close';

/** A response's head, read and judged. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly framing: BodyFraming;
  /** Announced bytes of the body with framing `length`, else 0. */
  readonly contentLength: number;
  /** Whether the connection may carry another request once this response has ended. */
  readonly keepAlive: boolean;
}

/**
 * Reads a head: the bytes of status line and header lines up to `end`, each line with its CR LF, without the empty line behind them.
 *
 * Strict where two parsers could see different responses in the same bytes (RFC 9112, sections 2.2, 5, 6.3): bare CR or LF, folded lines,
 * space before the colon, repeated Content-Length, Content-Length beside Transfer-Encoding, and every coding but `chunked` are PROTOCOL.
 */
export function parseResponseHead(bytes: Buffer, end: number, method: string): ResponseHead {
  // One lower-case copy of the whole: lowering each name costs more.
  const text = bytes.toString('latin1', 0, end);
  const lowered = text.toLowerCase();
  const minorVersion = text.charCodeAt(7) - digit0;
  const status = statusOf(text);
  if (!text.startsWith('HTTP/1.') || (minorVersion !== 0 && minorVersion !== 1) || status < 100) {
    throw protocolError('its first line is not that of an HTTP/1.1 response');
  }

  let at = endOfLine(bytes, statusEnd, end) + 2;
  const starts = [at];
  while (at < end) {
    const nameStart = at;
    while (isTokenCode(bytes[at] ?? 0)) at++;
    if (at === nameStart || bytes[at] !== colon)
      throw protocolError('a header line does not begin with a name and a colon');
    at = endOfLine(bytes, at + 1, end) + 2;
    starts.push(at);
  }
  return frame(status, minorVersion, new HeaderLines(text, lowered, starts), method);
}

/** A PROTOCOL error about the response. */
export function protocolError(reason: string, status?: number): WireError {
  return new WireError('PROTOCOL', `the response cannot be trusted: ${reason}`, { status });
}

const digit0 = 0x30;
const colon = 0x3a;
const cr = 0x0d;
const lf = 0x0a;
/** `HTTP/1.1 200` is 12 characters. */
const statusEnd = 12;

function statusOf(text: string): number {
  const hundreds = text.charCodeAt(9) - digit0;
  const tens = text.charCodeAt(10) - digit0;
  const ones = text.charCodeAt(11) - digit0;
  const digits = hundreds >= 1 && hundreds <= 9 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9;
  // The reason may be absent, and then some servers leave out the space before it too.
  const ends = text[statusEnd] === ' ' || text[statusEnd] === '\r';
  return digits && ends && text[8] === ' ' ? hundreds * 100 + tens * 10 + ones : -1;
}

/** Where the text that begins at `start` meets its CR LF. */
function endOfLine(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && isTextCode(bytes[at] ?? 0)) at++;
  if (bytes[at] !== cr || bytes[at + 1] !== lf) {
    throw protocolError('its head holds control characters, or line ends other than CR LF');
  }
  return at;
}

function frame(status: number, minorVersion: number, headers: ResponseHeaders, method: string): ResponseHead {
  const lengthText = headers.get('content-length');
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined) {
    if (lengthText !== undefined) throw protocolError('it has both Content-Length and Transfer-Encoding', status);
    if (minorVersion === 0) throw protocolError('it is HTTP/1.0 and has a Transfer-Encoding', status);
    if (coding.toLowerCase() !== 'chunked') throw protocolError('its Transfer-Encoding is not chunked', status);
  }
  // 15 digits stay below 2^53. Several are refused also when they agree, as node:http does: whoever sends two has been through something that does not
  // understand the first.
  if (lengthText !== undefined && !/^\d{1,15}$/.test(lengthText)) {
    const isSeveral = lengthText.includes(',');
    throw protocolError(
      isSeveral ? 'it has more than one Content-Length' : 'its Content-Length is not a number',
      status,
    );
  }
  if (status === 101) throw protocolError('it switches protocols, which nobody asked for', status);

  const announcedBytes = lengthText === undefined ? 0 : Number(lengthText);
  let keepAlive = minorVersion === 1;
  const connection = headers.get('connection');
  if (connection !== undefined) {
    if (/(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(connection)) keepAlive = false;
    else if (/(?:^|,)[ \t]*keep-alive[ \t]*(?:,|$)/i.test(connection)) keepAlive = true;
  }
  if (method === 'HEAD' || status === 304 || status === 204 || status < 200) {
    // A 204 that announces a body may send one: nothing after it can be told apart from it.
    const suspect = status === 204 && (coding !== undefined || announcedBytes > 0);
    return { status, headers, framing: 'none', contentLength: 0, keepAlive: keepAlive && !suspect };
  }
  if (coding !== undefined) return { status, headers, framing: 'chunked', contentLength: 0, keepAlive };
  if (lengthText !== undefined) return { status, headers, framing: 'length', contentLength: announcedBytes, keepAlive };
  return { status, headers, framing: 'until-close', contentLength: 0, keepAlive: false };
}
