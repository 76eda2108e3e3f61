import type { GetResult, RemoteBackend } from '../backend.ts';
import type { BufferLease } from '../buffer-pool.ts';
import type { ChunkLayout } from '../chunks.ts';
import { KvferryError } from '../errors.ts';
import type { Key } from '../keys.ts';
import type { Serde } from '../serde.ts';
import type { Background } from './background.ts';
import { judgeGet, type NoHit, noTensor, type ValueSize } from './judge.ts';
import { Entry, type LocalTier } from './local-tier.ts';

/** Somebody who waits for chunks that are being loaded. */
export interface LoadListener {
  /** The entry is in memory; the pin that the listener has on it stays. */
  loaded(index: number): void;
  /** There is no entry; the pin is gone. */
  notLoaded(index: number, noHit: NoHit): void;
}

/**
 * Chunks that one `get` loads. A request of many chunks takes several: a `get` can be aborted only as a whole, and what lies behind the end of a prefix is to
 * be. A call more costs some 5 µs of this thread, a chunk of 2 MiB some 300.
 */
export const CHUNKS_PER_GET = 16;

/** Loads that are under way: each chunk once, however many wait for it. */
export class Loads {
  /** Bytes of memory that loading a full chunk takes. */
  readonly entryBytes: number;
  readonly #parts: LoadsParts;
  readonly #loading = new Map<Key, Load>();

  constructor(parts: LoadsParts) {
    const { serde, layout, valueSize } = parts;
    const scratchBytes = serde.scratchBytes(layout);
    this.entryBytes = scratchBytes === 0 ? valueSize.max : alignedUp(valueSize.max) + scratchBytes;
    this.#parts = parts;
  }

  get count(): number {
    return this.#loading.size;
  }

  has(key: Key): boolean {
    return this.#loading.has(key);
  }

  /** Makes ready to load a chunk into memory of `entryBytes` that was got for it. It is on its way once it was sent. */
  begin(key: Key, lease: BufferLease): void {
    this.#loading.set(key, new Load(new Entry(key, this.#parts.layout, lease)));
  }

  /** Waits for a chunk that is being loaded, and gives its entry, pinned. */
  join(key: Key, listener: LoadListener, index: number): Entry {
    const load = this.#loading.get(key) as Load;
    load.entry.pins += 1;
    load.listeners.push({ listener, index });
    if (load.entry.pins === 1 && load.group !== undefined) load.group.wanted += 1;
    return load.entry;
  }

  /** Waits for it no longer. What nobody waits for is aborted, for `reason`. */
  leave(entry: Entry, listener: LoadListener, index: number, reason: KvferryError | undefined): void {
    const load = this.#loading.get(entry.key);
    // It has just ended, and its listeners are being told.
    if (load === undefined) return;
    entry.pins -= 1;
    const at = load.listeners.findIndex((one) => one.listener === listener && one.index === index);
    load.listeners.splice(at, 1);
    if (entry.pins > 0 || load.group === undefined) return;
    load.group.wanted -= 1;
    if (load.group.wanted === 0) this.#abort(load.group, reason);
  }

  /** Sends for chunks that were made ready, in one call. */
  send(keys: readonly Key[]): void {
    if (keys.length === 0) return;
    const loads = keys.map((key) => this.#loading.get(key) as Load);
    const group: Group = { loads, controller: new AbortController(), wanted: 0 };
    for (const load of loads) {
      load.group = group;
      if (load.entry.pins > 0) group.wanted += 1;
    }
    this.#parts.background.add(this.#run(group));
  }

  async #run(group: Group): Promise<void> {
    const { loads, controller } = group;
    let thrown: unknown;
    try {
      await this.#parts.backend?.get(
        loads.map(({ entry }) => ({ key: entry.key, into: this.#valueMemory(entry) })),
        {
          signal: controller.signal,
          onSettled: (position, result) => this.#settle(loads[position] as Load, result),
        },
      );
    } catch (error) {
      thrown = error;
    }
    for (const load of loads) {
      if (load.isAborted) {
        this.#parts.tier.giveBack(load.entry.lease);
      } else if (!load.isSettled) {
        const error = KvferryError.from(thrown ?? new KvferryError('UNKNOWN', 'the backend gave no answer'), {
          operation: 'get',
          key: load.entry.key,
        });
        this.#settle(load, { status: 'failed', error });
      }
    }
  }

  #settle(load: Load, result: GetResult): void {
    if (load.isSettled || load.isAborted) return;
    const { entry, group } = load;
    const noHit = this.#tensorOf(entry, result);
    load.isSettled = true;
    this.#loading.delete(entry.key);
    if (entry.pins > 0 && group !== undefined) group.wanted -= 1;
    const { tier, heard } = this.#parts;
    heard(entry.key, noHit);
    if (noHit === undefined) {
      tier.add(entry);
      for (const { listener, index } of load.listeners) listener.loaded(index);
    } else {
      for (const { listener, index } of load.listeners) listener.notLoaded(index, noHit);
      tier.giveBack(entry.lease);
    }
    // Whoever has just ended may have been the last who waited for the rest.
    if (group?.wanted === 0) this.#abort(group, undefined);
  }

  /** Makes the value that came a tensor; gives why not where it is no good. */
  #tensorOf(entry: Entry, result: GetResult): NoHit | undefined {
    const { valueSize, serde, layout } = this.#parts;
    const verdict = judgeGet(result, valueSize);
    if (verdict.status !== 'hit') return verdict;
    const value = this.#valueMemory(entry);
    try {
      entry.tensor = serde.deserialize(
        verdict.byteLength === value.byteLength ? value : value.subarray(0, verdict.byteLength),
        layout,
        entry.lease.bytes.subarray(alignedUp(valueSize.max)),
      );
      return undefined;
    } catch (thrown) {
      return noTensor(thrown, entry.key);
    }
  }

  #valueMemory(entry: Entry): Uint8Array {
    const { bytes } = entry.lease;
    return bytes.byteLength === this.#parts.valueSize.max ? bytes : bytes.subarray(0, this.#parts.valueSize.max);
  }

  /** Ends a group that nobody waits for. Its memory goes back when the last writer is quiet; whoever wants one of its chunks now loads it anew. */
  #abort(group: Group, reason: KvferryError | undefined): void {
    let isUnderWay = false;
    for (const load of group.loads) {
      if (load.isSettled || load.isAborted) continue;
      isUnderWay = true;
      load.isAborted = true;
      this.#loading.delete(load.entry.key);
    }
    if (isUnderWay) group.controller.abort(reason ?? new KvferryError('ABORTED', 'nobody waits for the rest'));
  }
}

/** What loading needs of a cache. */
export interface LoadsParts {
  /** `undefined`: nothing is ever loaded. */
  readonly backend: Pick<RemoteBackend, 'get'> | undefined;
  readonly serde: Serde;
  readonly layout: ChunkLayout;
  readonly valueSize: ValueSize;
  readonly tier: LocalTier;
  readonly background: Background;
  /** Hears of each answer, before whoever waits for it does. */
  readonly heard: (key: Key, noHit: NoHit | undefined) => void;
}

class Load {
  readonly entry: Entry;
  readonly listeners: { readonly listener: LoadListener; readonly index: number }[] = [];
  group: Group | undefined;
  isSettled = false;
  isAborted = false;

  constructor(entry: Entry) {
    this.entry = entry;
  }
}

interface Group {
  readonly loads: readonly Load[];
  readonly controller: AbortController;
  /** Of its chunks that are under way, how many somebody waits for. */
  wanted: number;
}

/** Scratch memory begins at a multiple of 64 bytes, so that it can be viewed as numbers of any type. */
function alignedUp(byteLength: number): number {
  return Math.ceil(byteLength / 64) * 64;
}
