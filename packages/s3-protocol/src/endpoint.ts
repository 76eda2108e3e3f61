import { KvferryError } from '@kvferry/core';
import type { Origin } from '@kvferry/wire';
import type { S3Endpoint } from './types.ts';

/** Whether a bucket's name stands in the host or in the path; `auto` lets `resolveAddressing` decide. */
export type Addressing = 'auto' | 'virtual' | 'path';

/** A store's address, without a bucket. */
export interface StoreAddress {
  readonly scheme: 'http' | 'https';
  /** Lower case; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Decides where the bucket's name goes. `auto`: in the path for IP addresses, for single labels such as `localhost`,
 * for bucket names with dots over TLS, where no wildcard certificate covers the host, and for those that no host name
 * can hold; in the host for everything else, which is what AWS asks for.
 *
 * Throws CONFIG_INVALID where `virtual` cannot work.
 */
export function resolveAddressing(
  addressing: Addressing,
  store: Pick<StoreAddress, 'scheme' | 'host'>,
  bucket: string,
): 'virtual' | 'path' {
  if (addressing === 'path') return 'path';
  const obstacle = obstacleToVirtual(store, bucket);
  if (obstacle === undefined) return 'virtual';
  if (addressing === 'auto') return 'path';
  throw new KvferryError('CONFIG_INVALID', `addressing: 'virtual' ${obstacle}. Use addressing: 'path'`);
}

function obstacleToVirtual(store: Pick<StoreAddress, 'scheme' | 'host'>, bucket: string): string | undefined {
  if (isIpAddress(store.host)) return `needs a host name, and ${store.host} is an address`;
  if (!store.host.includes('.')) return `needs a host that takes names before it, and ${store.host} is a single label`;
  if (!canStandInHost(bucket)) return `cannot work with the bucket ${JSON.stringify(bucket)}: no host name holds it`;
  if (store.scheme === 'https' && bucket.includes('.')) {
    return `cannot work over TLS with the dots in ${JSON.stringify(bucket)}: a wildcard certificate covers one label`;
  }
  return undefined;
}

/** Whether a bucket's name has only what a host name may have, so that it can stand in front of one. */
export function canStandInHost(bucket: string): boolean {
  // What the wire takes for a host.
  return /^[A-Za-z0-9._~-]+$/.test(bucket);
}

/** Reads `scheme://host[:port]`. `name` is the option or variable that errors name. Throws CONFIG_INVALID. */
export function parseEndpoint(url: string, name: string): StoreAddress {
  const invalid = (reason: string) => new KvferryError('CONFIG_INVALID', `${name} ${reason}`);
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(url);
  if (!withScheme) throw invalid('has no scheme: write http://host:port or https://host');
  if (!URL.canParse(url)) throw invalid('is not a URL of the form https://host[:port]');
  const parsed = new URL(url);
  // Before any message that shows the URL: what stands there may be a secret.
  if (parsed.username !== '' || parsed.password !== '') {
    throw invalid('carries credentials: give them by the option `credentials`');
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw invalid(`has the scheme ${parsed.protocol.slice(0, -1)}: it is http or https`);
  }
  if (parsed.search !== '' || parsed.hash !== '') throw invalid('has a query: an endpoint is scheme, host and port');
  if (parsed.pathname !== '/') {
    throw invalid(
      `has the path ${parsed.pathname}: an endpoint is scheme, host and port; a bucket goes into \`bucket\``,
    );
  }
  const scheme = parsed.protocol === 'https:' ? 'https' : 'http';
  return {
    scheme,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? defaultPort(scheme) : Number(parsed.port),
  };
}

/** The endpoint as a URL, without the bucket. */
export function endpointUrl(endpoint: StoreAddress): string {
  return `${endpoint.scheme}://${authority(endpoint.host, endpoint)}`;
}

/**
 * Where names under `.localhost` are, for connections that go by the system's resolver: loopback by definition (RFC 6761, section 6.3), though few
 * resolvers know it. The wire sees to its own.
 */
export function loopbackOf(host: string): string | undefined {
  return host.toLowerCase().endsWith('.localhost') ? '127.0.0.1' : undefined;
}

/** Everything about an endpoint that a request needs, computed once. */
export interface RequestTarget {
  readonly origin: Origin;
  /** The `Host` header, as the wire writes it and as signatures cover it. */
  readonly hostHeader: string;
  /** What stands before an escaped key on the request line. */
  readonly pathPrefix: string;
}

export function requestTarget(endpoint: S3Endpoint): RequestTarget {
  const host = endpoint.addressing === 'virtual' ? `${endpoint.bucket}.${endpoint.host}` : endpoint.host;
  return {
    origin: { scheme: endpoint.scheme, host, port: endpoint.port, connectTo: endpoint.connectTo },
    hostHeader: authority(host, endpoint),
    pathPrefix: endpoint.addressing === 'virtual' ? '/' : `/${escapeSegment(endpoint.bucket)}/`,
  };
}

/**
 * Escapes a key for the request line, as Python's `urllib.parse.quote` does, and so LMCache: UTF-8, `A-Za-z0-9_.-~` and
 * `/` stand, all else is `%XX` in upper case.
 */
export function escapeKey(key: string): string {
  // What LMCache's keys are made of; the general way costs three times as much.
  return plainButForAt.test(key) ? key.replace(at, '%40') : escapeSegment(key).replaceAll('%2F', '/');
}

/** Escapes a value of a query, as {@link escapeKey} does, `/` included. */
export function escapeQueryValue(text: string): string {
  return escapeSegment(text);
}

const plainButForAt = /^[A-Za-z0-9_.~/@-]*$/;
const at = /@/g;

/** `encodeURIComponent` leaves these five, which Python's `quote` and S3's signatures escape. */
const leftByEncode = /[!'()*]/g;

function escapeSegment(text: string): string {
  return encodeURIComponent(text).replace(leftByEncode, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function authority(host: string, store: Pick<StoreAddress, 'scheme' | 'port'>): string {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return store.port === defaultPort(store.scheme) ? bracketed : `${bracketed}:${store.port}`;
}

function defaultPort(scheme: 'http' | 'https'): number {
  return scheme === 'https' ? 443 : 80;
}

function isIpAddress(host: string): boolean {
  return host.includes(':') || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}
