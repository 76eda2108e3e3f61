import type { WireClient, WireTimeouts } from '@kvferry/wire';

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
   * object until they are refreshed. Fails with UNAUTHENTICATED, naming the sources tried.
   */
  get(): SigningCredentials | Promise<SigningCredentials>;
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

/** What one store does differently, as data. */
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
   * How reads are checked. `fast`: by CRC32C where the store has one, else by exact length. `length`: by length alone.
   * Default `fast`.
   */
  readonly verify?: 'fast' | 'length' | undefined;
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
  readonly credentials: CredentialProvider;
  readonly options: S3ConnectionOptions;
  /** For tests. Default: a client made of the options, closed with the backend. */
  readonly wire?: WireClient | undefined;
}

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
  /** Code of the error that this attempt ended with, if it did. */
  readonly errorCode: string | undefined;
  readonly remoteAddress: string | undefined;
}
