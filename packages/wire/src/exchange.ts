import type { Abandonable } from './abort-watch.ts';
import type { WireError } from './errors.ts';
import type { Digest, WireRequest, WireResponse } from './types.ts';

/** Whatever an exchange waits for, so that it can be told to give up. */
export interface Holder {
  /** Ends the exchange with `error`, once its memory is quiet. */
  abandon(exchange: Exchange, error: WireError): void;
}

/** One request on its way to its response, over as many connections as that takes. */
export class Exchange implements Abandonable {
  readonly request: WireRequest;
  readonly head: string;
  readonly bodyBytes: number;
  /** Of what arrives in `into`. Begun once: nothing is repeated of which a byte has come. */
  readonly digest: Digest | undefined;
  readonly startMs: number = performance.now();
  /** Who has it now. */
  holder: Holder | undefined;
  /** Whether a kept connection was found dead under it. */
  repeated = false;
  /** Addresses that could not be connected to for it, as `ip:port`. */
  unreachable: Set<string> | undefined;
  settled = false;
  readonly #settle: (exchange: Exchange) => void;
  readonly #resolve: (response: WireResponse) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    request: WireRequest,
    head: string,
    bodyBytes: number,
    digest: Digest | undefined,
    settle: (exchange: Exchange) => void,
    resolve: (response: WireResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.request = request;
    this.head = head;
    this.bodyBytes = bodyBytes;
    this.digest = digest;
    this.#settle = settle;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  succeed(response: WireResponse): void {
    if (!this.#end()) return;
    this.#resolve(response);
  }

  fail(error: unknown): void {
    if (!this.#end()) return;
    this.#reject(error);
  }

  /** Asks whoever holds it to give up; with nobody, it fails at once. */
  abandon(error: WireError): void {
    if (this.holder === undefined) this.fail(error);
    else this.holder.abandon(this, error);
  }

  #end(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.holder = undefined;
    this.#settle(this);
    return true;
  }
}
