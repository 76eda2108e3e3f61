import { types } from 'node:util';
import type {
  BackendInfo,
  BackendState,
  BatchOptions,
  CallOptions,
  Capabilities,
  DeleteResult,
  GetItem,
  GetResult,
  ListEntry,
  ListOptions,
  PutItem,
  PutOptions,
  PutResult,
  RemoteBackend,
  StatResult,
} from './backend.ts';
import { BatchCall } from './batch-call.ts';
import type { BackendDriver, Batch } from './driver.ts';
import { type ErrorFacts, KvferryError, type Operation } from './errors.ts';
import { isKeyPrefix, type Key, keyProblem } from './keys.ts';
import { Listing } from './listing.ts';

/**
 * Makes a backend of a driver. Everything that is the same for every store is done here, once: arguments, state, capabilities, one result
 * per item, aborts, closing.
 */
export function defineBackend(driver: BackendDriver): RemoteBackend {
  return new DefinedBackend(driver);
}

/** A call that `close` can end: it aborts it, and waits until it is quiet. */
interface RunningCall {
  closeBackend(): void;
  readonly quiet: Promise<void>;
}

interface Opening {
  readonly done: Promise<void>;
  readonly controller: AbortController;
  waiting: number;
}

class DefinedBackend implements RemoteBackend {
  readonly #driver: BackendDriver;
  readonly #name: string;
  /**
   * No `Set`: V8 leaves the old tables of one that takes and gives all the time, each with what stood in it and a pointer to the next, and once
   * the first has grown old, all live until the next full collection.
   */
  readonly #running: RunningCall[] = [];
  #state: BackendState = 'new';
  #opening: Opening | undefined;
  #closed: Promise<void> | undefined;

  constructor(driver: BackendDriver) {
    this.#driver = driver;
    this.#name = `${driver.info.scheme}://${driver.info.namespace}`;
  }

  get info(): BackendInfo {
    return this.#driver.info;
  }

  get capabilities(): Capabilities {
    return this.#driver.capabilities;
  }

  get state(): BackendState {
    return this.#state;
  }

  async open(options: CallOptions = {}): Promise<void> {
    // One that its callers have left is ending: it is nobody else's answer.
    while (this.#opening?.controller.signal.aborted) await Promise.allSettled([this.#opening.done]);
    if (this.#state === 'open') return;
    if (options.signal?.aborted) throw this.#aborted('open', options.signal);
    if (this.#state === 'closing' || this.#state === 'closed') throw this.#notOpen('open');
    this.#opening ??= this.#startOpening();
    await waitForOpening(this.#opening, options.signal, () => this.#aborted('open', options.signal));
  }

  #startOpening(): Opening {
    this.#state = 'opening';
    const controller = new AbortController();
    // A driver may throw before it gives a promise: the opening must not have failed before it is known as the one under way.
    const opened = (async () => this.#driver.open(controller.signal))();
    const done = (async () => {
      try {
        await opened;
      } catch (thrown) {
        if (this.#state !== 'opening') throw this.#notOpen('open');
        this.#state = 'new';
        throw KvferryError.from(thrown, this.#facts('open'));
      } finally {
        this.#opening = undefined;
      }
      if (this.#state !== 'opening') throw this.#notOpen('open');
      this.#state = 'open';
    })();
    // Whoever waits sees the rejection; with nobody left waiting it must not become an unhandled one.
    done.catch(() => {});
    return { done, controller, waiting: 0 };
  }

  async stat(keys: readonly Key[], options: BatchOptions<StatResult> = {}): Promise<StatResult[]> {
    this.#checkItems('stat', keys, keyProblem);
    this.#checkUsable('stat', options.signal);
    return this.#run('stat', keys, keyOf, undefined, options, (batch) => this.#driver.stat(batch));
  }

  async get(items: readonly GetItem[], options: BatchOptions<GetResult> = {}): Promise<GetResult[]> {
    this.#checkItems('get', items, getItemProblem);
    const overlap = overlapProblem(items);
    if (overlap !== undefined) throw new KvferryError('INVALID_ARGUMENT', overlap, this.#facts('get'));
    this.#checkUsable('get', options.signal);
    return this.#run('get', items, keyOfItem, undefined, options, (batch) => this.#driver.get(batch));
  }

  async put(items: readonly PutItem[], options: PutOptions = {}): Promise<PutResult[]> {
    const mode = options.mode === undefined ? 'replace' : options.mode;
    if (mode !== 'replace' && mode !== 'create') {
      const reason = `mode is 'replace' or 'create', not ${JSON.stringify(mode)}`;
      throw new KvferryError('INVALID_ARGUMENT', reason, this.#facts('put'));
    }
    this.#checkItems('put', items, putItemProblem);
    this.#checkUsable('put', options.signal, mode === 'create' ? 'create' : undefined);
    const { maxValueBytes } = this.capabilities.limits;
    const refuse = (item: PutItem): PutResult | undefined => {
      const byteLength = partsBytes(item.parts);
      if (byteLength <= maxValueBytes) return undefined;
      const reason = `the value has ${byteLength} bytes; this backend stores at most ${maxValueBytes}`;
      return { status: 'failed', error: new KvferryError('TOO_LARGE', reason) };
    };
    return this.#run('put', items, keyOfItem, refuse, options, (batch) => this.#driver.put(batch, mode));
  }

  async delete(keys: readonly Key[], options: BatchOptions<DeleteResult> = {}): Promise<DeleteResult[]> {
    this.#checkItems('delete', keys, keyProblem);
    this.#checkUsable('delete', options.signal, 'delete');
    return this.#run('delete', keys, keyOf, undefined, options, (batch) => this.#driver.delete(batch));
  }

  list(options: ListOptions = {}): AsyncIterable<ListEntry> {
    return { [Symbol.asyncIterator]: () => this.#startListing(options) };
  }

  #startListing(options: ListOptions): AsyncIterator<ListEntry> {
    const prefix = options.prefix ?? '';
    const listing = new Listing(
      () => {
        if (typeof prefix !== 'string' || !prefix.isWellFormed()) {
          const reason = 'prefix is a text of well-formed Unicode';
          throw new KvferryError('INVALID_ARGUMENT', reason, this.#facts('list'));
        }
        this.#checkUsable('list', options.signal, 'list');
        this.#running.push(listing);
      },
      // No store needs to be asked for what cannot be; some take such a prefix for an error.
      (signal) => (isKeyPrefix(prefix) ? this.#driver.list(prefix, signal) : nothing()),
      () => this.#ended(listing),
      options.signal,
      this.#facts('list'),
    );
    return listing;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#state = 'closing';
    const opening = this.#opening;
    opening?.controller.abort(new KvferryError('ABORTED', 'the backend was closed'));
    const running = [...this.#running];
    for (const call of running) call.closeBackend();
    await Promise.allSettled([opening?.done, ...running.map((call) => call.quiet)]);
    try {
      await this.#driver.close();
    } catch (thrown) {
      throw KvferryError.from(thrown, this.#facts('close'));
    } finally {
      this.#state = 'closed';
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run<Item, Result extends { readonly status: string }>(
    operation: Operation,
    items: readonly Item[],
    keyOf: (item: Item) => Key,
    refuse: ((item: Item) => Result | undefined) | undefined,
    options: BatchOptions<Result>,
    run: (batch: Batch<Item, Result>) => Promise<void>,
  ): Promise<Result[]> {
    if (items.length === 0) return [];
    const call = new BatchCall(items, keyOf, refuse, options, this.#facts(operation));
    this.#running.push(call);
    try {
      return await call.run(run);
    } finally {
      this.#ended(call);
    }
  }

  #ended(call: RunningCall): void {
    const last = this.#running.pop();
    if (last !== undefined && last !== call) this.#running[this.#running.indexOf(call)] = last;
  }

  #checkItems<Item>(operation: Operation, items: readonly Item[], problemOf: ProblemOf<Item>): void {
    if (!Array.isArray(items)) {
      throw new KvferryError('INVALID_ARGUMENT', `${operation} takes an array`, this.#facts(operation));
    }
    const { maxKeyBytes } = this.capabilities.limits;
    for (let index = 0; index < items.length; index += 1) {
      const problem = problemOf(items[index] as Item, maxKeyBytes);
      if (problem === undefined) continue;
      throw new KvferryError('INVALID_ARGUMENT', `item ${index}: ${problem}`, this.#facts(operation));
    }
  }

  #checkUsable(operation: Operation, signal: AbortSignal | undefined, needs?: 'delete' | 'list' | 'create'): void {
    if (this.#state !== 'open') throw this.#notOpen(operation);
    if (needs !== undefined && !this.capabilities[needs]) {
      const what = needs === 'create' ? "put with mode 'create'" : needs;
      const reason = `${this.#name} cannot do ${what}; see capabilities.${needs}`;
      throw new KvferryError('UNSUPPORTED', reason, this.#facts(operation));
    }
    if (signal?.aborted) throw this.#aborted(operation, signal);
  }

  #notOpen(operation: Operation): KvferryError {
    const wayOut =
      this.#state === 'new' || this.#state === 'opening'
        ? 'await open() first'
        : 'a closed backend stays closed; make a new one';
    return new KvferryError('NOT_OPEN', `${this.#name} is ${this.#state}: ${wayOut}`, this.#facts(operation));
  }

  #aborted(operation: Operation, signal: AbortSignal | undefined): KvferryError {
    return new KvferryError('ABORTED', 'the caller aborted', { ...this.#facts(operation), cause: signal?.reason });
  }

  #facts(operation: Operation): ErrorFacts {
    return { backend: this.#name, operation };
  }
}

/**
 * Waits for a shared opening. Who aborts leaves the others waiting; the last to leave ends the opening, and waits until it is quiet.
 */
async function waitForOpening(
  opening: Opening,
  signal: AbortSignal | undefined,
  abortedError: () => KvferryError,
): Promise<void> {
  if (signal === undefined) {
    opening.waiting += 1;
    return opening.done;
  }
  opening.waiting += 1;
  const left = Promise.withResolvers<void>();
  const leave = (): void => {
    opening.waiting -= 1;
    if (opening.waiting > 0) {
      left.reject(abortedError());
      return;
    }
    opening.controller.abort(signal.reason);
    opening.done.then(left.resolve, () => left.reject(abortedError()));
  };
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([opening.done, left.promise]);
  } catch (thrown) {
    throw signal.aborted ? abortedError() : thrown;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

async function* nothing(): AsyncGenerator<ListEntry> {}

const keyOf = (key: Key): Key => key;
const keyOfItem = (item: { readonly key: Key }): Key => item.key;

/** Says what is wrong with an item, whose key may have so many bytes. */
type ProblemOf<Item> = (item: Item, maxKeyBytes: number) => string | undefined;

function getItemProblem(item: GetItem, maxKeyBytes: number): string | undefined {
  if (typeof item !== 'object' || item === null) return 'an item of get is { key, into }';
  const problem = keyProblem(item.key, maxKeyBytes);
  if (problem !== undefined) return problem;
  return types.isUint8Array(item.into) ? undefined : 'into is a Uint8Array';
}

function putItemProblem(item: PutItem, maxKeyBytes: number): string | undefined {
  if (typeof item !== 'object' || item === null) return 'an item of put is { key, parts }';
  const problem = keyProblem(item.key, maxKeyBytes);
  if (problem !== undefined) return problem;
  if (!Array.isArray(item.parts)) return 'parts is an array of Uint8Array';
  for (const part of item.parts) if (!types.isUint8Array(part)) return 'every part is a Uint8Array';
  return undefined;
}

function partsBytes(parts: readonly Uint8Array[]): number {
  let byteLength = 0;
  for (const part of parts) byteLength += part.byteLength;
  return byteLength;
}

/** Two writers must never share memory: says which items of a get do. */
function overlapProblem(items: readonly GetItem[]): string | undefined {
  if (items.length < 2) return undefined;
  const byBuffer = new Map<ArrayBufferLike, number[]>();
  for (let index = 0; index < items.length; index += 1) {
    const { into } = items[index] as GetItem;
    // Nothing is written to a view of no bytes.
    if (into.byteLength === 0) continue;
    const sharing = byBuffer.get(into.buffer);
    if (sharing === undefined) byBuffer.set(into.buffer, [index]);
    else sharing.push(index);
  }
  for (const indexes of byBuffer.values()) {
    if (indexes.length < 2) continue;
    const views = indexes.map((index) => ({ index, into: (items[index] as GetItem).into }));
    views.sort((a, b) => a.into.byteOffset - b.into.byteOffset);
    let previous = views[0];
    for (const view of views.slice(1)) {
      if (previous !== undefined && previous.into.byteOffset + previous.into.byteLength > view.into.byteOffset) {
        return `items ${previous.index} and ${view.index} lend the same memory; each item needs memory of its own`;
      }
      previous = view;
    }
  }
  return undefined;
}
