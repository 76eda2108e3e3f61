import type { IncomingHttpHeaders, IncomingHttpStatusHeader, OutgoingHttpHeaders } from 'node:http2';
import type { Exchange } from '../exchange.ts';
import { protocolError } from '../response-head.ts';
import type { ResponseHeaders } from '../types.ts';

/** A response's head. */
export interface H2ResponseHead {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Announced bytes of the body; `undefined` where they are not announced, 0 where there can be no body. */
  readonly contentLength: number | undefined;
}

/** The head of an exchange's request as node:http2 takes it. The exchange's headers have been checked when its head was built. */
export function h2RequestHeaders({ request, bodyBytes }: Exchange, authority: string): OutgoingHttpHeaders {
  const { method, path, headers } = request;
  // Without a prototype: `__proto__` is a name as good as any.
  const out = Object.assign(Object.create(null) as OutgoingHttpHeaders, {
    ':method': method,
    ':scheme': 'https',
    ':authority': authority,
    ':path': path,
  });
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] ?? '').toLowerCase();
    const value = headers[at + 1] ?? '';
    const earlier = out[name];
    if (earlier === undefined) out[name] = value;
    else out[name] = Array.isArray(earlier) ? [...earlier, value] : [String(earlier), value];
  }
  if (bodyBytes > 0 || method === 'PUT' || method === 'POST') out['content-length'] = String(bodyBytes);
  return out;
}

/** Reads a head of at most `maxHeadBytes`. Framing and names have been checked by node:http2. Throws PROTOCOL. */
export function readH2Head(
  raw: IncomingHttpHeaders & IncomingHttpStatusHeader,
  method: string,
  maxHeadBytes: number,
): H2ResponseHead {
  const status = raw[':status'] ?? 0;
  const headers = new Map<string, string>();
  let headBytes = 0;
  for (const name in raw) {
    const value = raw[name];
    if (name.startsWith(':') || value === undefined) continue;
    const text = Array.isArray(value) ? value.join(', ') : String(value);
    headers.set(name, text);
    headBytes += name.length + text.length;
  }
  if (headBytes > maxHeadBytes) throw protocolError(`its head is longer than ${maxHeadBytes} bytes`, status);
  const lengthText = headers.get('content-length');
  // 15 digits stay below 2^53.
  if (lengthText !== undefined && !/^\d{1,15}$/.test(lengthText)) {
    throw protocolError('its content-length is not a number', status);
  }
  const hasNoBody = method === 'HEAD' || status === 204 || status === 304;
  const announcedBytes = lengthText === undefined ? undefined : Number(lengthText);
  return { status, headers, contentLength: hasNoBody ? 0 : announcedBytes };
}
