import type { CallOptions } from '../backend.ts';
import { KvferryError, type Operation } from '../errors.ts';
import type { Key } from '../keys.ts';

/** What ended a request before its work was done: its time, whoever made it, or the cache itself. */
export type Ending = 'deadline' | 'caller' | 'closed';

/** The longest timer of Node: a longer one fires at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** One call of a cache while it runs. It ends early at its deadline, by its caller's signal, or when the cache closes; whichever comes first. */
export class CacheRequest {
  /** Resolves when the request ends early. Never rejects. */
  readonly ended: Promise<void>;
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #resolveEnded: () => void;
  readonly #limitMs: number;
  readonly #timer: NodeJS.Timeout;
  /** What this is a part of. */
  readonly #whole: CacheRequest | undefined;
  #ending: Ending | undefined;

  constructor(limitMs: number, options: CallOptions, whole?: CacheRequest) {
    this.#whole = whole;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#limitMs = Math.min(limitMs, MAX_TIMER_MS);
    this.#timer = setTimeout(this.#expire, this.#limitMs);
    this.#caller = options.signal;
    this.#caller?.addEventListener('abort', this.#leave, { once: true });
    if (this.#caller?.aborted) this.#leave();
  }

  /** Fires when the request ends early. For what does not outlive the request; its reason is an error, TIMEOUT after a deadline. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Whether its caller ended it. A method, since the answer changes from one await to the next. */
  hasCallerLeft(): boolean {
    return this.#ending === 'caller';
  }

  /** Begins a part of this request that has less time, and ends with it. It has to be released. */
  part(limitMs: number): CacheRequest {
    return new CacheRequest(limitMs, { signal: this.signal }, this);
  }

  end(ending: Ending, cause?: unknown): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.release();
    // The reason tells a circuit breaker below a store that is late from a caller that changed its mind.
    this.#controller.abort(this.#error({ cause }));
    this.#resolveEnded();
  }

  /** The error of an item that was left unanswered when the request ended. */
  errorOf(operation: Operation, key: Key, backend: string | undefined): KvferryError {
    return this.#error({ operation, key, backend });
  }

  /** What the call rejects with where its caller ended it. */
  rejection(): KvferryError {
    return this.#controller.signal.reason as KvferryError;
  }

  /** Stops clock and listener. The request is over. */
  release(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#leave);
  }

  readonly #expire = (): void => this.end('deadline');
  readonly #leave = (): void => this.end('caller', this.#caller?.reason);

  #error(facts: {
    readonly operation?: Operation;
    readonly key?: Key;
    readonly backend?: string | undefined;
    readonly cause?: unknown;
  }): KvferryError {
    if (this.#ending === 'caller' && this.#whole !== undefined) return this.#whole.#error(facts);
    if (this.#ending === 'caller') return new KvferryError('ABORTED', 'the caller aborted', facts);
    if (this.#ending === 'closed') return new KvferryError('ABORTED', 'the cache was closed', facts);
    const reason = `not done within ${this.#limitMs} ms; where the store is well and merely slow, raise blocking_timeout_secs (answerMs)`;
    return new KvferryError('TIMEOUT', reason, facts);
  }
}
