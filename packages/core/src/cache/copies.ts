import { setImmediate } from 'node:timers/promises';
import type { CacheCore, KeyedChunk } from './core.ts';
import { Entry } from './local-tier.ts';

/** So much is copied before other work of this thread gets its turn: about a millisecond. */
const BYTES_PER_TURN = 8 * 1024 * 1024;

/** Lets other work have its turn each time enough was copied. */
export class CopyPace {
  #copiedBytes = 0;

  /** What to wait for after a copy of so many bytes, if it is time to. */
  pause(byteLength: number): Promise<void> | undefined {
    this.#copiedBytes += byteLength;
    if (this.#copiedBytes < BYTES_PER_TURN) return undefined;
    this.#copiedBytes = 0;
    return setImmediate();
  }
}

/**
 * Keeps a copy of a chunk in the local tier: the one copy that is made of what the caller owns. It never waits for memory, and takes none while somebody else
 * waits for it. Gives a new entry, pinned once; `undefined` where there is one already, or no room.
 */
export function keepCopy(
  { tier, loads, gate, counts }: CacheCore,
  chunk: KeyedChunk,
  bytes: Uint8Array,
): Entry | undefined {
  if (!tier.keeps || tier.get(chunk.key) !== undefined || loads.has(chunk.key)) return undefined;
  const lease = gate.isTaken ? undefined : tier.take(bytes.byteLength);
  if (lease === undefined) return undefined;
  lease.bytes.set(bytes);
  counts.copiedBytes += bytes.byteLength;
  const entry = new Entry(chunk.key, chunk.layout, lease);
  entry.tensor = { layout: chunk.layout, bytes: lease.bytes };
  entry.pins = 1;
  tier.add(entry);
  return entry;
}
