import { KvferryError } from '@kvferry/core';
import { type Address, type Answer, Connection, type Request } from './connection.ts';

/** Keeps up to so many connections to one server. */
export class Pool {
  readonly #address: Address;
  readonly #timeoutMs: number;
  readonly #idle: Connection[] = [];
  readonly #waiting: (() => void)[] = [];
  #places: number;

  constructor(address: Address, maxConnections: number, timeoutMs: number) {
    this.#address = address;
    this.#places = maxConnections;
    this.#timeoutMs = timeoutMs;
  }

  /** Asks on a connection that is free, or waits for one. Rejects once nothing of the request runs on. */
  async ask(request: Request, signal: AbortSignal): Promise<Answer> {
    if (signal.aborted) throw aborted(signal);
    await this.#takePlace(signal);
    try {
      const kept = this.#idle.pop();
      if (kept !== undefined) {
        try {
          return await this.#askOn(kept, request, signal);
        } catch (thrown) {
          // Once more, as values are immutable. A create whose answer was lost then says `exists`, of its own value.
          if (!kept.wasStale) throw thrown;
        }
      }
      return await this.#askOn(new Connection(this.#address, this.#timeoutMs), request, signal);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#places += 1;
      else next();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.map((connection) => connection.close()));
  }

  async #askOn(connection: Connection, request: Request, signal: AbortSignal): Promise<Answer> {
    const answer = await connection.ask(request, signal);
    if (connection.isOpen) this.#idle.push(connection);
    return answer;
  }

  async #takePlace(signal: AbortSignal): Promise<void> {
    if (this.#places > 0) {
      this.#places -= 1;
      return;
    }
    const place = Promise.withResolvers<void>();
    const leave = (): void => {
      const index = this.#waiting.indexOf(place.resolve);
      // Not there: it has just been given a place, and gives it back when its request ends.
      if (index === -1) return;
      this.#waiting.splice(index, 1);
      place.reject(aborted(signal));
    };
    this.#waiting.push(place.resolve);
    signal.addEventListener('abort', leave, { once: true });
    try {
      await place.promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }
}

function aborted(signal: AbortSignal): KvferryError {
  return new KvferryError('ABORTED', 'the call was ended', { cause: signal.reason });
}
