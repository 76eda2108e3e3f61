import { X509Certificate } from 'node:crypto';
import { AbortWatch, abortError } from './abort-watch.ts';
import { AddressBook } from './addresses.ts';
import { closedError, WireError } from './errors.ts';
import { Exchange } from './exchange.ts';
import { OriginPool, type PoolSettings } from './pool.ts';
import { buildRequestHead, hostHeader } from './request-head.ts';
import { takeOut } from './take-out.ts';
import { ThreadedClient } from './threaded-client.ts';
import { TlsPeer, TlsTrust } from './tls.ts';
import type {
  Digest,
  DigestSource,
  Origin,
  ResolvedAddress,
  WireClient,
  WireClientOptions,
  WireRequest,
  WireResponse,
  WireStats,
} from './types.ts';

/** Makes a client with connections of its own. Throws INVALID for options that cannot be meant. */
export function createWireClient(options: WireClientOptions = {}): WireClient {
  const { ioThreads = 0, digests, digestModule, timeouts, ca, idleMs, maxErrorBytes, maxHeadBytes, http2 } = options;
  if (!Number.isInteger(ioThreads) || ioThreads < 0 || ioThreads > maxIoThreads) {
    throw new WireError('INVALID', `ioThreads must be a whole number from 0 to ${maxIoThreads}, not ${ioThreads}`);
  }
  const local = new PooledClient(options, () => {});
  if (ioThreads === 0) return local;
  if (digests !== undefined && digestModule === undefined) {
    throw new WireError(
      'INVALID',
      'I/O threads cannot use `digests`: name the module to load them from, by `digestModule`',
    );
  }
  const forThreads = { timeouts, ca, idleMs, maxErrorBytes, maxHeadBytes, digestModule, http2 };
  return new ThreadedClient(ioThreads, forThreads, local);
}

const maxIoThreads = 1024;

/** An origin with what is worked out for it once. */
interface KnownOrigin {
  readonly hostHeader: string;
  readonly pool: OriginPool;
}

/** A client on the thread that it is made on. */
export class PooledClient implements WireClient {
  readonly #settings: PoolSettings;
  readonly #digests: DigestSource | undefined;
  readonly #trust: TlsTrust;
  readonly #origins = new Map<string, KnownOrigin>();
  /** The same by object, which spares building the key: callers keep their origins. */
  readonly #originsByObject = new WeakMap<Origin, KnownOrigin>();
  readonly #connections: PoolSettings['connections'] = new Set();
  readonly #inFlight: Exchange[] = [];
  readonly #aborts = new AbortWatch();
  #connectionsOpened = 0;
  #closing: PromiseWithResolvers<void> | undefined;

  /** `connectionsChanged` is called when a connection has been opened, and when one has closed. */
  constructor(options: WireClientOptions, connectionsChanged: () => void) {
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
      http2: preference(options.http2),
      addresses: new AddressBook(options.resolve),
      connections: this.#connections,
      connectionOpened: () => {
        this.#connectionsOpened++;
        connectionsChanged();
      },
      connectionClosed: () => {
        connectionsChanged();
        this.#closeWhenQuiet();
      },
    };
    this.#digests = options.digests;
  }

  get stats(): WireStats {
    const requestsByAddress = new Map<string, number>();
    for (const { pool } of this.#origins.values()) {
      for (const { remoteAddress, requests } of pool.addressPools) {
        requestsByAddress.set(remoteAddress, (requestsByAddress.get(remoteAddress) ?? 0) + requests);
      }
    }
    const { open, idle, opened } = this.connectionCounts;
    return {
      openConnections: open,
      idleConnections: idle,
      requestsInFlight: this.#inFlight.length,
      connectionsOpened: opened,
      requestsByAddress,
    };
  }

  get connectionCounts(): { readonly open: number; readonly idle: number; readonly opened: number } {
    let idle = 0;
    for (const { pool } of this.#origins.values())
      for (const address of pool.addressPools) idle += address.idleConnections;
    return { open: this.#connections.size, idle, opened: this.#connectionsOpened };
  }

  request(request: WireRequest): Promise<WireResponse> {
    return new Promise((resolve, reject) => {
      this.begin(request, resolve, reject);
    });
  }

  /** Begins a request, and gives the way to end it early without a signal. Throws what a request fails with at once. */
  begin(request: WireRequest, resolve: (response: WireResponse) => void, reject: (error: unknown) => void): Exchange {
    if (this.#closing !== undefined) throw closedError();
    const known = this.#known(request.origin);
    let bodyBytes = 0;
    if (request.body !== undefined) for (const part of request.body) bodyBytes += part.byteLength;
    const head = buildRequestHead(request, known.hostHeader, bodyBytes);
    if (request.signal?.aborted) throw abortError(request.signal);
    const digest = request.digest === undefined ? undefined : this.#startDigest(request.digest);
    const exchange = new Exchange(request, head, bodyBytes, digest, this.#settled, resolve, reject);
    this.#inFlight.push(exchange);
    if (request.signal !== undefined) this.#aborts.add(request.signal, exchange);
    known.pool.dispatch(exchange);
    return exchange;
  }

  /** The addresses of a name, from the memory that this client goes by. Rejects with DNS. */
  async addressesOf(host: string): Promise<readonly ResolvedAddress[]> {
    return this.#settings.addresses.find(host, performance.now());
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
    takeOut(this.#inFlight, exchange);
    const { signal } = exchange.request;
    if (signal !== undefined) this.#aborts.remove(signal, exchange);
  };

  #startDigest(name: string): Digest {
    if (this.#digests !== undefined) return this.#digests.start(name);
    throw new WireError('INVALID', `the request names the digest ${name}, and the client was given no \`digests\``);
  }

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

function natural(name: string, value: number | undefined, usual: number): number {
  if (value === undefined) return usual;
  if (Number.isSafeInteger(value) && value > 0 && value < 2 ** 31) return value;
  throw new WireError('INVALID', `${name} must be a whole number from 1 to 2,147,483,647, not ${value}`);
}

function preference(http2: WireClientOptions['http2']): 'prefer' | 'never' {
  if (http2 === undefined || http2 === 'prefer' || http2 === 'never') return http2 ?? 'never';
  throw new WireError('INVALID', `http2 must be 'prefer' or 'never', not ${JSON.stringify(http2)}`);
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
