import { WireError } from './errors.ts';
import type { Exchange } from './exchange.ts';

/**
 * Abandons exchanges whose signal fires, with one listener per signal: a batch gives all its requests the same signal, and Node warns of a
 * leak at eleven listeners, and spends on each what a whole small request costs.
 */
export class AbortWatch {
  readonly #watched = new Map<AbortSignal, Set<Exchange>>();

  add(signal: AbortSignal, exchange: Exchange): void {
    const watching = this.#watched.get(signal);
    if (watching !== undefined) {
      watching.add(exchange);
      return;
    }
    this.#watched.set(signal, new Set([exchange]));
    signal.addEventListener('abort', this.#fired);
  }

  remove(signal: AbortSignal, exchange: Exchange): void {
    const watching = this.#watched.get(signal);
    if (watching === undefined) return;
    watching.delete(exchange);
    if (watching.size > 0) return;
    this.#watched.delete(signal);
    signal.removeEventListener('abort', this.#fired);
  }

  readonly #fired = (event: Event): void => {
    const signal = event.target as AbortSignal;
    const exchanges = this.#watched.get(signal);
    if (exchanges === undefined) return;
    for (const exchange of [...exchanges]) exchange.abandon(abortError(signal));
  };
}

/** What a request fails with whose signal has fired. */
export function abortError(signal: AbortSignal): WireError {
  return new WireError('ABORTED', 'the request was aborted by its caller', { cause: signal.reason });
}
