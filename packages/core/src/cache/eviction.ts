import type { Key } from '../keys.ts';
import type { CachePolicy } from './kv-cache.ts';

/** The order in which entries go. Pure bookkeeping of keys. */
export interface EvictionOrder {
  /** Notes the use of a sequence, or of a part of it, in its order; keys that are new are taken in. */
  use(keys: readonly Key[]): void;
  remove(key: Key): void;
  /** All keys, the one that goes first coming first. Not to be changed but by a `remove` that ends the iteration. */
  candidates(): Iterable<Key>;
}

/**
 * Makes the order of a policy. Of one sequence that is used at once, the suffix goes before the prefix, whatever the policy: without the prefix the
 * suffix is of no use. So where the oldest goes first, a use is noted from the last chunk to the first, as in LMCache, and where the newest goes first,
 * from the first to the last.
 */
export function evictionOrder(policy: CachePolicy): EvictionOrder {
  return policy === 'LFU' ? new FrequencyOrder() : new AgeOrder(policy);
}

/** `LRU`, `FIFO`, `MRU`: one list, from what was used (FIFO: taken in) longest ago to what was used last. */
class AgeOrder implements EvictionOrder {
  readonly #policy: 'LRU' | 'FIFO' | 'MRU';
  readonly #list = new KeyList();

  constructor(policy: 'LRU' | 'FIFO' | 'MRU') {
    this.#policy = policy;
  }

  use(keys: readonly Key[]): void {
    if (this.#policy === 'MRU') {
      for (const key of keys) this.#list.moveToEnd(key);
      return;
    }
    for (let index = keys.length - 1; index >= 0; index -= 1) {
      const key = keys[index] as Key;
      if (this.#policy === 'LRU' || !this.#list.has(key)) this.#list.moveToEnd(key);
    }
  }

  remove(key: Key): void {
    this.#list.delete(key);
  }

  candidates(): Iterable<Key> {
    return this.#policy === 'MRU' ? this.#list.fromEnd() : this.#list.fromStart();
  }
}

/** `LFU`: what was used least often goes first; among equals, what has had that many uses for longest. */
class FrequencyOrder implements EvictionOrder {
  readonly #uses = new Map<Key, number>();
  readonly #byUses = new Map<number, Set<Key>>();

  use(keys: readonly Key[]): void {
    for (let index = keys.length - 1; index >= 0; index -= 1) {
      const key = keys[index] as Key;
      const uses = (this.#uses.get(key) ?? 0) + 1;
      this.remove(key);
      this.#uses.set(key, uses);
      const equals = this.#byUses.get(uses);
      if (equals === undefined) this.#byUses.set(uses, new Set([key]));
      else equals.add(key);
    }
  }

  remove(key: Key): void {
    const uses = this.#uses.get(key);
    if (uses === undefined) return;
    this.#uses.delete(key);
    const equals = this.#byUses.get(uses);
    equals?.delete(key);
    if (equals?.size === 0) this.#byUses.delete(uses);
  }

  *candidates(): Iterable<Key> {
    for (const uses of [...this.#byUses.keys()].sort((a, b) => a - b)) yield* this.#byUses.get(uses) ?? [];
  }
}

interface Link {
  readonly key: Key;
  before: Link | undefined;
  after: Link | undefined;
}

/** Keys in an order of their own. A Map would do but for MRU, which reads it from the end. */
class KeyList {
  readonly #links = new Map<Key, Link>();
  #first: Link | undefined;
  #last: Link | undefined;

  has(key: Key): boolean {
    return this.#links.has(key);
  }

  moveToEnd(key: Key): void {
    this.delete(key);
    const link: Link = { key, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.after = link;
    this.#last = link;
    this.#links.set(key, link);
  }

  delete(key: Key): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    this.#links.delete(key);
    if (link.before === undefined) this.#first = link.after;
    else link.before.after = link.after;
    if (link.after === undefined) this.#last = link.before;
    else link.after.before = link.before;
  }

  *fromStart(): Iterable<Key> {
    for (let link = this.#first; link !== undefined; link = link.after) yield link.key;
  }

  *fromEnd(): Iterable<Key> {
    for (let link = this.#last; link !== undefined; link = link.before) yield link.key;
  }
}
