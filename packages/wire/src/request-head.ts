import { isIP } from 'node:net';
import { WireError } from './errors.ts';
import { isTokenCode } from './token.ts';
import type { Origin, WireRequest } from './types.ts';

/** The value of `Host` for an origin: the port only where it is not the scheme's own, IPv6 addresses in brackets. */
export function hostHeader(origin: Origin): string {
  if (!/^[A-Za-z0-9._~-]+$/.test(origin.host) && isIP(origin.host) !== 6) {
    throw new WireError('INVALID', `${JSON.stringify(origin.host)} is neither a host name nor an address`);
  }
  const host = origin.host.includes(':') ? `[${origin.host}]` : origin.host;
  const usualPort = origin.scheme === 'https' ? 443 : 80;
  return origin.port === usualPort ? host : `${host}:${origin.port}`;
}

/**
 * Builds the head of a request as one latin1 text, its empty line included.
 *
 * What could be read as a second header or a second request is INVALID: nothing of the kind is escaped or dropped in silence.
 */
export function buildRequestHead(request: WireRequest, host: string, bodyBytes: number): string {
  const { method, path, headers } = request;
  if (!methods.has(method)) throw invalid(`${JSON.stringify(method)} is not a method that is sent here`);
  if (!isPath.test(path)) throw invalid('the path must begin with / and hold visible ASCII only: escape the rest');
  if (headers.length % 2 !== 0) throw invalid('headers must be names and values in turn');
  let head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const value = headers[at + 1] ?? '';
    checkName(name);
    if (isNoValue.test(value)) {
      throw invalid(`the value of ${name} holds CR, LF, NUL, another control character, or one beyond latin1`);
    }
    head += `${name}: ${value}\r\n`;
  }
  if (bodyBytes > 0 || method === 'PUT' || method === 'POST') head += `Content-Length: ${bodyBytes}\r\n`;
  return `${head}\r\n`;
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE']);
const isPath = /^\/[\x21-\x7e]*$/;
const isNoValue = /[^\t\x20-\x7e\x80-\xff]/;
/** Written here, or never sent: they say where a message ends and what becomes of the connection. */
const ownNames: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'connection',
  'transfer-encoding',
  'keep-alive',
  'upgrade',
  'expect',
  'te',
  'trailer',
]);

/** Names that have been found right: callers send the same few over and over. */
const goodNames = new Set<string>();
const maxGoodNames = 256;

function checkName(name: string): void {
  if (goodNames.has(name)) return;
  let known = name.length > 0;
  for (let at = 0; at < name.length; at++) known &&= isTokenCode(name.charCodeAt(at));
  if (!known) throw invalid(`${JSON.stringify(name)} is not a header name`);
  if (ownNames.has(name.toLowerCase())) throw invalid(`the header ${name} is not the caller's to set`);
  if (goodNames.size < maxGoodNames) goodNames.add(name);
}

function invalid(reason: string): WireError {
  return new WireError('INVALID', `the request cannot be sent: ${reason}`);
}
