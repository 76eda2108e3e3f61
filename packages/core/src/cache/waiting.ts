import { KvferryError } from '../errors.ts';
import type { Gathering } from './gathering.ts';

/** What was loaded ahead and waits, pinned, to be retrieved: for a bounded time. Its timers keep no process alive. */
export class WaitingRoom {
  readonly #pinMs: number;
  readonly #waiting = new Map<Gathering, NodeJS.Timeout>();

  constructor(pinMs: number) {
    this.#pinMs = pinMs;
  }

  add(gathering: Gathering): void {
    if (gathering.isEmpty) return;
    const timer = setTimeout(() => this.dismiss(gathering), this.#pinMs);
    timer.unref();
    this.#waiting.set(gathering, timer);
    gathering.whenRetrieved(() => this.dismiss(gathering));
  }

  /** Lets go of what still waits. */
  dismiss(gathering: Gathering): void {
    clearTimeout(this.#waiting.get(gathering));
    this.#waiting.delete(gathering);
    gathering.release(new KvferryError('ABORTED', 'nobody waits for it any more'));
  }

  dismissAll(): void {
    for (const gathering of this.#waiting.keys()) this.dismiss(gathering);
  }
}
