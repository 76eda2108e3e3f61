import type { ResponseHeaders, WireClient, WireTimeouts } from '@kvferry/wire';

/**
 * The contract of this package: S3 on the wire, for every backend that speaks it. A backend package gives its dialect
 * (endpoint, signing, profile) and gets a `RemoteBackend`; nothing here knows one provider.
 */

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** When they stop being valid, in milliseconds since 1970. */
  readonly expiresAtMs?: number | undefined;
}

/** Where a backend's credentials come from. */
export type CredentialSource =
  /** The usual chain of AWS: environment, shared files, SSO, web identity, container, instance. */
  | 'default'
  | {
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string | undefined;
    }
  /** A profile of the shared configuration files (`~/.aws/config`). */
  | { readonly awsProfile: string }
  /** Sends requests unsigned, for public buckets. */
  | 'anonymous';

/** What requests are signed with: a pair, or nothing. */
export type SigningCredentials = S3Credentials | 'anonymous';

/** Gives credentials that are valid now. Single flight, refreshed ahead of their expiry. */
export interface CredentialProvider {
  /**
   * At once where they are at hand, which is nearly always, so that a request costs no turn of the event loop. The same
   * object until they are refreshed. Fails with UNAUTHENTICATED, naming the sources tried. `signal` says that whoever
   * asked waits no longer; what is under way for others goes on.
   */
  get(signal?: AbortSignal): SigningCredentials | Promise<SigningCredentials>;
  /**
   * Says that the store refused these as expired: the next `get` asks the source again. No effect on any but the
   * current ones.
   */
  invalidate(refused: S3Credentials): void;
  /** What was used, without revealing it: `static AKIA…7Q`, `profile dev`, `environment`. */
  describe(): string;
}

/** A bucket's address, decided: nothing is guessed after this. */
export interface S3Endpoint {
  readonly scheme: 'http' | 'https';
  /** Host of the store, without the bucket. */
  readonly host: string;
  readonly port: number;
  readonly bucket: string;
  readonly addressing: 'virtual' | 'path';
  /** Region that requests are signed for. */
  readonly region: string;
  /** Connects here instead; `Host` and SNI stay the endpoint's. */
  readonly connectTo?: { readonly host: string; readonly port: number } | undefined;
}

/** What one store does, as data: capabilities follow from it, and nothing else in this package knows one store from another. */
export interface S3Profile {
  readonly id: string;
  /** Honours `If-None-Match: *` on PUT, also when writers race. */
  readonly create: boolean;
  /** Checksum sent with each PUT and asked for with each GET. */
  readonly checksum: 'crc32c' | 'none';
  /** Takes DeleteObjects as the SDK sends it; otherwise one DELETE per key. */
  readonly bulkDelete: boolean;
  /** Largest object of a single PUT, in bytes. */
  readonly maxPutBytes: number;
  /** Longest key that the store takes, in bytes of UTF-8. Default: the contract's 512. */
  readonly maxKeyBytes?: number | undefined;
  /** How large values travel; `none` where a store takes single requests alone. */
  readonly multipart: MultipartProfile | 'none';
  /**
   * What a listing takes as its prefix. `any`: any text. `folders`: only what ends in `/`, and answers in no order (directory buckets): `list` then
   * asks for the part up to the last `/` and leaves out what does not match.
   */
  readonly listing: 'any' | 'folders';
  /**
   * How `stat` asks. `head-first-byte`: by HEAD with `Range: bytes=0-0`, for which some stores load the whole object into a cache near the reader.
   * Default `head`.
   */
  readonly stat?: 'head' | 'head-first-byte' | undefined;
}

/** How values too large for one good request travel: multipart uploads, and reads by ranges side by side. */
export interface MultipartProfile {
  /** Values longer than this travel in parts, in bytes. */
  readonly thresholdBytes: number;
  /** Length of a part and of a range, in bytes; S3 takes 5 MiB to 5 GiB, and at most 10,000 parts. */
  readonly partBytes: number;
  /**
   * Keeps the CRC32C of the whole object for an upload that asks for `x-amz-checksum-type: FULL_OBJECT`. Where it does not, what was uploaded in
   * parts is verified by length alone.
   */
  readonly fullObjectChecksum: boolean;
}

/** Options that every S3 backend takes. */
export interface S3ConnectionOptions {
  readonly bucket: string;
  /** Default `'default'`: the chain of AWS. */
  readonly credentials?: CredentialSource | undefined;
  /**
   * `false` speaks plain http, to a store inside one's own network. `ca` (PEM) or `caFile` trusts that authority in
   * place of the system's; default: `AWS_CA_BUNDLE`, else the system's.
   */
  readonly tls?: false | { readonly ca?: string | undefined; readonly caFile?: string | undefined } | undefined;
  /** Connects here instead of to the endpoint's host; `Host`, SNI and the certificate's name stay the endpoint's. */
  readonly connectTo?: { readonly host: string; readonly port: number } | undefined;
  /** Requests on the wire at once, over all calls. Default 64. */
  readonly maxRequestsInFlight?: number | undefined;
  /**
   * Limits of one attempt, in milliseconds. Default: connect 3,000, first byte 5,000, stall 5,000. A total is the
   * deadline layer's.
   */
  readonly timeouts?: Partial<WireTimeouts> | undefined;
  /** Attempts of one request, the first included. Default 3. */
  readonly maxAttempts?: number | undefined;
  /**
   * How reads are checked. `fast`: by CRC32C where the store has one, else by exact length. `full`: where it has none, by CRC64NVME too, which AWS
   * adds to what others wrote without a checksum (0.7 CPU s/GiB). `length`: by length alone. Default `fast`.
   */
  readonly verify?: 'fast' | 'full' | 'length' | undefined;
  /**
   * Threads that move bodies to and from shared memory, each with connections of its own. 0: everything on the calling thread. More than cores − 1
   * gain little. Default 0.
   */
  readonly ioThreads?: number | undefined;
  /** `prefer` offers HTTP/2 over TLS, and speaks it where the store chooses it. Default `never`: HTTP/1.1. */
  readonly http2?: 'prefer' | 'never' | undefined;
  /** In place of the profile's. Both in bytes. */
  readonly multipart?: Partial<Pick<MultipartProfile, 'thresholdBytes' | 'partBytes'>> | undefined;
  /**
   * `unsigned`: the signature covers the checksum header instead of the payload (SHA-256 would cost four times the
   * transfer). `sha256`: the signature covers the payload, for stores that insist. Default `unsigned`.
   */
  readonly payloadSigning?: 'unsigned' | 'sha256' | undefined;
}

/** Everything a backend package decides before it asks for a backend. */
export interface S3Dialect {
  /** `s3`, `s3-express`, … as `info.scheme` has it. */
  readonly scheme: string;
  readonly endpoint: S3Endpoint;
  readonly profile: S3Profile;
  /** Who pays and is allowed. Requests are signed with these, unless `sessions` gives others. */
  readonly credentials: CredentialProvider;
  /** Scope of signatures. Default: service `s3`, token in `x-amz-security-token`. */
  readonly signing?: { readonly service: string; readonly tokenHeader: string } | undefined;
  /** For stores that take requests under sessions. */
  readonly sessions?: SessionDialect | undefined;
  readonly options: S3ConnectionOptions;
  /** For tests. Default: a client made of the options, closed with the backend. */
  readonly wire?: WireClient | undefined;
}

/** How a store opens sessions, which all other requests are then signed by. */
export interface SessionDialect {
  /** The right that opening one takes, as errors name it: `s3express:CreateSession`. */
  readonly right: string;
  /** Makes the provider that requests are signed by, from a way to send the request that opens a session. Called at each `open` of the backend. */
  provider(send: SessionRequest): CredentialProvider;
}

/**
 * Sends one bodiless request to the bucket itself, signed with the dialect's own credentials, over the backend's wire, with its attempts and limits. Rejects
 * with the error that the answer means, and with ABORTED when the backend closes.
 */
export type SessionRequest = (request: {
  readonly method: 'GET';
  /** Escaped, sorted by name, every name with its `=`. */
  readonly query: string;
  /** `x-amz-*` headers, name and value in turn. They are signed. */
  readonly signedHeaders: readonly string[];
  readonly signal: AbortSignal;
}) => Promise<{ readonly headers: ResponseHeaders; readonly body: Uint8Array }>;

/** Published on the diagnostics channel `kvferry:request` for every request on the wire, when it has ended. */
export interface RequestRecord {
  readonly backend: string;
  readonly method: string;
  readonly key: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** By `performance.now()`. `firstByteMs` is 0 where nothing came. */
  readonly startMs: number;
  readonly firstByteMs: number;
  readonly endMs: number;
  /** Body bytes sent or received. */
  readonly bytes: number;
  /** 0 where no answer came. */
  readonly httpStatus: number;
  /** What the connection spoke; `undefined` where no answer came. */
  readonly protocol: 'http/1.1' | 'h2' | undefined;
  /** Code of the error that this attempt ended with, if it did. */
  readonly errorCode: string | undefined;
  readonly remoteAddress: string | undefined;
}

/** Published on the diagnostics channel `kvferry:passed-over` for every object that a listing passes over, since its name is no valid key. */
export interface PassedOverRecord {
  readonly backend: string;
  readonly name: string;
  readonly byteLength: number;
  /** When it was written, in milliseconds since 1970. */
  readonly modifiedMs: number | undefined;
}
