/** Scripted faults: which request they strike. */

import type { Fault, FaultEffect } from './types.ts';

export interface FaultTarget {
  readonly method: string;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  readonly query: string;
  readonly range: string | undefined;
}

/** The faults of one simulator, tried in order of adding. */
export class FaultScript {
  readonly #entries = new Set<{ readonly fault: Fault; pass: number; left: number }>();

  add(fault: Fault): () => void {
    const entry = { fault, pass: fault.after ?? 0, left: fault.times ?? 1 };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  }

  /** The effect of the first fault that matches, which is thereby used once. */
  strike(target: FaultTarget): FaultEffect | undefined {
    for (const entry of this.#entries) {
      if (entry.left <= 0 || !matches(entry.fault, target)) continue;
      if (entry.pass > 0) {
        entry.pass--;
        continue;
      }
      entry.left--;
      return entry.fault.effect;
    }
    return undefined;
  }
}

function matches({ match }: Fault, target: FaultTarget): boolean {
  if (match === undefined) return true;
  if (match.method !== undefined && match.method !== target.method) return false;
  if (match.bucket !== undefined && match.bucket !== target.bucket) return false;
  if (match.query !== undefined && target.query.search(match.query) < 0) return false;
  if (match.range !== undefined && match.range !== target.range) return false;
  if (match.key === undefined) return true;
  if (target.key === undefined) return false;
  if (typeof match.key === 'string') return match.key === target.key;
  // A pattern with `g` or `y` remembers where it stopped; `search` does not.
  return target.key.search(match.key) >= 0;
}
