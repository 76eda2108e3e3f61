/**
 * The contract of this package: one HTTP/1.1 request at a time on a connection, response bodies received straight into memory that the
 * caller lends; HTTP/2 where it is asked for and chosen, with one copy. It knows no S3.
 */

/** Where requests go. `Host` and SNI follow from `host` and `port`; `connectTo` is where the socket goes instead. */
export interface Origin {
  readonly scheme: 'http' | 'https';
  /** Name or address as it stands in the `Host` header and in SNI, without port or brackets. */
  readonly host: string;
  readonly port: number;
  /** Connects here instead of to `host:port`, with `Host`, SNI and the certificate's name unchanged. */
  readonly connectTo?: { readonly host: string; readonly port: number } | undefined;
}

/** Time limits of one request, in milliseconds. There is no total: whoever wants one aborts. */
export interface WireTimeouts {
  /** Until the socket is connected and TLS is done, from the start of connecting. */
  readonly connectMs: number;
  /** From the last byte of the request taken by the kernel to the first byte of the response. */
  readonly firstByteMs: number;
  /** Without a byte moving in either direction while a body is under way. */
  readonly stallMs: number;
}

/** A digest of one body under way: sees its bytes as they arrive, in order, in the caller's memory, in the thread that reads them. */
export interface Digest {
  update(bytes: Uint8Array): void;
  /** The digest of what came so far, as text. */
  value(): string;
}

/** Begins digests by name. Which names there are is the caller's affair. */
export interface DigestSource {
  start(name: string): Digest;
}

export interface WireRequest {
  readonly origin: Origin;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Path and query as they go on the request line, already escaped. */
  readonly path: string;
  /**
   * Header names and values in turn, without `host`, `content-length` and `connection`, which this package writes. Values hold no CR, LF or NUL
   * (INVALID).
   */
  readonly headers: readonly string[];
  /** Written as one body with `Content-Length`, part after part, never joined. */
  readonly body?: readonly Uint8Array[] | undefined;
  /**
   * Memory for the body of a 2xx response. Lent until the promise settles. Without it, and for every other status, the body goes into
   * memory of this package's own, at most `maxErrorBytes` of it.
   */
  readonly into?: Uint8Array | undefined;
  /** Name of a digest, of those that the client's `digests` knows, to take of the body as it arrives in `into`: see `WireResponse.digest`. */
  readonly digest?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Header fields by their names in lower case; of repeated names the values are joined with `, `. */
export interface ResponseHeaders extends Iterable<[name: string, value: string]> {
  get(name: string): string | undefined;
  has(name: string): boolean;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Bytes of the body that came, whether in `into` or for `body`, which holds fewer where it was cut. 0 for HEAD. */
  readonly bodyBytes: number;
  /** The body when it is not in `into`: at most `maxErrorBytes` of it. */
  readonly body: Uint8Array;
  /** For telemetry, by `performance.now()`. */
  readonly timing: {
    readonly startMs: number;
    readonly firstByteMs: number;
    readonly endMs: number;
  };
  /** The digest of the body, where the request named one and the body went into `into`. */
  readonly digest: string | undefined;
  /** What the connection speaks. */
  readonly protocol: 'http/1.1' | 'h2';
  /** Whether the connection had carried a request before. */
  readonly reusedConnection: boolean;
  /** The address that answered, as `ip:port`. */
  readonly remoteAddress: string;
}

export type WireErrorCode =
  /** The caller's signal fired. */
  | 'ABORTED'
  /** The name does not resolve. */
  | 'DNS'
  /** Nobody listens, or the network has no way there. */
  | 'CONNECT'
  /** The certificate is not trusted, its name is another, or TLS failed. */
  | 'TLS'
  | 'CONNECT_TIMEOUT'
  | 'FIRST_BYTE_TIMEOUT'
  | 'STALL_TIMEOUT'
  /** The connection, or its stream, ended before the response was whole, or the I/O thread died that carried the request. */
  | 'RESET'
  /** The body ended before its announced length. */
  | 'TRUNCATED'
  /** What came is not an HTTP response that can be trusted. */
  | 'PROTOCOL'
  /** The body is longer than `into`: `requiredBytes` says how long, where the response does. */
  | 'BODY_TOO_LARGE'
  /** The request is not one that this package can send, or the I/O thread that it needs cannot be started. */
  | 'INVALID'
  /** The client is closed. */
  | 'CLOSED';

export interface WireErrorFacts {
  readonly requiredBytes?: number | undefined;
  /** The response's status, where its head had arrived. */
  readonly status?: number | undefined;
  /** `ip:port` of the connection, where there was one. */
  readonly remoteAddress?: string | undefined;
  readonly cause?: unknown;
}

/**
 * Sends requests over pooled connections, kept per resolved address.
 *
 * When a request's promise has settled, however it settled, its memory is quiet: nothing is written into `into` and nothing is read from
 * `body`. The connection of a request that did not end well is destroyed, and the promise settles only after its socket has closed; over HTTP/2
 * that is its stream.
 * One that an I/O thread carries settles when the thread has said so, or has ended.
 *
 * A request that finds its kept connection closed under it before the first byte of a response is sent once more on a fresh one, unless it is a
 * POST; over HTTP/2 also one of which the server says that it has not looked at it. Nothing else is ever repeated here.
 */
export interface WireClient {
  request(request: WireRequest): Promise<WireResponse>;
  /** Counts of this moment, for telemetry and tests. */
  readonly stats: WireStats;
  /** Aborts what is in flight with CLOSED and resolves when every socket has closed. Idempotent. */
  close(): Promise<void>;
}

/** Connections of HTTP/2 count as one each, whatever they carry; they are idle when they carry nothing. */
export interface WireStats {
  readonly openConnections: number;
  readonly idleConnections: number;
  readonly requestsInFlight: number;
  readonly connectionsOpened: number;
  /** Requests by `ip:port` of the address that carried them. */
  readonly requestsByAddress: ReadonlyMap<string, number>;
}

export interface WireClientOptions {
  /** Default: connect 3,000, first byte 5,000, stall 5,000. */
  readonly timeouts?: Partial<WireTimeouts> | undefined;
  /** PEM of the certificates to trust in place of the system's. Default: Node's own roots and those of the system. */
  readonly ca?: string | undefined;
  /** Closes a connection that has been idle for this long, in milliseconds; less where the server's `Keep-Alive` says less. Default 15,000. */
  readonly idleMs?: number | undefined;
  /** Most bytes kept of a body that does not go into `into`. Default 65,536; the rest is read past and dropped, up to 1 MiB, then the connection is closed. */
  readonly maxErrorBytes?: number | undefined;
  /** Most bytes of a response's head. Default 65,536. */
  readonly maxHeadBytes?: number | undefined;
  /** Where digests come from that requests name. Default: none. */
  readonly digests?: DigestSource | undefined;
  /**
   * Threads that carry requests whose bodies lie in shared memory, each with connections of its own; everything else stays on the calling thread.
   * They start with the first such request, and do not keep the process alive. Default 0: none.
   */
  readonly ioThreads?: number | undefined;
  /** URL of a module for those threads to load, whose export `loadDigests` is a function that resolves to what `digests` is here. */
  readonly digestModule?: string | undefined;
  /** `prefer` offers HTTP/2 in the TLS handshake, and speaks it to a server that chooses it. Default `never`. */
  readonly http2?: 'prefer' | 'never' | undefined;
  /** Resolves a name to its addresses. Default: `dns.lookup` with all addresses, remembered for 10 s. For tests. */
  readonly resolve?: ((host: string) => Promise<readonly ResolvedAddress[]>) | undefined;
}

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}
