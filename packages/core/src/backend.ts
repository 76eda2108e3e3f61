import type { KvferryError } from './errors.ts';
import type { Key } from './keys.ts';

/** Options that every call takes. */
export interface CallOptions {
  /** Aborts the call: its promise rejects with ABORTED once the last writer is quiet. One that has fired already ends it before any I/O. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a call on a batch of items. */
export interface BatchOptions<Result> extends CallOptions {
  /**
   * Called once per item, in order of completion, before the promise settles. What it throws is an uncaught exception, as in
   * any event handler: it cannot lose a result.
   */
  readonly onSettled?: ((index: number, result: Result) => void) | undefined;
}

export interface PutOptions extends BatchOptions<PutResult> {
  /** `create` keeps what is there and answers `exists`; it needs `capabilities.create`. Default: `replace`. */
  readonly mode?: PutMode | undefined;
}

export interface ListOptions extends CallOptions {
  /** Only keys that start with this text, which need not end at a `/`. Default: all keys. */
  readonly prefix?: string | undefined;
}

export type PutMode = 'replace' | 'create';

/** The store answered that the key is not there. Never an error; and an error is never a miss. */
export interface Miss {
  readonly status: 'miss';
}

/** This item failed; others of the same batch stand. Its error carries operation, key and backend. */
export interface Failed {
  readonly status: 'failed';
  readonly error: KvferryError;
}

export type StatResult =
  | { readonly status: 'hit'; readonly byteLength: number; readonly etag?: string | undefined }
  | Miss
  | Failed;

export type GetResult =
  | {
      readonly status: 'hit';
      /** Length of the value: the first `byteLength` bytes of `into` hold it. */
      readonly byteLength: number;
      /** How the value was checked: against a checksum that the store keeps with it, or by its exact length alone. */
      readonly verified: 'checksum' | 'length';
    }
  | Miss
  | Failed;

export type PutResult = { readonly status: 'stored' } | { readonly status: 'exists' } | Failed;

export type DeleteResult = { readonly status: 'deleted' } | Failed;

export interface GetItem {
  readonly key: Key;
  /** Memory lent for the value, private or shared. Lent until this item settles. Items of one batch do not overlap. */
  readonly into: Uint8Array;
}

export interface PutItem {
  readonly key: Key;
  /** The value, as a gather list that is never joined. Borrowed, and not to be changed, until this item settles. */
  readonly parts: readonly Uint8Array[];
}

export interface ListEntry {
  readonly key: Key;
  readonly byteLength: number;
  /** When the value was written, in milliseconds since 1970 by the store's clock; `undefined` where the store does not say. */
  readonly modifiedMs?: number | undefined;
}

/**
 * What a backend can do, as plain data that is known before `open`. A method never disappears: without its capability it
 * rejects with UNSUPPORTED, before any I/O.
 */
export interface Capabilities {
  readonly delete: boolean;
  readonly list: boolean;
  /** `put` with mode `create`: of many writers of one key, one is answered `stored` and the rest `exists`. */
  readonly create: boolean;
  readonly limits: {
    /** The largest value, in bytes. A larger one is TOO_LARGE. */
    readonly maxValueBytes: number;
    /** The longest key, in bytes of UTF-8: 512, or less where a layer takes a part of it. A longer one is INVALID_ARGUMENT. */
    readonly maxKeyBytes: number;
  };
}

/** Names a backend in messages and telemetry. */
export interface BackendInfo {
  /** `s3`, `file`, `memory`, … */
  readonly scheme: string;
  /** What the keys live in: a bucket, a folder. No secret. */
  readonly namespace: string;
  /** Further facts worth showing to a person, such as endpoint and checksum in use; some are known only once it is open. No secret. */
  readonly details: Readonly<Record<string, string>>;
}

export type BackendState = 'new' | 'opening' | 'open' | 'closing' | 'closed';

/**
 * Remote storage for immutable, content-addressed values: chunks of KV cache. This interface is the contract; what an author
 * writes is a {@link BackendDriver}, and `defineBackend` makes this of it.
 *
 * **Batches.** Each operation takes a batch and answers one result per item, in input order. Each item has its own result:
 * one that fails does not lose the others. `onSettled` reports each item exactly once, before the promise settles. An empty
 * batch gives `[]`, once open. One batch may name a key more than once.
 *
 * **Rejection.** A promise rejects only for the call itself: INVALID_ARGUMENT, then NOT_OPEN, then UNSUPPORTED, all three before
 * any I/O; or ABORTED, when the caller's own signal fires before every item has settled: the items that had settled were reported, no
 * further one is. Everything else is an item's `failed`. The error of a call carries operation and backend.
 *
 * **Memory.** Nothing outside `into` is written. The memory of an item is not written after its `onSettled`, and none is
 * written after the promise settles, aborted calls included: an abort settles once the last writer is quiet. On a miss or a
 * failure the content of `into` is unspecified, but an error document of the store is never in it. `parts` are read only until
 * their item settles. Views on private memory and on `SharedArrayBuffer` are taken alike.
 *
 * **Values** are immutable: whoever writes a key again writes the same bytes. So repeating a put is safe, and reading while a put
 * runs gives the value whole or a miss, never a part.
 *
 * **Failures.** A store that is not reached, and a connection that ends before its answer is whole, are CONNECTION; a store that falls
 * silent is TIMEOUT, so that no call waits for ever. A refusal is PERMISSION_DENIED, a namespace that is not there
 * NAMESPACE_NOT_FOUND, a request to slow down THROTTLED, a store that cannot serve UNAVAILABLE, as far as the answer tells them apart (that
 * to a HEAD of HTTP may not). An answer that is slow but moves is no failure. A connection that ended while it was idle costs no item.
 * Once the disturbance is over, the same backend works again.
 *
 * **Life.** A backend is `new`, and usable once `open` has resolved. A failed `open` may be tried again. `close` is for ever.
 */
export interface RemoteBackend extends AsyncDisposable {
  readonly info: BackendInfo;
  readonly capabilities: Capabilities;
  readonly state: BackendState;

  /**
   * Makes the backend usable. Resolves at once when it is open; calls made meanwhile share one opening. Rejects with NOT_OPEN when closed. An
   * opening that is under way when the backend closes rejects with NOT_OPEN too.
   */
  open(options?: CallOptions): Promise<void>;

  /** Says for each key whether it is there, and how long its value is, without reading it. */
  stat(keys: readonly Key[], options?: BatchOptions<StatResult>): Promise<StatResult[]>;

  /**
   * Reads each value into the memory lent for it. A value longer than `into` is BUFFER_TOO_SMALL with `requiredBytes`, never cut
   * short. A value that does not match its checksum or its announced length is CORRUPT, never a hit.
   */
  get(items: readonly GetItem[], options?: BatchOptions<GetResult>): Promise<GetResult[]>;

  /**
   * Writes each value whole or not at all: a reader sees the old value or the new one, and after a failure the old one. Where
   * only the answer was lost, or is an error, the new one may be there. After `stored`, every later `stat` and `get` of the same backend
   * sees it.
   */
  put(items: readonly PutItem[], options?: PutOptions): Promise<PutResult[]>;

  /** Makes each key absent. One that was absent is `deleted` too. */
  delete(keys: readonly Key[], options?: BatchOptions<DeleteResult>): Promise<DeleteResult[]>;

  /**
   * Lists keys with the length of their values, page by page as the caller iterates, in no promised order. Leaving the loop ends the
   * listing. Each iteration is a listing of its own. Objects in the namespace whose names are not valid keys are passed over.
   */
  list(options?: ListOptions): AsyncIterable<ListEntry>;

  /**
   * Closes for ever. Calls in flight end, their unsettled items `failed` with ABORTED; it resolves when all memory is quiet and every
   * connection is gone. Calling it again gives the same answer.
   */
  close(): Promise<void>;
}
