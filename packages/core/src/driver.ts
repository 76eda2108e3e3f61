import type {
  BackendInfo,
  Capabilities,
  DeleteResult,
  GetItem,
  GetResult,
  ListEntry,
  PutItem,
  PutMode,
  PutResult,
  RemoteBackend,
  StatResult,
} from './backend.ts';
import type { Key } from './keys.ts';

/**
 * The items of one call, and the way to answer them. A driver uses `each`, or, for a store with a batch of its own, `settle`.
 */
export interface Batch<Item, Result> {
  /** Never empty; every item is valid. */
  readonly items: readonly Item[];
  /** Fires when the caller aborts or the backend closes. The driver then ends soon, with all its writers quiet. */
  readonly signal: AbortSignal;
  /** Answers one item, once; a second answer is a defect of the driver, and throws. After the signal has fired, answers are dropped. */
  settle(index: number, result: Result): void;
  /**
   * Answers every item with what `run` returns, at most `concurrency` at a time, in order of index. What `run` throws is that item's
   * failure. After the signal has fired no further item is begun; it resolves once every `run` has ended.
   */
  each(concurrency: number, run: (item: Item, index: number) => Result | Promise<Result>): Promise<void>;
}

/**
 * What the author of a backend writes. Its operations are called only while open, with valid items, never with an empty batch, never without
 * the capability. `close` is called once, after every call has ended, also when `open` never was or failed.
 *
 * When a method's promise has settled, nothing of it runs on: no memory is written, no connection is busy. An item that is then
 * unanswered is `failed`: with what the promise was rejected with, else with UNKNOWN.
 */
export interface BackendDriver {
  readonly info: BackendInfo;
  readonly capabilities: Capabilities;
  /** A rejection leaves nothing behind: `open` may be called again. */
  open(signal: AbortSignal): Promise<void>;
  stat(batch: Batch<Key, StatResult>): Promise<void>;
  get(batch: Batch<GetItem, GetResult>): Promise<void>;
  put(batch: Batch<PutItem, PutResult>, mode: PutMode): Promise<void>;
  delete(batch: Batch<Key, DeleteResult>): Promise<void>;
  list(prefix: string, signal: AbortSignal): AsyncIterable<ListEntry>;
  close(): Promise<void>;
}

/** Wraps a backend in another. A layer is a driver that forwards, made a backend by `defineBackend`, so it keeps the same contract. */
export type Layer = (inner: RemoteBackend) => RemoteBackend;

/** What a backend package exports as `backendPlugin`, so that a configuration and every command can open its URLs. */
export interface BackendPlugin {
  /** The scheme of its URLs: `foo` for `foo://…`. */
  readonly scheme: string;
  /** Makes a backend of a URL and of the options that a configuration holds for it. Throws CONFIG_INVALID, naming the option. */
  open(request: { readonly url: string; readonly options: Readonly<Record<string, unknown>> }): RemoteBackend;
}
