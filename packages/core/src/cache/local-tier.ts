import { type BufferLease, type BufferPool, loanBytes } from '../buffer-pool.ts';
import type { ChunkLayout, ChunkTensor } from '../chunks.ts';
import { KvferryError } from '../errors.ts';
import type { Key } from '../keys.ts';
import { type EvictionOrder, evictionOrder } from './eviction.ts';
import type { CachePolicy } from './kv-cache.ts';

/** Somebody for whom an entry waits, pinned, until it is retrieved. */
export interface Reserver {
  /** The entry at this index of its sequence was retrieved: it need not wait any longer. */
  retrieved(index: number): void;
  /** What lies before this index will not be retrieved: whoever retrieves has it already. */
  skipped(index: number): void;
}

/** One chunk in the cache's memory: from where it is loaded to until its memory goes back to the pool. */
export class Entry {
  readonly key: Key;
  readonly layout: ChunkLayout;
  readonly lease: BufferLease;
  /** `undefined` while it is loaded. */
  tensor: ChunkTensor | undefined;
  /** How many hold it or wait for it. */
  pins = 0;
  /** Whether it is in the tier's map. One that is not goes with its last pin. */
  isListed = false;
  /** Whether the policy knows it yet. */
  isRanked = false;
  /** In order of asking: each retrieval is the one that the first of them has waited for. */
  readonly reservers: { readonly by: Reserver; readonly index: number }[] = [];

  constructor(key: Key, layout: ChunkLayout, lease: BufferLease) {
    this.key = key;
    this.layout = layout;
    this.lease = lease;
  }
}

/**
 * The entries in memory, and the memory itself: all of it comes from here and goes back here. Pinned entries stay; others stay until the policy
 * gives their memory to somebody else, or go at once where nothing is kept.
 *
 * An entry takes its place in the policy's order when its sequence is done with it, so that the order within a sequence is the sequence's and not
 * that in which answers came.
 */
export class LocalTier {
  /** Called when memory may have come free. */
  onFreed: () => void = () => {};
  readonly #pool: BufferPool;
  readonly #order: EvictionOrder | undefined;
  readonly #entries = new Map<Key, Entry>();
  #pinned = 0;
  #unpinnedBytes = 0;
  #evictions = 0;

  constructor(pool: BufferPool, policy: CachePolicy | 'staging-only') {
    this.#pool = pool;
    this.#order = policy === 'staging-only' ? undefined : evictionOrder(policy);
  }

  /** Whether entries are kept beyond their use. */
  get keeps(): boolean {
    return this.#order !== undefined;
  }

  get counts(): { readonly entries: number; readonly pinned: number; readonly evictions: number } {
    return { entries: this.#entries.size, pinned: this.#pinned, evictions: this.#evictions };
  }

  get(key: Key): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Takes in an entry whose tensor is there, of a key that has none. It is pinned as often as it was waited for. */
  add(entry: Entry): void {
    entry.isListed = true;
    this.#entries.set(entry.key, entry);
    if (entry.pins > 0) {
      this.#pinned += 1;
      return;
    }
    this.#unpinnedBytes += this.#bytesOf(entry);
    this.#unpinned(entry);
    this.onFreed();
  }

  pin(entry: Entry): void {
    if (entry.pins === 0 && entry.isListed) {
      this.#pinned += 1;
      this.#unpinnedBytes -= this.#bytesOf(entry);
    }
    entry.pins += 1;
  }

  /** Lets go of entries, one pin each, in the order of their sequence. */
  unpin(entries: readonly Entry[]): void {
    this.#rank(entries.filter((entry) => !entry.isRanked && entry.pins === 1));
    let isFreed = false;
    for (const entry of entries) {
      entry.pins -= 1;
      if (entry.pins > 0) continue;
      isFreed = true;
      if (entry.isListed) {
        this.#pinned -= 1;
        this.#unpinnedBytes += this.#bytesOf(entry);
      }
      this.#unpinned(entry);
    }
    if (isFreed) this.onFreed();
  }

  /** Notes that these entries were used, in the order of their sequence. */
  use(entries: readonly Entry[]): void {
    this.#rank(entries);
  }

  /** Memory at once, from the pool or from entries that the policy gives up for it; `undefined` where both together have too little. */
  take(byteLength: number): BufferLease | undefined {
    const { maxBytes, leasedBytes } = this.#pool;
    // What would not do is not given up.
    if (byteLength > maxBytes) return undefined;
    if (maxBytes - leasedBytes + this.#unpinnedBytes < loanBytes(byteLength, maxBytes)) return undefined;
    for (;;) {
      const lease = this.#tryLease(byteLength);
      if (lease !== undefined || !this.#evictOne()) return lease;
    }
  }

  giveBack(lease: BufferLease): void {
    lease[Symbol.dispose]();
    this.onFreed();
  }

  /** Forgets every entry, for good: nothing is under way any more. Memory on loan stays with its holders. */
  close(): void {
    for (const entry of this.#entries.values()) {
      this.#unlist(entry);
      if (entry.pins === 0) entry.lease[Symbol.dispose]();
    }
  }

  #rank(entries: readonly Entry[]): void {
    if (this.#order === undefined) return;
    const keys: Key[] = [];
    for (const entry of entries) {
      if (!entry.isListed) continue;
      entry.isRanked = true;
      keys.push(entry.key);
    }
    this.#order.use(keys);
  }

  /** What becomes of an entry that nobody holds. */
  #unpinned(entry: Entry): void {
    if (entry.isListed && this.#order !== undefined) {
      if (!entry.isRanked) this.#rank([entry]);
      return;
    }
    this.#unlist(entry);
    entry.lease[Symbol.dispose]();
  }

  #unlist(entry: Entry): void {
    if (!entry.isListed) return;
    entry.isListed = false;
    this.#entries.delete(entry.key);
    if (entry.isRanked) this.#order?.remove(entry.key);
    if (entry.pins > 0) this.#pinned -= 1;
    else this.#unpinnedBytes -= this.#bytesOf(entry);
  }

  #tryLease(byteLength: number): BufferLease | undefined {
    try {
      return this.#pool.tryLease(byteLength);
    } catch (thrown) {
      // The system has less than the budget: entries are given up as if the pool were full.
      if (KvferryError.is(thrown) && thrown.code === 'TOO_LARGE') return undefined;
      throw thrown;
    }
  }

  #evictOne(): boolean {
    for (const key of this.#order?.candidates() ?? []) {
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.pins > 0) continue;
      this.#unlist(entry);
      entry.lease[Symbol.dispose]();
      this.#evictions += 1;
      return true;
    }
    return false;
  }

  #bytesOf(entry: Entry): number {
    return loanBytes(entry.lease.bytes.byteLength, this.#pool.maxBytes);
  }
}
