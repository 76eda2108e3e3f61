/** The contract of the simulator: an S3 server in one process, for tests, demos and benchmarks. */

export interface SimulatorCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** When set, requests must carry it as `x-amz-security-token`. */
  readonly sessionToken?: string | undefined;
  /** When `sessionToken` stops being valid, in milliseconds since 1970: ExpiredToken from then on. Default: never. */
  readonly expiresAtMs?: number | undefined;
}

export interface SimulatorOptions {
  /** TCP port on 127.0.0.1. Default 0: any free one. */
  readonly port?: number | undefined;
  /** `https` with a throw-away certificate for `127.0.0.1`, `localhost`, `hosts` and, of each, any one label before it. Default `http`. */
  readonly scheme?: 'http' | 'https' | undefined;
  /** `offered`: over `https`, HTTP/2 to clients that want it, beside HTTP/1.1. Default `never`. */
  readonly http2?: 'offered' | 'never' | undefined;
  /**
   * Host names that the server answers for; a request to `<bucket>.<host>` is virtual-host style, one to `<host>` itself, to an IP address or
   * to `localhost` path style. Default `['s3.localhost']`.
   */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Where a bucket's name may stand. `path`: the host says nothing, as with MinIO that was given no domain. `host`: a name in the path is refused,
   * as some stores do. Default `both`.
   */
  readonly addressing?: 'both' | 'path' | 'host' | undefined;
  /** Region that signatures must name. Default `us-east-1`; `*` takes any. */
  readonly region?: string | undefined;
  /** Whose signatures are taken. Default: one pair, `kvferry-simulator` / `kvferry-simulator-secret`. */
  readonly credentials?: readonly SimulatorCredentials[] | undefined;
  /** Buckets that exist from the start. One whose name ends in `--x-s3` is a directory bucket, as S3 Express One Zone has them. */
  readonly buckets?: readonly string[] | undefined;
  /** Bytes of objects kept in memory; what is more goes to a temporary folder, removed at `close`. Default 4 GiB or half of what the machine has free, whichever is less. */
  readonly memoryBytes?: number | undefined;
  /** The clock by which signatures are checked, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /**
   * How entity tags are made. `crc`: 32 hex digits of length and CRC32C (CRC32 where the client sends that one), so the same content put in
   * the same way has the same tag. `md5`: MD5, as S3 makes them, for 1.5 CPU seconds per GiB. Those of directory buckets are random. Default `crc`.
   */
  readonly etag?: 'crc' | 'md5' | undefined;
  /** The least of a part of an upload that is not its last, in bytes; less than S3's lets a test be small. Default 5 MiB, as at AWS. */
  readonly minPartBytes?: number | undefined;
  /** How long a session of a directory bucket lasts, in milliseconds. Default 300,000, as at AWS. */
  readonly sessionMs?: number | undefined;
}

/** One thing that goes wrong, for the requests it names. */
export interface Fault {
  /** Which requests: all of these that are given must match. `times` default 1; `Infinity` for ever. */
  readonly match?: {
    readonly method?: string | undefined;
    readonly bucket?: string | undefined;
    /** Exact object key, or a pattern. */
    readonly key?: string | RegExp | undefined;
    /** A pattern of the query, as it came: `/partNumber=2&/`. */
    readonly query?: RegExp | undefined;
    /** The `Range` header, exactly: `bytes=0-99`. */
    readonly range?: string | undefined;
  };
  /** Requests that match and pass before the fault strikes. Default 0. */
  readonly after?: number | undefined;
  readonly times?: number | undefined;
  readonly effect: FaultEffect;
}

export type FaultEffect =
  /** Answers with this status and, where there is a code, S3's error document, in place of doing anything. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly code?: string | undefined;
      readonly message?: string | undefined;
      readonly headers?: Readonly<Record<string, string>> | undefined;
    }
  /** Does what was asked, then answers with this status all the same. */
  | { readonly kind: 'status-after-success'; readonly status: number; readonly code?: string | undefined }
  /** Waits before answering, in milliseconds. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Sends (or, for an upload, takes) this many body bytes, then nothing more and leaves the connection open. 0 with `'head'` answers nothing at all. */
  | { readonly kind: 'stall'; readonly afterBytes: number | 'head' }
  /** Sends (or takes) this many body bytes, then resets the connection; over HTTP/2 the stream alone. `'head'`: before any answer. */
  | { readonly kind: 'reset'; readonly afterBytes: number | 'head' }
  /** Announces the whole length, sends this many body bytes, then closes the connection in good order; over HTTP/2 the stream alone. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** Announces and sends only this many bytes, as if the object were shorter; its checksum header stays. */
  | { readonly kind: 'shorten'; readonly toBytes: number }
  /** Flips the lowest bit of the body byte at this offset. */
  | { readonly kind: 'flip'; readonly atByte: number }
  /** Leaves out these response headers. */
  | { readonly kind: 'drop-headers'; readonly names: readonly string[] };

/** What the server saw of one request. */
export interface SimulatorRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Status answered; 0 while none was. */
  readonly status: number;
  /** Body bytes taken and sent. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How it ended: `open` still runs; `aborted`: the connection went before the answer was out, by the client's doing or a fault's. */
  readonly state: 'open' | 'done' | 'aborted';
  /** `ip:port` of the client, which tells connections apart. */
  readonly connection: string;
  readonly protocol: 'http/1.1' | 'h2';
}

export interface Simulator {
  /** `http://127.0.0.1:<port>` or `https://…`: the path-style endpoint. */
  readonly url: string;
  readonly port: number;
  /** PEM of the throw-away authority, for `https`. */
  readonly ca: string | undefined;
  readonly credentials: SimulatorCredentials;
  readonly region: string;
  /** The latest requests, oldest first: at most 10,000. */
  readonly requests: readonly SimulatorRequest[];
  readonly stats: { readonly openConnections: number; readonly openRequests: number; readonly maxOpenRequests: number };
  clearRequests(): void;
  /** Adds a fault; the function returned takes it away again. Faults are tried in order of adding; the first that matches strikes. */
  addFault(fault: Fault): () => void;
  createBucket(bucket: string): void;
  /** Direct access to what is stored, past the wire: to lay objects and to look at them. */
  putObject(bucket: string, key: string, body: Uint8Array, options?: PutObjectOptions): Promise<void>;
  getObject(bucket: string, key: string): Promise<StoredObject | undefined>;
  deleteObject(bucket: string, key: string): void;
  listKeys(bucket: string): string[];
  /** Ends every connection and removes the temporary folder. Idempotent. */
  close(): Promise<void>;
}

export interface PutObjectOptions {
  /** Checksum to keep with the object. Default `crc32c`, computed; `none` as LMCache's client writes. A text is kept as it is, right or wrong. */
  readonly crc32c?: 'computed' | 'none' | { readonly base64: string } | undefined;
  /** The same of CRC64NVME, which AWS adds to what is written without a checksum. Default `none`. */
  readonly crc64nvme?: 'computed' | 'none' | { readonly base64: string } | undefined;
  readonly lastModified?: Date | undefined;
}

export interface StoredObject {
  readonly body: Uint8Array;
  /** As the header has it, quotes included. */
  readonly etag: string;
  readonly contentType: string;
  /** Checksum headers by name, such as `x-amz-checksum-crc32c`. */
  readonly checksums: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly lastModified: Date;
}
