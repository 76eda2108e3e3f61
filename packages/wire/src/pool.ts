import type { AddressBook } from './addresses.ts';
import { addressText, Connection, type ConnectionOwner, type ConnectionSettings, type Endpoint } from './connection.ts';
import { WireError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { H2Pool, type H2PoolAddress } from './h2/pool.ts';
import type { H2Session } from './h2/session.ts';
import { hostHeader } from './request-head.ts';
import type { TlsPeer } from './tls.ts';
import type { Origin, ResolvedAddress } from './types.ts';

/** What all pools of a client share. */
export interface PoolSettings extends ConnectionSettings {
  readonly addresses: AddressBook;
  /** Whether HTTP/2 is offered over TLS. */
  readonly http2: 'prefer' | 'never';
  /** Every connection whose socket has not closed. */
  readonly connections: Set<Connection | H2Session>;
  /** Called whenever one of them has closed. */
  readonly connectionClosed: () => void;
  readonly connectionOpened: () => void;
}

/**
 * The connections to one origin, spread over its addresses: an exchange goes to the address that is least busy, in turn where several
 * are.
 *
 * Addresses of the family that the resolver puts first come first (it knows which the machine can reach, RFC 6724), the others only when all
 * of those rest. An address that failed rests 5 s, or until it answers, unless all do.
 */
export class OriginPool {
  readonly #host: string;
  readonly #port: number;
  readonly #authority: string;
  readonly #tls: TlsPeer | undefined;
  readonly #settings: PoolSettings;
  readonly #pools = new Map<string, AddressPool>();
  #resolved: readonly ResolvedAddress[] | undefined;
  #candidates: readonly AddressPool[] = [];
  /** Anywhere, so that threads that begin together do not go to one address together. */
  #turn: number = Math.floor(Math.random() * 1000);

  constructor(origin: Origin, tls: TlsPeer | undefined, settings: PoolSettings) {
    this.#host = origin.connectTo?.host ?? origin.host;
    this.#port = origin.connectTo?.port ?? origin.port;
    this.#authority = hostHeader(origin);
    this.#tls = tls;
    this.#settings = settings;
  }

  /** The pools of all addresses that were ever used. */
  get addressPools(): Iterable<AddressPool> {
    return this.#pools.values();
  }

  /** Gives an exchange to a connection: a kept one or, where there is none or the exchange is a repetition, a new one. */
  dispatch(exchange: Exchange): void {
    const nowMs = performance.now();
    const resolved = this.#settings.addresses.find(this.#host, nowMs);
    if (!(resolved instanceof Promise)) {
      this.#adopt(resolved);
      this.#assign(exchange, nowMs);
      return;
    }
    resolved.then(
      (addresses) => {
        this.#adopt(addresses);
        if (!exchange.settled) this.#assign(exchange, performance.now());
      },
      (error) => exchange.fail(error),
    );
  }

  /** Gives an exchange to an address that it has not tried yet; with none left, it fails with `error`. */
  dispatchElsewhere(exchange: Exchange, error: WireError): void {
    const next = this.#leastBusy(performance.now(), exchange.unreachable);
    if (next === undefined) exchange.fail(error);
    else next.open(exchange);
  }

  #assign(exchange: Exchange, nowMs: number): void {
    const pool = this.#leastBusy(nowMs, exchange.unreachable);
    if (pool === undefined) {
      exchange.fail(new WireError('DNS', `the host name ${this.#host} has no address`));
      return;
    }
    const kept = exchange.repeated ? undefined : pool.takeIdle(nowMs);
    if (kept === undefined) pool.open(exchange);
    else kept.run(exchange);
  }

  #leastBusy(nowMs: number, tried: ReadonlySet<string> | undefined): AddressPool | undefined {
    const pools = this.#candidates;
    if (pools.length === 1 && tried === undefined) return pools[0];
    let best: AddressPool | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    this.#turn = (this.#turn + 1) % Math.max(1, pools.length);
    for (let step = 0; step < pools.length; step++) {
      const pool = pools[(this.#turn + step) % pools.length];
      if (pool === undefined || tried?.has(pool.remoteAddress)) continue;
      const rank = pool.busy + (pool.restUntilMs > nowMs ? 2 : pool.family === pools[0]?.family ? 0 : 1) * tier;
      if (rank >= bestRank) continue;
      best = pool;
      bestRank = rank;
    }
    return best;
  }

  #adopt(resolved: readonly ResolvedAddress[]): void {
    if (resolved === this.#resolved) return;
    this.#resolved = resolved;
    const candidates = new Set<AddressPool>();
    for (const { address, family } of resolved) {
      let pool = this.#pools.get(address);
      if (pool === undefined) {
        const endpoint = { address, port: this.#port, tls: this.#tls, authority: this.#authority };
        pool = new AddressPool(endpoint, family, this.#settings, this);
        this.#pools.set(address, pool);
      }
      candidates.add(pool);
    }
    this.#candidates = [...candidates];
  }
}

/** The connections to one address of an origin. Kept ones are taken last in, first out, so that those not needed grow old and go. */
export class AddressPool implements ConnectionOwner, H2PoolAddress {
  readonly family: 4 | 6;
  readonly remoteAddress: string;
  /** Connections that carry an exchange or are being made for one. */
  busy = 0;
  /** By `performance.now()`. */
  restUntilMs = 0;
  /** Exchanges that it has carried. */
  requests = 0;
  readonly idle: Connection[] = [];
  readonly #endpoint: Endpoint;
  readonly #settings: PoolSettings;
  readonly #origin: OriginPool;
  readonly #h2: H2Pool | undefined;

  /** `authority`: what requests over HTTP/2 name as their host. */
  constructor(
    endpoint: Endpoint & { readonly authority: string },
    family: 4 | 6,
    settings: PoolSettings,
    origin: OriginPool,
  ) {
    this.#endpoint = endpoint;
    this.family = family;
    this.remoteAddress = addressText(endpoint.address, endpoint.port);
    this.#settings = settings;
    this.#origin = origin;
    const { tls } = endpoint;
    if (tls !== undefined && settings.http2 === 'prefer') this.#h2 = new H2Pool({ ...endpoint, tls }, settings, this);
  }

  /** Connections of either kind that wait for an exchange. */
  get idleConnections(): number {
    return this.idle.length + (this.#h2?.idleSessions ?? 0);
  }

  takeIdle(nowMs: number): Connection | undefined {
    // One that is past its time closes by itself: its timer is only late.
    let kept = this.idle.pop();
    while (kept !== undefined && !kept.isFresh(nowMs)) kept = this.idle.pop();
    if (kept !== undefined) this.busy++;
    return kept;
  }

  open(exchange: Exchange): void {
    this.busy++;
    if (this.#h2 === undefined || !this.#h2.carry(exchange)) this.connect(exchange);
  }

  connect(exchange: Exchange): void {
    this.#settings.connections.add(new Connection(this.#endpoint, this.#settings, this, exchange));
  }

  sessionMade(session: H2Session): void {
    this.#settings.connections.add(session);
  }

  connectionOpened(): void {
    this.#settings.connectionOpened();
  }

  exchangeBegun(): void {
    this.requests++;
  }

  exchangeAnswered(): void {
    // An answer ends the rest, a mere connection does not: one that died behind its listener takes those too.
    this.restUntilMs = 0;
  }

  exchangeLeft(): void {
    this.busy--;
  }

  connectionFailed(exchange: Exchange, error: WireError): void {
    this.connectionSuspect();
    exchange.holder = undefined;
    exchange.unreachable ??= new Set();
    exchange.unreachable.add(this.remoteAddress);
    this.#origin.dispatchElsewhere(exchange, error);
  }

  connectionIdle(connection: Connection): void {
    this.busy--;
    this.idle.push(connection);
  }

  connectionStale(exchange: Exchange): void {
    exchange.repeated = true;
    this.#origin.dispatch(exchange);
  }

  connectionSuspect(): void {
    this.restUntilMs = performance.now() + restMs;
  }

  busyConnectionLost(): void {
    this.busy--;
  }

  idleConnectionLost(connection: Connection): void {
    const at = this.idle.indexOf(connection);
    if (at !== -1) this.idle.splice(at, 1);
  }

  connectionClosed(connection: Connection | H2Session): void {
    this.#settings.connections.delete(connection);
    this.#settings.connectionClosed();
  }
}

const restMs = 5_000;
/** More than an address can be busy. */
const tier = 1e9;
