import { WireError } from './errors.ts';
import { takeOut } from './take-out.ts';

/** A request under way, as whoever watches its signal sees it. */
export interface Abandonable {
  /** Ends it with `error`, once its memory is quiet. Does nothing where it has ended. */
  abandon(error: WireError): void;
}

/**
 * Abandons requests whose signal fires, with one listener per signal: a batch gives all its requests the same signal, and Node warns of a
 * leak at eleven listeners, and spends on each what a whole small request costs.
 */
export class AbortWatch {
  /** Weak, so that nothing is ever deleted: `takeOut` says what a table costs that shrinks and grows. */
  readonly #watched = new WeakMap<AbortSignal, Abandonable[]>();

  add(signal: AbortSignal, request: Abandonable): void {
    let requests = this.#watched.get(signal);
    if (requests === undefined) {
      requests = [];
      this.#watched.set(signal, requests);
    }
    if (requests.length === 0) signal.addEventListener('abort', this.#fired);
    requests.push(request);
  }

  remove(signal: AbortSignal, request: Abandonable): void {
    const requests = this.#watched.get(signal);
    if (requests === undefined) return;
    takeOut(requests, request);
    if (requests.length === 0) signal.removeEventListener('abort', this.#fired);
  }

  readonly #fired = (event: Event): void => {
    const signal = event.target as AbortSignal;
    const requests = this.#watched.get(signal) ?? [];
    for (const request of [...requests]) request.abandon(abortError(signal));
  };
}

/** What a request fails with whose signal has fired. */
export function abortError(signal: AbortSignal): WireError {
  return new WireError('ABORTED', 'the request was aborted by its caller', { cause: signal.reason });
}
