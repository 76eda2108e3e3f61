import { type Channel, channel } from 'node:diagnostics_channel';
import { type ErrorCode, KvferryError } from '../errors.ts';

/** Name of the diagnostics channel that carries one {@link BreakerRecord} per change of a circuit breaker. */
export const BREAKER_CHANNEL = 'kvferry:breaker';

/** Published on `kvferry:breaker` when a circuit breaker has changed. */
export interface BreakerRecord {
  /** The backend, as `scheme://namespace`. */
  readonly backend: string;
  /** What it guards: `stat`, `get` and `list`, or `put` and `delete`. */
  readonly guards: Guarded;
  /** `closed`: calls pass. `open`: items fail at once. `half-open`: one item is trying whether the store is back, the others fail at once. */
  readonly state: 'closed' | 'open' | 'half-open';
  /** Code of the failure that came last before the change. */
  readonly lastErrorCode: ErrorCode;
}

/** A store may do one and not the other: a full disk is read, and so is a store that is read-only for a while. */
export type Guarded = 'reads' | 'writes';

const changes: Channel = channel(BREAKER_CHANNEL);

/** What a call that has ended says about the store. Neither `answered` nor `failures`: nothing. */
export interface CallOutcome {
  /** The store has answered something. Outweighs any failures. */
  readonly answered: boolean;
  readonly failures: number;
  /** The last of the failures. */
  readonly lastError: KvferryError | undefined;
}

/** What of a call may go through. It is given back with the outcome of what did. */
export type Admission =
  | { readonly status: 'all'; readonly phase: Phase }
  | { readonly status: 'probe'; readonly phase: Phase; readonly refusal: KvferryError }
  | { readonly status: 'none'; readonly refusal: KvferryError };

/** The time from one opening or closing to the next. */
type Phase = ClosedPhase | OpenPhase;

interface ClosedPhase {
  readonly status: 'closed';
  /** In a row. */
  failures: number;
}

interface OpenPhase {
  readonly status: 'open';
  readonly since: string;
  readonly failures: number;
  lastError: KvferryError;
  /** When the next probe may begin, by `performance.now()`. */
  nextProbeMs: number;
  /** Probes under way. */
  probes: number;
}

/** Decides what goes through, from what was heard of the store and the time. It needs no timer: it half-opens when somebody asks. */
export class Breaker {
  readonly #failuresToOpen: number;
  readonly #halfOpenMs: number;
  readonly #backend: () => string;
  readonly #guards: Guarded;
  #phase: Phase = { status: 'closed', failures: 0 };

  constructor(guards: Guarded, failuresToOpen: number, halfOpenMs: number, backend: () => string) {
    this.#guards = guards;
    this.#failuresToOpen = failuresToOpen;
    this.#halfOpenMs = halfOpenMs;
    this.#backend = backend;
  }

  admit(): Admission {
    const phase = this.#phase;
    if (phase.status === 'closed') return { status: 'all', phase };
    const nowMs = performance.now();
    if (nowMs < phase.nextProbeMs) return { status: 'none', refusal: this.#refusal(phase, nowMs) };
    phase.nextProbeMs = nowMs + this.#halfOpenMs;
    phase.probes += 1;
    if (phase.probes === 1) this.#publish('half-open', phase.lastError);
    return { status: 'probe', phase, refusal: this.#refusal(phase, nowMs) };
  }

  /** Takes the outcome of what was admitted, exactly once for each admission. */
  heard(admission: Exclude<Admission, { status: 'none' }>, outcome: CallOutcome): void {
    const { phase } = admission;
    // What was begun in another phase says how the store was then.
    if (phase !== this.#phase) return;
    if (phase.status === 'closed') this.#heardClosed(phase, outcome);
    else this.#heardProbe(phase, outcome);
  }

  #heardClosed(phase: ClosedPhase, { answered, failures, lastError }: CallOutcome): void {
    phase.failures = answered ? 0 : phase.failures + failures;
    if (lastError === undefined || phase.failures < this.#failuresToOpen) return;
    this.#phase = {
      status: 'open',
      since: new Date().toISOString(),
      failures: phase.failures,
      lastError,
      nextProbeMs: performance.now() + this.#halfOpenMs,
      probes: 0,
    };
    this.#publish('open', lastError);
  }

  #heardProbe(phase: OpenPhase, { answered, lastError = phase.lastError }: CallOutcome): void {
    phase.probes -= 1;
    phase.lastError = lastError;
    if (answered) {
      this.#phase = { status: 'closed', failures: 0 };
      this.#publish('closed', lastError);
    } else if (phase.probes === 0) {
      this.#publish('open', lastError);
    }
  }

  #refusal({ since, failures, lastError, nextProbeMs }: OpenPhase, nowMs: number): KvferryError {
    const retryAfterMs = Math.ceil(nextProbeMs - nowMs);
    const reason = `the circuit breaker of ${this.#backend()} is open for ${this.#guards} since ${since}, after ${failures} failures in a row; the last one: ${lastError.message}. The next item may try in ${retryAfterMs} ms`;
    return new KvferryError('UNAVAILABLE', reason, { retry: 'later', retryAfterMs, cause: lastError });
  }

  #publish(state: BreakerRecord['state'], lastError: KvferryError): void {
    if (!changes.hasSubscribers) return;
    const record: BreakerRecord = {
      backend: this.#backend(),
      guards: this.#guards,
      state,
      lastErrorCode: lastError.code,
    };
    changes.publish(record);
  }
}
