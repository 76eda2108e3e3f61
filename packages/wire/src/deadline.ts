/**
 * A time limit that is moved far more often than it strikes.
 *
 * Moving it writes a number: the timer behind it looks every `quantumMs` at most, or when the limit is due if that is sooner. A timer
 * object per request, or per read, would cost more than the request's own bookkeeping. It never keeps the process alive.
 */
export class Deadline {
  readonly #quantumMs: number;
  readonly #strike: () => void;
  #atMs = Number.POSITIVE_INFINITY;
  #looksAtMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(quantumMs: number, strike: () => void) {
    this.#quantumMs = quantumMs;
    this.#strike = strike;
  }

  /** Strikes `limitMs` after `nowMs`, in place of whenever it would have. */
  set(nowMs: number, limitMs: number): void {
    this.#atMs = nowMs + limitMs;
    if (this.#atMs < this.#looksAtMs) this.#look(nowMs);
  }

  /** Strikes no more until it is set again. */
  clear(): void {
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  /** Ends it for good. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#looksAtMs = Number.NEGATIVE_INFINITY;
  }

  #look(nowMs: number): void {
    clearTimeout(this.#timer);
    const inMs = Math.ceil(Math.min(this.#atMs - nowMs, this.#quantumMs));
    this.#looksAtMs = nowMs + inMs;
    this.#timer = setTimeout(this.#fire, inMs);
    this.#timer.unref();
  }

  readonly #fire = (): void => {
    const nowMs = performance.now();
    this.#looksAtMs = Number.POSITIVE_INFINITY;
    if (this.#atMs === Number.POSITIVE_INFINITY) return;
    if (nowMs < this.#atMs) {
      this.#look(nowMs);
      return;
    }
    // A loop that was busy runs its timers before it looks at its sockets. What has come in time must be seen first.
    setImmediate(this.#strikeIfStillDue);
  };

  readonly #strikeIfStillDue = (): void => {
    // Moved meanwhile, it has a timer again; ended, it is infinite.
    if (performance.now() < this.#atMs) return;
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#strike();
  };
}
