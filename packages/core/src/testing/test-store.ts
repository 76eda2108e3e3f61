import type { GetItem, GetResult, PutItem, PutMode, PutResult, RemoteBackend, StatResult } from '../backend.ts';
import { memoryBackend } from '../backends/memory.ts';
import { defineBackend } from '../define-backend.ts';
import type { Batch } from '../driver.ts';
import { KvferryError } from '../errors.ts';
import type { Key } from '../keys.ts';
import { forwardTo } from '../layers/forward.ts';

export type HeldOperation = 'stat' | 'get' | 'put';

/** A store in memory that shows what it was asked, and does as it is told: holds answers back, fails, corrupts. */
export class TestStore {
  readonly values = new Map<Key, Uint8Array>();
  readonly corrupt = new Set<Key>();
  /** What was asked in each call of `stat`, of `get`, of `put`. */
  readonly stats: Key[][] = [];
  readonly gets: Key[][] = [];
  readonly puts: { readonly keys: Key[]; readonly mode: PutMode }[] = [];
  /** Items whose answer was under way when their call was aborted. */
  readonly aborted: Key[] = [];
  readonly backend: RemoteBackend;
  /** Each answer waits for this. A rejection is the item's failure. */
  before: (operation: HeldOperation, key: Key) => unknown = () => undefined;

  constructor(create = true) {
    const inner = memoryBackend();
    this.backend = defineBackend({
      ...forwardTo(inner),
      info: { scheme: 'test', namespace: 'store', details: {} },
      capabilities: { ...inner.capabilities, create },
      open: async () => {},
      close: async () => {},
      stat: (batch) => this.#answer('stat', batch, (key) => this.#stat(key), keyOf),
      get: (batch) => this.#answer('get', batch, (item) => this.#get(item), keyOfItem),
      put: (batch, mode) => {
        this.puts.push({ keys: batch.items.map(keyOfItem), mode });
        return this.#answer('put', batch, (item) => this.#put(item, mode), keyOfItem);
      },
    });
  }

  /** All calls so far are forgotten. */
  forgetCalls(): void {
    for (const calls of [this.stats, this.gets, this.puts, this.aborted]) calls.length = 0;
  }

  /** Every answer of these operations is this error. */
  fail(error: KvferryError, operations: readonly HeldOperation[] = ['stat', 'get', 'put']): void {
    this.before = (operation) => {
      if (operations.includes(operation)) throw error;
    };
  }

  /** Answers of these keys wait until the returned function is called; with no keys, all do. */
  hold(operation: HeldOperation, keys?: readonly Key[]): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const inner = this.before;
    this.before = async (asked, key) => {
      if (asked === operation && (keys === undefined || keys.includes(key))) await promise;
      return inner(asked, key);
    };
    return resolve;
  }

  async #answer<Item, Result>(
    operation: HeldOperation,
    batch: Batch<Item, Result>,
    answer: (item: Item) => Result,
    keyOf: (item: Item) => Key,
  ): Promise<void> {
    if (operation === 'stat') this.stats.push(batch.items.map(keyOf));
    if (operation === 'get') this.gets.push(batch.items.map(keyOf));
    await batch.each(Number.MAX_SAFE_INTEGER, async (item) => {
      const key = keyOf(item);
      await untilAborted(this.before(operation, key), batch.signal);
      if (batch.signal.aborted) {
        this.aborted.push(key);
        throw new Error('aborted');
      }
      return answer(item);
    });
  }

  #stat(key: Key): StatResult {
    const value = this.values.get(key);
    return value === undefined ? { status: 'miss' } : { status: 'hit', byteLength: value.byteLength };
  }

  #get({ key, into }: GetItem): GetResult {
    const value = this.values.get(key);
    if (value === undefined) return { status: 'miss' };
    if (value.byteLength > into.byteLength) {
      throw new KvferryError('BUFFER_TOO_SMALL', 'too small', { requiredBytes: value.byteLength });
    }
    into.set(value);
    if (this.corrupt.has(key)) {
      into[0] = (into[0] as number) ^ 255;
      throw new KvferryError('CORRUPT', 'the checksum does not match');
    }
    return { status: 'hit', byteLength: value.byteLength, verified: 'checksum' };
  }

  #put({ key, parts }: PutItem, mode: PutMode): PutResult {
    if (mode === 'create' && this.values.has(key)) return { status: 'exists' };
    this.values.set(key, new Uint8Array(Buffer.concat(parts)));
    this.corrupt.delete(key);
    return { status: 'stored' };
  }
}

const keyOf = (key: Key): Key => key;
const keyOfItem = (item: { readonly key: Key }): Key => item.key;

async function untilAborted(held: unknown, signal: AbortSignal): Promise<void> {
  if (!(held instanceof Promise)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const leave = (): void => resolve();
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([held, promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
