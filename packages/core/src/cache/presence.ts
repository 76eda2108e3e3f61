import type { Key } from '../keys.ts';
import type { Verdict } from './judge.ts';

/**
 * What is remembered of a key: the remote was seen to have it (`sure`), a search takes it that it has (`inferred`), or it was seen not to (`absent`).
 */
export type Remembered = 'sure' | 'inferred' | 'absent';

export interface PresenceLimits {
  /** The most keys; beyond it what was remembered longest ago goes. */
  readonly maxKeys: number;
  /** How long anything is remembered, in milliseconds. */
  readonly forMs: number;
}

/** What the remote was last known to hold: bounded in number and in time, so that neither a miss nor a hit is believed for ever. */
export class PresenceMemory {
  readonly #limits: PresenceLimits;
  readonly #nowMs: () => number;
  /** In order of when it was learnt, which is the order in which it expires. */
  readonly #keys = new Map<Key, { readonly what: Remembered; readonly untilMs: number }>();

  constructor(limits: PresenceLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#keys.size;
  }

  get(key: Key): Remembered | undefined {
    const known = this.#keys.get(key);
    if (known === undefined) return undefined;
    if (known.untilMs > this.#nowMs()) return known.what;
    this.#keys.delete(key);
    return undefined;
  }

  /** Whether the key counts as stored. */
  isPresent(key: Key): boolean {
    const what = this.get(key);
    return what === 'sure' || what === 'inferred';
  }

  /** What was seen replaces what was known. */
  see(key: Key, what: 'sure' | 'absent'): void {
    this.#set(key, what);
  }

  /** An inference fills in for nothing but ignorance: it neither contradicts what was seen nor prolongs it. */
  infer(key: Key): void {
    if (this.get(key) === undefined) this.#set(key, 'inferred');
  }

  forget(key: Key): void {
    this.#keys.delete(key);
  }

  #set(key: Key, what: Remembered): void {
    this.#keys.delete(key);
    this.#keys.set(key, { what, untilMs: this.#nowMs() + this.#limits.forMs });
    while (this.#keys.size > this.#limits.maxKeys) this.#keys.delete(this.#keys.keys().next().value as Key);
  }
}

/** Keys whose value was seen to be bad, until they are stored anew. Bounded in number: the oldest goes first. */
export class Suspects {
  readonly #maxKeys: number;
  readonly #keys = new Set<Key>();

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  has(key: Key): boolean {
    return this.#keys.has(key);
  }

  add(key: Key): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > this.#maxKeys) this.#keys.delete(this.#keys.values().next().value as Key);
  }

  clear(key: Key): void {
    this.#keys.delete(key);
  }
}

/** Draws what there is to remember from what the remote said of a key. A value of a wrong size is, to a search, not there. */
export function noteVerdict(presence: PresenceMemory, suspects: Suspects, key: Key, status: Verdict['status']): void {
  if (status === 'hit') presence.see(key, 'sure');
  if (status === 'absent' || status === 'wrong-size') presence.see(key, 'absent');
  if (status === 'wrong-size' || status === 'corrupt') suspects.add(key);
}
