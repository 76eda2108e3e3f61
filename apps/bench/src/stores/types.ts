import type { LoadedConfig, S3Overrides } from 'kvferry';

/** Which backend, and which store, as the caller asked for it. */
export interface StoreRequest {
  /** `undefined`: what a live configuration names, else `s3`. */
  readonly backend: string | undefined;
  /** `undefined`: what a live configuration names, else the backend's own default. */
  readonly target: string | undefined;
  readonly loaded: LoadedConfig | undefined;
  /** Whether the store is the one that `loaded` names. */
  readonly live: boolean;
  readonly bucket: string | undefined;
  readonly region: string | undefined;
  /** What every key of the run begins with, and what a bucket of its own is called: `kvferry-bench-0a1b2c3d4e5f`. Lower case letters, digits and dashes. */
  readonly runFolder: string;
}

/** A backend's store. Nothing has been written there yet. */
export interface OpenStore {
  /** Scheme of the backend. */
  readonly backend: string;
  /** The store, as a document names it. */
  readonly target: string;
  /** The store, in words. */
  readonly words: string;
  readonly identity: string;
  /** What keys live in, in words: `bucket my-bucket`. */
  readonly place: string;
  /** What becomes of `place`, or of the keys in it, at the end. A sentence. */
  readonly afterwards: string;
  /** Stands in front of all keys of the run: a prefix that the configuration wants. Empty, or with a slash at its end. */
  readonly keyPrefix: string;
  /** Whether the run had started it, so that it shares the machine. */
  readonly isOwn: boolean;
  /** What the backend says of itself before it is open, such as `ioThreads`. */
  readonly details: Readonly<Record<string, string>>;
  readonly seat: Seat;
  /** How clients of other makes reach it; `undefined` for a store that does not speak S3. */
  readonly s3: S3Access | undefined;
  /** Makes the place, and sees that the backend reaches it. Rejects where it cannot be used. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Removes whatever the run may have left there. Says what is gone; `undefined` where there is nothing to say. Rejects when something stays. */
  remove(): Promise<string | undefined>;
  /** Ends what was started for the run alone. Removes nothing of a store that is not its own. */
  close(): Promise<void>;
}

/** All that `backendFor` takes, as plain data that may go to another process: `backendFor(seat.loaded, { backends: seat.backends, ...seat.overrides })`. */
export interface Seat {
  readonly loaded: LoadedConfig;
  /** Packages or files of further backends. */
  readonly backends: readonly string[];
  readonly overrides: S3Overrides;
}

/** An S3 store as any client of S3 needs it. Plain data. */
export interface S3Access {
  /** Scheme, host and port, without the bucket. */
  readonly endpoint: string;
  readonly addressing: 'path' | 'virtual';
  readonly region: string;
  readonly bucket: string;
  /** PEM of the authority to trust, beside the system's. */
  readonly ca: string | undefined;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string | undefined;
  };
  /** A directory bucket, which wants sessions. */
  readonly isExpress: boolean;
}
