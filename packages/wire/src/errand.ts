import type { Abandonable } from './abort-watch.ts';
import { WireError } from './errors.ts';
import type { WireRequest, WireResponse } from './types.ts';

/** Whoever carries an errand. */
export interface ErrandCarrier {
  /** Ends it with `error`, once its memory is quiet. */
  abandon(errand: Errand, error: WireError): void;
}

/** A request that an I/O thread carries, as the calling thread sees it. */
export class Errand implements Abandonable {
  readonly request: WireRequest;
  readonly startMs: number = performance.now();
  carrier: ErrandCarrier | undefined;
  /** Its number with its carrier. */
  id = 0;
  readonly #settled: (errand: Errand, remoteAddress: string | undefined) => void;
  readonly #resolve: (response: WireResponse) => void;
  readonly #reject: (error: unknown) => void;
  #givenUp: WireError | undefined;

  /** `settled` is told that it has ended, and which address carried it, just before its promise settles. */
  constructor(
    request: WireRequest,
    settled: (errand: Errand, remoteAddress: string | undefined) => void,
    resolve: (response: WireResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.request = request;
    this.#settled = settled;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Gives it up: it fails with `error`, whatever comes of it, when its memory is quiet. */
  abandon(error: WireError): void {
    if (this.#givenUp !== undefined) return;
    this.#givenUp = error;
    this.carrier?.abandon(this, error);
  }

  succeed(response: WireResponse): void {
    this.#settled(this, response.remoteAddress);
    if (this.#givenUp === undefined) this.#resolve(response);
    else this.#reject(this.#givenUp);
  }

  fail(error: WireError | Error): void {
    const facts = WireError.is(error) ? error : undefined;
    this.#settled(this, facts === undefined || notCarried.has(facts.code) ? undefined : facts.remoteAddress);
    this.#reject(this.#givenUp === undefined ? error : withPlace(this.#givenUp, facts));
  }
}

const notCarried: ReadonlySet<string> = new Set(['CONNECT', 'CONNECT_TIMEOUT', 'TLS']);

/** The error of whoever gave up, with what the thread knows of the connection. */
function withPlace({ code, message, cause }: WireError, facts: WireError | undefined): WireError {
  return new WireError(code, message, { cause, status: facts?.status, remoteAddress: facts?.remoteAddress });
}
