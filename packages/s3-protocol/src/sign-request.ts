import type { WireRequest } from '@kvferry/wire';
import { escapeKey, type RequestTarget } from './endpoint.ts';
import type { Signer } from './signing/sigv4.ts';
import type { SigningCredentials } from './types.ts';

/** A request to the bucket or to an object in it, without its body. */
export interface RequestHead {
  readonly method: WireRequest['method'];
  /** Empty for the bucket itself. */
  readonly key: string;
  /** Escaped, sorted by name, every name with its `=`. Default: none. */
  readonly query?: string | undefined;
  /** `x-amz-*` headers, name and value in turn. They are signed. */
  readonly signedHeaders: readonly string[];
  /** Headers that are not signed. */
  readonly plainHeaders: readonly string[];
}

/** What a signature takes besides the request. */
export interface SigningParts {
  readonly signer: Signer;
  readonly target: RequestTarget;
  readonly credentials: SigningCredentials;
  readonly payloadHash: string;
  readonly nowMs: number;
}

/** Path and headers as they go on the wire: signed, unless nobody signs. */
export function signRequest(
  { key, method, plainHeaders, query = '', signedHeaders }: RequestHead,
  { credentials, nowMs, payloadHash, signer, target }: SigningParts,
): { readonly path: string; readonly headers: string[] } {
  const path = target.pathPrefix + escapeKey(key);
  const headers =
    credentials === 'anonymous'
      ? signedHeaders.slice()
      : signer.sign(
          { method, path, query, host: target.hostHeader, headers: signedHeaders, payloadHash },
          credentials,
          nowMs,
        );
  for (const part of plainHeaders) headers.push(part);
  return { path: query === '' ? path : `${path}?${query}`, headers };
}
