import type { BatchOptions } from './backend.ts';
import type { Batch } from './driver.ts';
import { type ErrorFacts, KvferryError } from './errors.ts';
import type { Key } from './keys.ts';

/** What ended a call early, if anything did. */
type Ending = 'caller' | 'close' | undefined;

/**
 * One call on a batch, from valid items to one result each.
 *
 * Once the call has been ended early, results that still come in are dropped: what had settled by then stands, and the call waits
 * for its driver to be quiet.
 */
export class BatchCall<Item, Result extends { readonly status: string }> {
  /** Resolves when the driver is quiet, however the call ended. */
  readonly quiet: Promise<void>;
  readonly #items: readonly Item[];
  readonly #keyOf: (item: Item) => Key;
  readonly #onSettled: ((index: number, result: Result) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #facts: ErrorFacts;
  readonly #results: (Result | undefined)[];
  readonly #refuse: ((item: Item) => Result | undefined) | undefined;
  readonly #controller = new AbortController();
  readonly #becomeQuiet: () => void;
  #unsettled: number;
  #ending: Ending;

  constructor(
    items: readonly Item[],
    keyOf: (item: Item) => Key,
    refuse: ((item: Item) => Result | undefined) | undefined,
    options: BatchOptions<Result>,
    facts: ErrorFacts,
  ) {
    this.#items = items;
    this.#keyOf = keyOf;
    this.#onSettled = options.onSettled;
    this.#signal = options.signal;
    this.#facts = facts;
    this.#results = new Array<Result | undefined>(items.length).fill(undefined);
    this.#unsettled = items.length;
    const quiet = Promise.withResolvers<void>();
    this.quiet = quiet.promise;
    this.#becomeQuiet = quiet.resolve;
    this.#refuse = refuse;
  }

  /**
   * Settles the items that are refused before any I/O, as long as the call has not been ended by whoever hears of them; gives the indexes of the rest, or
   * `undefined` when nothing was refused.
   */
  #refuseSome(): readonly number[] | undefined {
    if (this.#refuse === undefined) return undefined;
    const passed: number[] = [];
    for (let index = 0; index < this.#items.length && this.#ending === undefined; index += 1) {
      const refusal = this.#refuse(this.#items[index] as Item);
      if (refusal === undefined) passed.push(index);
      else this.#settle(index, refusal);
    }
    return passed.length === this.#items.length ? undefined : passed;
  }

  async run(drive: (batch: Batch<Item, Result>) => Promise<void>): Promise<Result[]> {
    const signal = this.#signal;
    const abort = (): void => this.#end('caller', signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    let thrown: unknown;
    try {
      const passed = this.#refuseSome();
      if (this.#unsettled > 0 && this.#ending === undefined) await drive(this.#batch(passed));
    } catch (error) {
      thrown = error;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#becomeQuiet();
    }
    if (this.#unsettled > 0) this.#answerTheRest(thrown);
    return this.#results as Result[];
  }

  /** Ends the call because its backend closes. */
  closeBackend(): void {
    this.#end('close', new KvferryError('ABORTED', 'the backend was closed'));
  }

  #end(ending: Ending, reason: unknown): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#controller.abort(reason);
  }

  /** The batch of the items at these indexes, or of all. */
  #batch(passed: readonly number[] | undefined): Batch<Item, Result> {
    const items = passed === undefined ? this.#items : passed.map((index) => this.#items[index] as Item);
    const settle = (index: number, result: Result): void => {
      const original = passed === undefined ? index : passed[index];
      if (original === undefined || !(original in this.#results)) {
        throw new RangeError(`the driver answered item ${index} of ${items.length}`);
      }
      if (this.#ending !== undefined) return;
      if (this.#results[original] !== undefined) throw new Error(`the driver answered item ${index} twice`);
      this.#settle(original, result);
    };
    const { signal } = this.#controller;
    return { items, signal, settle, each: (concurrency, run) => each(items, signal, settle, concurrency, run) };
  }

  #settle(index: number, result: Result): void {
    const complete = this.#withFacts(index, result);
    this.#results[index] = complete;
    this.#unsettled -= 1;
    if (this.#onSettled === undefined) return;
    try {
      this.#onSettled(index, complete);
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown;
      });
    }
  }

  #withFacts(index: number, result: Result): Result {
    if (result.status !== 'failed') return result;
    const { error } = result as unknown as { readonly error: unknown };
    const key = this.#keyOf(this.#items[index] as Item);
    return { ...result, error: KvferryError.from(error, { ...this.#facts, key }) };
  }

  #answerTheRest(thrown: unknown): void {
    if (this.#ending === 'caller') {
      throw new KvferryError('ABORTED', 'the caller aborted', { ...this.#facts, cause: this.#signal?.reason });
    }
    const error =
      this.#ending === 'close'
        ? new KvferryError('ABORTED', 'the backend was closed')
        : (thrown ?? new KvferryError('UNKNOWN', 'the driver ended without an answer'));
    for (let index = 0; index < this.#results.length; index += 1) {
      if (this.#results[index] === undefined) this.#settle(index, { status: 'failed', error } as never);
    }
  }
}

async function each<Item, Result>(
  items: readonly Item[],
  signal: AbortSignal,
  settle: (index: number, result: Result) => void,
  concurrency: number,
  run: (item: Item, index: number) => Result | Promise<Result>,
): Promise<void> {
  if (!(concurrency >= 1)) throw new RangeError(`concurrency is at least 1, not ${concurrency}`);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length && !signal.aborted) {
      const index = next;
      next += 1;
      let result: Result;
      try {
        result = await run(items[index] as Item, index);
      } catch (thrown) {
        result = { status: 'failed', error: thrown } as Result;
      }
      settle(index, result);
    }
  };
  const lanes: Promise<void>[] = [];
  const width = Math.min(concurrency, items.length);
  while (lanes.length < width) lanes.push(lane());
  // Quiet before anything else: a lane that ends badly, by an answer given twice, leaves the others running.
  for (const ended of await Promise.allSettled(lanes)) if (ended.status === 'rejected') throw ended.reason;
}
