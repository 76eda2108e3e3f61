import { onTestFinished } from 'vitest';
import { createWireClient } from '../client.ts';
import { WireError } from '../errors.ts';
import type { DigestSource, Origin, WireClient, WireClientOptions, WireRequest, WireResponse } from '../types.ts';

/** A client that is closed when the test has finished. */
export function openClient(options?: WireClientOptions): WireClient {
  const client = createWireClient(options);
  onTestFinished(() => client.close());
  return client;
}

/** The origin of a server that listens on 127.0.0.1. */
export function originOf(server: { readonly port: number }, scheme: 'http' | 'https' = 'http'): Origin {
  return { scheme, host: '127.0.0.1', port: server.port };
}

/** A GET of `/`, with whatever else the test needs. */
export function get(origin: Origin, more: Partial<WireRequest> = {}): WireRequest {
  return { origin, method: 'GET', path: '/', headers: [], ...more };
}

/** A PUT to `/` of these parts. */
export function put(origin: Origin, body: readonly Uint8Array[], more: Partial<WireRequest> = {}): WireRequest {
  return { origin, method: 'PUT', path: '/', headers: [], body, ...more };
}

/** What a request fails with; an Error where it does not. */
export async function failureOf(response: Promise<WireResponse>): Promise<WireError> {
  try {
    await response;
  } catch (error) {
    if (WireError.is(error)) return error;
    throw error;
  }
  throw new Error('the request succeeded');
}

/** Digests that show `look` every byte that arrives, and have the value `all of <name>`. */
export function showing(look: (bytes: Uint8Array) => void): DigestSource {
  return { start: (name) => ({ update: look, value: () => `all of ${name}` }) };
}

/** Body as text. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
