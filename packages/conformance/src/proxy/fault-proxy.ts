import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, isIP, type Server, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { KvferryError } from '@kvferry/core';
import { type Authority, createAuthority } from './authority.ts';
import { Counters } from './counters.ts';
import { H2Front } from './h2-front.ts';
import { Link, type LinkEnds } from './link.ts';
import type { FaultProxy, ProxyAnswer, ProxyCounts, WireFault } from './types.ts';
import { WireFaults } from './wire-faults.ts';

export interface FaultProxyOptions {
  /** URL of the store: `http:`, `https:`, `tcp:`, or `tls:` for TLS with something else than HTTP inside. */
  readonly upstream: string;
  /** PEM of the authority that the store's certificate is from, where it is not a public one. */
  readonly upstreamCa?: string | undefined;
  /** `offered`: backends that can have HTTP/2, where the store is `https:`; the proxy speaks HTTP/1.1 with the store all the same. Default `never`. */
  readonly http2?: 'offered' | 'never' | undefined;
}

/** Starts a proxy in front of a store, on a free port of 127.0.0.1. Rejects with CONNECTION where it does not reach the store. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  return await FaultProxyServer.start(options);
}

/** Where the store is, and how it is spoken to. */
interface Upstream {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly http: boolean;
  /** Made once: reading the authorities is half the cost of a connection. */
  readonly secureContext: SecureContext | undefined;
}

/** A connection of a backend with all that it carries. */
interface Carried {
  /** Resolves when it is gone, and what it carried. */
  readonly closed: Promise<unknown>;
  end(): void;
  /** Ends what a fault keeps open and silent. */
  endStalled(): void;
}

/** The proxy, with what only its owner may do: `reset` between two cases. */
export class FaultProxyServer implements FaultProxy {
  readonly address: { readonly host: string; readonly port: number };
  readonly ca: string | undefined;
  readonly #upstream: Upstream;
  readonly #authority: Authority | undefined;
  readonly #protocols: string[];
  readonly #server: Server;
  readonly #counters = new Counters();
  readonly #faults = new WireFaults();
  /** Every connection from a backend, and what it carries once it is known what it speaks. */
  readonly #connections = new Map<Socket, Carried | undefined>();
  #answer: ProxyAnswer | undefined;

  static async start({ upstream, upstreamCa, http2 }: FaultProxyOptions): Promise<FaultProxyServer> {
    const parsed = parseUpstream(upstream, upstreamCa);
    if (http2 === 'offered' && !(parsed.tls && parsed.http)) {
      throw new KvferryError('CONFIG_INVALID', `HTTP/2 needs an https:// upstream, and ${parsed.url} is none`);
    }
    await checkReachable(parsed);
    const authority = parsed.tls ? await createAuthority() : undefined;
    // Made before the first client comes: who connects by address asks for no name.
    const context = await authority?.contextFor(parsed.host);
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const protocols = http2 === 'offered' ? ['h2', 'http/1.1'] : ['http/1.1'];
    return new FaultProxyServer(parsed, server, authority, context, protocols);
  }

  private constructor(
    upstream: Upstream,
    server: Server,
    authority: Authority | undefined,
    context: SecureContext | undefined,
    protocols: string[],
  ) {
    const { port } = server.address() as AddressInfo;
    this.address = { host: '127.0.0.1', port };
    this.ca = authority?.ca;
    this.#upstream = upstream;
    this.#server = server;
    this.#authority = authority;
    this.#protocols = protocols;
    server.on('connection', (socket) => void this.#accept(socket, context));
  }

  /** Whether it can answer in the store's place. */
  get speaksHttp(): boolean {
    return this.#upstream.http;
  }

  get counts(): ProxyCounts {
    return this.#counters.counts;
  }

  inject(fault: WireFault, times: number = Number.POSITIVE_INFINITY): void {
    this.#faults.inject(fault, times);
    if (fault.kind === 'refuse') this.#endAll();
  }

  answer(answer: ProxyAnswer): void {
    if (!this.#upstream.http) throw new Error(`${this.#upstream.url} does not speak HTTP: the proxy has no answers`);
    this.#answer = answer;
  }

  clear(): void {
    this.#answer = undefined;
    this.#faults.clear();
    for (const carried of this.#connections.values()) carried?.endStalled();
  }

  until(condition: (counts: ProxyCounts) => boolean, signal: AbortSignal): Promise<void> {
    return this.#counters.until(condition, signal);
  }

  /** Passes everything on again, ends every connection, and counts from 0. */
  async reset(): Promise<void> {
    this.clear();
    const gone = [...this.#connections].map(([socket, carried]) => carried?.closed ?? closeOf(socket));
    this.#endAll();
    await Promise.all(gone);
    this.#counters.reset();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await this.reset();
    await closed;
  }

  #endAll(): void {
    for (const [socket, carried] of this.#connections) {
      carried?.end();
      socket.destroy();
    }
  }

  async #accept(raw: Socket, context: SecureContext | undefined): Promise<void> {
    raw.on('error', () => {});
    this.#counters.add({ connections: 1 });
    if (this.#faults.refusesNext()) {
      raw.resetAndDestroy();
      return;
    }
    this.#connections.set(raw, undefined);
    this.#counters.add({ openConnections: 1 });
    raw.once('close', () => {
      this.#connections.delete(raw);
      this.#counters.add({ openConnections: -1 });
    });
    const client = context === undefined ? raw : await this.#secure(raw, context);
    if (client === undefined || client.destroyed) return;
    if (client instanceof TLSSocket && client.alpnProtocol === 'h2') {
      const front = new H2Front(client, raw, (end) => this.#link({ client: end, rawClient: end }, client));
      this.#connections.set(raw, front);
      return;
    }
    this.#connections.set(raw, this.#link({ client, rawClient: raw }, client));
  }

  /** Joins a client's end to the store. `connection` is what the client came by. */
  #link(end: Pick<LinkEnds, 'client' | 'rawClient'>, connection: Socket): Link {
    const name = connection instanceof TLSSocket ? serverNameOf(connection) : undefined;
    const { store, raw: rawStore } = connectStore(this.#upstream, name);
    return new Link(
      { ...end, store, rawStore },
      {
        speaksHttp: this.#upstream.http,
        counters: this.#counters,
        faults: this.#faults.forConnection(),
        currentAnswer: () => this.#answer,
      },
    );
  }

  /** Speaks TLS as the server; `undefined` when the client does not want to. */
  async #secure(raw: Socket, secureContext: SecureContext): Promise<TLSSocket | undefined> {
    const authority = this.#authority;
    const client = new TLSSocket(raw, {
      isServer: true,
      secureContext,
      ...(this.#upstream.http ? { ALPNProtocols: this.#protocols } : {}),
      SNICallback: (name, done) => {
        authority?.contextFor(name).then(
          (context) => done(null, context),
          (thrown: Error) => done(thrown),
        );
      },
    });
    const secured = Promise.withResolvers<TLSSocket | undefined>();
    client.once('secure', () => secured.resolve(client));
    for (const event of ['error', 'end', 'close']) client.once(event, () => secured.resolve(undefined));
    client.on('error', () => raw.destroy());
    const outcome = await secured.promise;
    if (outcome === undefined) client.destroy();
    return outcome;
  }
}

function parseUpstream(text: string, ca: string | undefined): Upstream {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'tcp:': 0, 'tls:': 0 };
  const port = Number(url?.port) || defaultPorts[url?.protocol ?? ''] || 0;
  if (url === undefined || url.hostname === '' || port === 0) {
    const reason = `upstream is http://host, https://host, tcp://host:port or tls://host:port, not ${JSON.stringify(text)}`;
    throw new KvferryError('CONFIG_INVALID', reason);
  }
  const { protocol } = url;
  const tls = protocol === 'https:' || protocol === 'tls:';
  return {
    url: `${protocol}//${url.host}`,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    tls,
    http: protocol === 'http:' || protocol === 'https:',
    secureContext: tls ? createSecureContext(ca === undefined ? {} : { ca }) : undefined,
  };
}

/** Connects to the store. Its name stays what the client asked for; `raw` is the socket below TLS. */
function connectStore(upstream: Upstream, name: string | undefined): { readonly store: Socket; readonly raw: Socket } {
  const { host, port, secureContext } = upstream;
  const raw = connectTcp({ host, port, allowHalfOpen: true, noDelay: true });
  raw.on('error', () => {});
  if (!upstream.tls) return { store: raw, raw };
  const servername = name ?? (isIP(host) === 0 ? host : undefined);
  const store = connectTls({
    socket: raw,
    host,
    ...(servername === undefined ? {} : { servername }),
    ...(secureContext === undefined ? {} : { secureContext }),
    ...(upstream.http ? { ALPNProtocols: ['http/1.1'] } : {}),
  });
  return { store, raw };
}

/** Fails the run at once, with its cause, where else every case would fail with a connection that is reset. */
async function checkReachable(upstream: Upstream): Promise<void> {
  const { store } = connectStore(upstream, undefined);
  try {
    await once(store, upstream.tls ? 'secureConnect' : 'connect', { signal: AbortSignal.timeout(10_000) });
  } catch (cause) {
    const seen = cause instanceof Error ? cause.message : String(cause);
    throw new KvferryError('CONNECTION', `the proxy does not reach the store at ${upstream.url}: ${seen}`, { cause });
  } finally {
    store.on('error', () => {});
    store.destroy();
  }
}

/** The name that the client asked for. */
function serverNameOf(client: TLSSocket): string | undefined {
  // Node sets it on the server's side; its types do not say so.
  const { servername } = client as TLSSocket & { readonly servername?: string | false | null };
  return typeof servername === 'string' && servername !== '' ? servername : undefined;
}

async function closeOf(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close');
}
