import { X509Certificate } from 'node:crypto';
import { AbortWatch, abortError } from './abort-watch.ts';
import { AddressBook } from './addresses.ts';
import type { Connection } from './connection.ts';
import { WireError } from './errors.ts';
import { Exchange } from './exchange.ts';
import { OriginPool, type PoolSettings } from './pool.ts';
import { buildRequestHead, hostHeader } from './request-head.ts';
import { TlsPeer, TlsTrust } from './tls.ts';
import type { Origin, WireClient, WireClientOptions, WireRequest, WireResponse, WireStats } from './types.ts';

/** Makes a client with connections of its own. Throws INVALID for options that cannot be meant. */
export function createWireClient(options: WireClientOptions = {}): WireClient {
  return new PooledClient(options);
}

/** An origin with what is worked out for it once. */
interface KnownOrigin {
  readonly hostHeader: string;
  readonly pool: OriginPool;
}

class PooledClient implements WireClient {
  readonly #settings: PoolSettings;
  readonly #trust: TlsTrust;
  readonly #origins = new Map<string, KnownOrigin>();
  /** The same by object, which spares building the key: callers keep their origins. */
  readonly #originsByObject = new WeakMap<Origin, KnownOrigin>();
  readonly #connections = new Set<Connection>();
  readonly #inFlight = new Set<Exchange>();
  readonly #aborts = new AbortWatch();
  #connectionsOpened = 0;
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(options: WireClientOptions) {
    if (options.ca !== undefined) checkCertificate(options.ca);
    this.#trust = new TlsTrust(options.ca);
    this.#settings = {
      limits: {
        maxErrorBytes: natural('maxErrorBytes', options.maxErrorBytes, 65_536),
        maxHeadBytes: natural('maxHeadBytes', options.maxHeadBytes, 65_536),
      },
      timeouts: {
        connectMs: natural('timeouts.connectMs', options.timeouts?.connectMs, 3_000),
        firstByteMs: natural('timeouts.firstByteMs', options.timeouts?.firstByteMs, 5_000),
        stallMs: natural('timeouts.stallMs', options.timeouts?.stallMs, 5_000),
      },
      idleMs: natural('idleMs', options.idleMs, 15_000),
      addresses: new AddressBook(options.resolve),
      connections: this.#connections,
      connectionOpened: () => {
        this.#connectionsOpened++;
      },
      connectionClosed: () => this.#closeWhenQuiet(),
    };
  }

  get stats(): WireStats {
    const requestsByAddress = new Map<string, number>();
    let idleConnections = 0;
    for (const { pool } of this.#origins.values()) {
      for (const { idle, remoteAddress, requests } of pool.addressPools) {
        idleConnections += idle.length;
        requestsByAddress.set(remoteAddress, (requestsByAddress.get(remoteAddress) ?? 0) + requests);
      }
    }
    return {
      openConnections: this.#connections.size,
      idleConnections,
      requestsInFlight: this.#inFlight.size,
      connectionsOpened: this.#connectionsOpened,
      requestsByAddress,
    };
  }

  request(request: WireRequest): Promise<WireResponse> {
    let known: KnownOrigin;
    let head: string;
    let bodyBytes = 0;
    try {
      if (this.#closing !== undefined) throw closedError();
      known = this.#known(request.origin);
      if (request.body !== undefined) for (const part of request.body) bodyBytes += part.byteLength;
      head = buildRequestHead(request, known.hostHeader, bodyBytes);
      if (request.signal?.aborted) throw abortError(request.signal);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const exchange = new Exchange(request, head, bodyBytes, this.#settled, resolve, reject);
      this.#inFlight.add(exchange);
      if (request.signal !== undefined) this.#aborts.add(request.signal, exchange);
      known.pool.dispatch(exchange);
    });
  }

  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise;
    this.#closing = Promise.withResolvers();
    for (const exchange of [...this.#inFlight]) exchange.abandon(closedError());
    for (const connection of [...this.#connections]) connection.close(closedError());
    this.#closeWhenQuiet();
    return this.#closing.promise;
  }

  readonly #settled = (exchange: Exchange): void => {
    this.#inFlight.delete(exchange);
    const { signal } = exchange.request;
    if (signal !== undefined) this.#aborts.remove(signal, exchange);
  };

  #closeWhenQuiet(): void {
    if (this.#connections.size === 0) this.#closing?.resolve();
  }

  #known(origin: Origin): KnownOrigin {
    let known = this.#originsByObject.get(origin);
    if (known !== undefined) return known;
    const key = JSON.stringify([
      origin.scheme,
      origin.host,
      origin.port,
      origin.connectTo?.host,
      origin.connectTo?.port,
    ]);
    known = this.#origins.get(key);
    if (known === undefined) {
      checkOrigin(origin);
      const tls = origin.scheme === 'https' ? new TlsPeer(this.#trust, origin.host) : undefined;
      known = { hostHeader: hostHeader(origin), pool: new OriginPool(origin, tls, this.#settings) };
      this.#origins.set(key, known);
    }
    this.#originsByObject.set(origin, known);
    return known;
  }
}

function closedError(): WireError {
  return new WireError('CLOSED', 'the client is closed: make a new one');
}

function natural(name: string, value: number | undefined, usual: number): number {
  if (value === undefined) return usual;
  if (Number.isSafeInteger(value) && value > 0 && value < 2 ** 31) return value;
  throw new WireError('INVALID', `${name} must be a whole number from 1 to 2,147,483,647, not ${value}`);
}

function checkOrigin({ scheme, port, connectTo }: Origin): void {
  if (scheme !== 'http' && scheme !== 'https') {
    throw new WireError('INVALID', `the scheme must be http or https, not ${JSON.stringify(scheme)}`);
  }
  for (const value of [port, connectTo?.port ?? port]) {
    if (!Number.isInteger(value) || value < 1 || value > 65_535) {
      throw new WireError('INVALID', `${value} is not a port: it must be from 1 to 65535`);
    }
  }
}

function checkCertificate(ca: string): void {
  try {
    new X509Certificate(ca);
  } catch (cause) {
    throw new WireError('INVALID', 'the `ca` option holds no certificate in PEM form', { cause });
  }
}
