import type { ListEntry } from './backend.ts';
import { type ErrorFacts, KvferryError } from './errors.ts';

/**
 * One run of `list`. It can be ended while its consumer rests between two entries, by the caller's signal or by the backend's `close`;
 * the next entry asked for is then ABORTED.
 */
export class Listing implements AsyncIterator<ListEntry> {
  readonly #check: () => void;
  readonly #start: (signal: AbortSignal) => AsyncIterable<ListEntry>;
  readonly #ended: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #facts: ErrorFacts;
  readonly #controller = new AbortController();
  #entries: AsyncIterator<ListEntry> | undefined;
  #step: Promise<unknown> = Promise.resolve();
  #state: 'new' | 'running' | 'done' = 'new';
  #released = false;
  #abortReason: string | undefined;
  readonly #abort = (): void => this.#end('the caller aborted', this.#signal?.reason);

  /** `check` throws what forbids listing, when the first entry is asked for; `ended` is called once, after a start. */
  constructor(
    check: () => void,
    start: (signal: AbortSignal) => AsyncIterable<ListEntry>,
    ended: () => void,
    signal: AbortSignal | undefined,
    facts: ErrorFacts,
  ) {
    this.#check = check;
    this.#start = start;
    this.#ended = ended;
    this.#signal = signal;
    this.#facts = facts;
  }

  /** Resolves when the step under way has ended and the driver's listing with it. */
  get quiet(): Promise<void> {
    return this.#step.then(
      () => {},
      () => {},
    );
  }

  next(): Promise<IteratorResult<ListEntry>> {
    if (this.#state === 'new') {
      try {
        this.#check();
      } catch (thrown) {
        return Promise.reject(thrown);
      }
      this.#state = 'running';
      this.#signal?.addEventListener('abort', this.#abort, { once: true });
    }
    // One step at a time, also for a consumer that asks for several entries at once.
    const step = this.quiet.then(() => this.#next());
    this.#step = step;
    return step;
  }

  async return(): Promise<IteratorResult<ListEntry>> {
    await this.quiet;
    // One that never began is nothing that could end.
    if (this.#state === 'new') this.#state = 'done';
    else await this.#finish();
    return { done: true, value: undefined };
  }

  /** Ends the listing because its backend closes. */
  closeBackend(): void {
    this.#end('the backend was closed', undefined);
  }

  #end(reason: string, cause: unknown): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#controller.abort(cause);
    this.#step = this.quiet.then(() => this.#release());
  }

  async #next(): Promise<IteratorResult<ListEntry>> {
    if (this.#state === 'done') return { done: true, value: undefined };
    let failure: unknown;
    try {
      if (this.#abortReason === undefined) {
        this.#entries ??= this.#start(this.#controller.signal)[Symbol.asyncIterator]();
        const entry = await this.#entries.next();
        if (entry.done === true) await this.#finish();
        if (this.#abortReason === undefined) return entry;
      }
    } catch (thrown) {
      failure = thrown;
    }
    await this.#finish();
    if (this.#abortReason === undefined) throw KvferryError.from(failure, this.#facts);
    throw new KvferryError('ABORTED', this.#abortReason, { ...this.#facts, cause: this.#signal?.reason });
  }

  async #finish(): Promise<void> {
    this.#state = 'done';
    await this.#release();
  }

  /** Lets go of the driver's listing and of the caller's signal. */
  async #release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#ended();
    // A listing that fails while it is being left has nothing more to tell.
    await this.#entries?.return?.().then(
      () => {},
      () => {},
    );
  }
}
