/** URIs as S3 reads them: percent decoding to UTF-8, and the strict encoding that signatures are made over. */

import { failure } from './failures.ts';

/** Decodes `%xx`; refuses what is no UTF-8 (InvalidURI). `+` stays `+`. */
function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw failure('InvalidURI', 'The URI holds a percent escape that is incomplete or no UTF-8.');
  }
}

/** Encodes everything but `A–Z a–z 0–9 - _ . ~`, as SigV4 asks. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** As `percentEncode`, with `/` left alone: a path, encoded once, as S3 wants it. */
export function percentEncodePath(path: string): string {
  return /^[A-Za-z0-9\-_.~/]*$/.test(path) ? path : percentEncode(path).replaceAll('%2F', '/');
}

/** `encoding-type=url` of listings: form encoding (space is `+`), with `/` left alone. */
export function listingEncode(text: string): string {
  return percentEncodePath(text).replaceAll('%20', '+');
}

export interface QueryParameter {
  readonly name: string;
  readonly value: string;
}

/** Parts of a request target, `?` and what follows cut off and taken apart. */
export function parseTarget(url: string): { readonly path: string; readonly query: readonly QueryParameter[] } {
  const mark = url.indexOf('?');
  const path = percentDecode(mark < 0 ? url : url.slice(0, mark));
  if (!path.startsWith('/')) throw failure('InvalidURI', 'The request target is not a path.');
  if (mark < 0) return { path, query: [] };
  const query: QueryParameter[] = [];
  for (const part of url.slice(mark + 1).split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? '' : part.slice(equals + 1);
    query.push({ name: queryDecode(name), value: queryDecode(value) });
  }
  return { path, query };
}

/** Order of UTF-8 bytes, which is the order of code points; JavaScript's own is that of UTF-16 units and puts U+FFFD behind emoji. */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

function queryDecode(text: string): string {
  return percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text);
}

/** Surrogates stand for code points above U+FFFF, so they rank behind the units from U+E000 on. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
