import type { ProxyCounts } from './types.ts';

type Condition = (counts: ProxyCounts) => boolean;

/** Counts what goes through a proxy, and tells those who wait for a count. */
export class Counters {
  #counts: ProxyCounts = zero;
  readonly #waiters = new Set<{ readonly condition: Condition; readonly resolve: () => void }>();

  get counts(): ProxyCounts {
    return this.#counts;
  }

  /** Adds to counts; the most of open requests follows by itself. */
  add(changes: Partial<Omit<ProxyCounts, 'maxOpenRequests'>>): void {
    const next: Record<keyof ProxyCounts, number> = { ...this.#counts };
    for (const [name, change] of Object.entries(changes)) next[name as keyof ProxyCounts] += change;
    next.maxOpenRequests = Math.max(next.maxOpenRequests, next.openRequests);
    this.#counts = next;
    this.#tell();
  }

  /** Begins anew from 0. */
  reset(): void {
    this.#counts = zero;
    this.#tell();
  }

  /** Resolves when the condition holds. Rejects with the signal's reason. */
  async until(condition: Condition, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (condition(this.#counts)) return;
    const met = Promise.withResolvers<void>();
    const waiter = { condition, resolve: met.resolve };
    const onAbort = (): void => met.reject(signal.reason);
    this.#waiters.add(waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await met.promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #tell(): void {
    for (const waiter of this.#waiters) if (waiter.condition(this.#counts)) waiter.resolve();
  }
}

const zero: ProxyCounts = {
  openConnections: 0,
  connections: 0,
  bytesUp: 0,
  bytesDown: 0,
  requests: 0,
  openRequests: 0,
  maxOpenRequests: 0,
};
