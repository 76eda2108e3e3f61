import type { ConnectionSettings } from '../connection.ts';
import type { Exchange } from '../exchange.ts';
import { type H2Address, type H2Endpoint, H2Session, type H2SessionOwner } from './session.ts';

/** The address whose sessions these are. */
export interface H2PoolAddress extends H2Address {
  sessionMade(session: H2Session): void;
  /** Takes an exchange back, busy with it as before: HTTP/1.1 is what the address speaks. */
  connect(exchange: Exchange): void;
}

/**
 * The HTTP/2 sessions to one address. The first connection finds out what the server chooses; that is remembered, and where it is not HTTP/2 this
 * pool takes nothing more.
 *
 * One session carries all it can, as its server's SETTINGS_MAX_CONCURRENT_STREAMS has it; then another is made.
 */
export class H2Pool implements H2SessionOwner {
  readonly address: H2PoolAddress;
  readonly #endpoint: H2Endpoint;
  readonly #settings: ConnectionSettings;
  /** Those that take exchanges, oldest first: the younger ones idle, and go, where one is enough. */
  readonly #sessions: H2Session[] = [];
  #speaksH2 = true;
  /** As the last session had it. */
  #maxStreams = Number.POSITIVE_INFINITY;

  constructor(endpoint: H2Endpoint, settings: ConnectionSettings, address: H2PoolAddress) {
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.address = address;
  }

  get idleSessions(): number {
    return this.#sessions.filter(({ isIdle }) => isIdle).length;
  }

  /** Takes an exchange; `false` where the address speaks HTTP/1.1. */
  carry(exchange: Exchange): boolean {
    if (!this.#speaksH2) return false;
    const session = this.#sessions.find((candidate) => this.#suits(candidate, exchange));
    (session ?? this.#make()).run(exchange);
    return true;
  }

  #suits(session: H2Session, exchange: Exchange): boolean {
    if (session.isConnecting) return session.load < this.#maxStreams;
    // One that is repeated goes on a connection that is new.
    return !exchange.repeated && session.isUsable && session.load < session.maxStreams;
  }

  #make(): H2Session {
    const session = new H2Session(this.#endpoint, this.#settings, this);
    this.#sessions.push(session);
    this.address.sessionMade(session);
    return session;
  }

  sessionOpened({ maxStreams }: H2Session): void {
    this.#maxStreams = maxStreams;
  }

  http1Chosen(waiting: readonly Exchange[]): void {
    this.#speaksH2 = false;
    for (const exchange of waiting) this.address.connect(exchange);
  }

  http1Required(exchange: Exchange): void {
    this.#speaksH2 = false;
    this.address.connectionStale(exchange);
  }

  exchangeOver(exchange: Exchange): void {
    exchange.holder = undefined;
    // It may have become HTTP/1.1 meanwhile.
    if (!this.carry(exchange)) this.address.connect(exchange);
  }

  sessionLost(session: H2Session): void {
    const at = this.#sessions.indexOf(session);
    if (at !== -1) this.#sessions.splice(at, 1);
  }
}
