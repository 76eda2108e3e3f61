import type { BufferLease } from '../buffer-pool.ts';
import { KvferryError } from '../errors.ts';
import type { Key } from '../keys.ts';
import type { CacheCore, KeyedChunk } from './core.ts';
import type { NoHit } from './judge.ts';
import type { HitEnd } from './kv-cache.ts';
import { CHUNKS_PER_GET, type LoadListener } from './loads.ts';
import type { Entry, Reserver } from './local-tier.ts';
import type { Wait } from './memory-gate.ts';
import type { CacheRequest } from './request.ts';

/** What the entries are for: to be handed out at once, or to wait until somebody retrieves them. */
export type GatheringPurpose = 'hand-out' | 'wait';

/**
 * Gathers a prefix in memory, in order, for one request: it holds entries that are there, joins loads that are under way, and ends at the first chunk
 * that does not come, or when the request does. Behind the end it lets go of everything.
 */
export class Gathering implements LoadListener, Reserver {
  readonly chunks: readonly KeyedChunk[];
  /** Resolves when the prefix is all there, or ends. Never rejects. */
  readonly done: Promise<void>;
  readonly #core: CacheCore;
  readonly #purpose: GatheringPurpose;
  readonly #resolveDone: () => void;
  readonly #held: (Entry | undefined)[];
  readonly #isHere: boolean[];
  readonly #wasInMemory: boolean[];
  /** The first chunk that is known not to come, and why. */
  #limit: number;
  #limitEnd: HitEnd;
  #limitCause: NoHit | undefined;
  #length = 0;
  #heldCount = 0;
  #isDone = false;
  #wait: Wait<unknown> | undefined;
  #onEmptied: (() => void) | undefined;

  /** `end` is how the prefix ends where all of `chunks` come. */
  constructor(core: CacheCore, chunks: readonly KeyedChunk[], end: HitEnd, purpose: GatheringPurpose) {
    this.#core = core;
    this.chunks = chunks;
    this.#purpose = purpose;
    this.#held = new Array<Entry | undefined>(chunks.length).fill(undefined);
    this.#isHere = new Array<boolean>(chunks.length).fill(false);
    this.#wasInMemory = new Array<boolean>(chunks.length).fill(false);
    this.#limit = chunks.length;
    this.#limitEnd = end;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolveDone = resolve;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Chunks of the prefix, once it is done. */
  get length(): number {
    return this.#length;
  }

  get end(): HitEnd {
    return this.#limitEnd;
  }

  get hitTokens(): number {
    return this.chunks[this.#length - 1]?.end ?? 0;
  }

  /** The chunk that the remote does not have as it was believed to, where the prefix ends at one. */
  get disproof(): NoHit | undefined {
    return this.#limitCause?.status === 'failed' ? undefined : this.#limitCause;
  }

  /** The entry of a chunk that is held. */
  entry(index: number): Entry | undefined {
    return this.#held[index];
  }

  /** Whether the chunk lay in memory when it was asked for. */
  wasInMemory(index: number): boolean {
    return this.#wasInMemory[index] === true;
  }

  /** Begins for a request, with which it ends: with what has come in order by then. */
  begin(request: CacheRequest): void {
    if (this.chunks.length === 0) {
      this.#finish(undefined);
      return;
    }
    const stop = (): void => this.#stop(request);
    if (request.ending !== undefined) stop();
    else request.signal.addEventListener('abort', stop, { once: true });
  }

  /** Holds the entry of a chunk, if it is in memory or on its way there. */
  hold(index: number): boolean {
    const { tier, loads } = this.#core;
    const { key } = this.chunks[index] as KeyedChunk;
    const resident = tier.get(key);
    if (resident !== undefined) {
      tier.pin(resident);
      this.#wasInMemory[index] = true;
      this.#setHeld(index, resident);
      this.here(index);
      return true;
    }
    if (!loads.has(key)) return false;
    this.#setHeld(index, loads.join(key, this, index));
    return true;
  }

  /** Holds an entry, pinned by whoever gives it, of a chunk that came another way. */
  adopt(index: number, entry: Entry): void {
    if (this.#isDone) this.#core.tier.unpin([entry]);
    else this.#setHeld(index, entry);
  }

  /** Gets all chunks into memory: in its turn where memory is needed, at once where none is. */
  async gather(request: CacheRequest): Promise<void> {
    this.begin(request);
    if (this.#isDone) return;
    try {
      if (this.#needsNoMemory()) for (let index = 0; index < this.#limit; index += 1) this.hold(index);
      else await this.#gatherInTurn();
    } catch (thrown) {
      // Nothing here throws but a defect. It must not leave anybody waiting for ever.
      this.#cut(this.#length, { status: 'failed', error: KvferryError.from(thrown) }, undefined);
    }
    await this.done;
  }

  /** The chunk is in memory. */
  here(index: number): void {
    if (this.#isDone) return;
    this.#isHere[index] = true;
    this.#advance();
  }

  loaded(index: number): void {
    this.here(index);
  }

  notLoaded(index: number, noHit: NoHit): void {
    if (this.#isDone) return;
    if (this.#held[index] !== undefined) this.#dropHeld(index);
    this.#cut(index, noHit.end, noHit);
  }

  /** The chunk lies nowhere where it could be loaded from. */
  notAnywhere(index: number): void {
    this.#cut(index, { status: 'miss' }, undefined);
  }

  /** Whether the remote may have the chunk. */
  isLoadable(index: number): boolean {
    return this.#core.backend !== undefined && this.chunks[index]?.isFull === true;
  }

  retrieved(index: number): void {
    this.#release(index, index + 1, undefined);
    if (this.#heldCount === 0) this.#onEmptied?.();
  }

  skipped(index: number): void {
    // Before that somebody waits to be told how much was loaded.
    if (!this.#isDone) return;
    this.#release(0, index, undefined);
    if (this.#heldCount === 0) this.#onEmptied?.();
  }

  /** Whether it holds nothing any more. */
  get isEmpty(): boolean {
    return this.#heldCount === 0;
  }

  /** Calls `react` when the last entry that waited was retrieved. */
  whenRetrieved(react: () => void): void {
    this.#onEmptied = react;
  }

  /**
   * Hands over the entries of the prefix, in order, pinned: whoever takes them unpins them. What waited for them has been retrieved, and what lies before
   * them was skipped. Where nothing waited for the first of them, the chunk `before` tells who waits for what was skipped.
   */
  handOver(before: Key | undefined): Entry[] {
    const next = this.#held[0]?.reservers[0];
    const last = next === undefined && before !== undefined ? this.#core.tier.get(before)?.reservers[0] : undefined;
    next?.by.skipped(next.index);
    last?.by.skipped(last.index + 1);
    const entries: Entry[] = [];
    for (let index = 0; index < this.#length; index += 1) {
      const entry = this.#held[index];
      if (entry === undefined) continue;
      this.#dropHeld(index);
      entries.push(entry);
      const first = entry.reservers[0];
      first?.by.retrieved(first.index);
    }
    return entries;
  }

  /** Lets go of everything. Not done yet, it is then. */
  release(reason: KvferryError): void {
    if (this.#isDone) this.#release(0, this.chunks.length, reason);
    else this.#cut(0, { status: 'failed', error: reason }, undefined);
  }

  #needsNoMemory(): boolean {
    const { tier, loads } = this.#core;
    return this.chunks.every(({ key }) => tier.get(key) !== undefined || loads.has(key));
  }

  async #gatherInTurn(): Promise<void> {
    const { gate } = this.#core;
    const turn = gate.enter();
    this.#wait = turn;
    if ((await turn.promise) === undefined) return;
    this.#wait = undefined;
    try {
      await this.#gatherOneByOne();
    } finally {
      gate.leave();
    }
  }

  async #gatherOneByOne(): Promise<void> {
    const { tier, loads, gate } = this.#core;
    let ready: string[] = [];
    const send = (): void => {
      loads.send(ready);
      ready = [];
    };
    // First what is there: room for the rest must not be made of it.
    for (let index = 0; index < this.#limit && !this.#isDone; index += 1) this.hold(index);
    for (let index = 0; index < this.#limit && !this.#isDone; index += 1) {
      // What is here may have been retrieved already.
      if (this.#isHere[index] === true || this.#held[index] !== undefined || this.hold(index)) continue;
      if (!this.isLoadable(index)) {
        this.notAnywhere(index);
        break;
      }
      let lease: BufferLease | undefined = tier.take(loads.entryBytes);
      if (lease === undefined) {
        send();
        const wait = gate.wait(loads.entryBytes);
        this.#wait = wait;
        lease = await wait.promise;
        this.#wait = undefined;
        if (lease === undefined) return;
        // It may have ended in the very turn in which the memory came.
        if (this.#isDone || index >= this.#limit) {
          tier.giveBack(lease);
          continue;
        }
      }
      const { key } = this.chunks[index] as KeyedChunk;
      loads.begin(key, lease);
      this.hold(index);
      ready.push(key);
      if (ready.length === CHUNKS_PER_GET) send();
    }
    send();
  }

  #setHeld(index: number, entry: Entry): void {
    this.#held[index] = entry;
    this.#heldCount += 1;
    if (this.#purpose === 'wait') entry.reservers.push({ by: this, index });
  }

  #dropHeld(index: number): void {
    this.#held[index] = undefined;
    this.#heldCount -= 1;
  }

  /** The request ended. What lies in memory in order still counts, also where this has not had its turn to hold it. */
  #stop(request: CacheRequest): void {
    if (this.#isDone) return;
    for (let index = this.#length; !this.#isDone && index < this.#limit; index += 1) {
      const { key } = this.chunks[index] as KeyedChunk;
      if (this.#held[index] !== undefined || this.#core.tier.get(key) === undefined) break;
      this.hold(index);
    }
    const chunk = this.chunks[this.#length];
    if (this.#isDone || chunk === undefined) return;
    const error = request.errorOf('get', chunk.key, this.#core.remote);
    this.#cut(this.#length, { status: 'failed', error }, undefined);
  }

  /** The prefix ends before this chunk at the latest. */
  #cut(index: number, end: HitEnd, cause: NoHit | undefined): void {
    if (this.#isDone || index >= this.#limit) return;
    this.#limit = index;
    this.#limitEnd = end;
    this.#limitCause = cause;
    // It can only wait for memory for a chunk behind.
    this.#wait?.cancel();
    const reason = end.status === 'failed' ? end.error : new KvferryError('ABORTED', 'the prefix ends before it');
    this.#advance(reason);
    this.#release(this.#limit, this.chunks.length, reason);
  }

  #advance(reason?: KvferryError): void {
    while (this.#length < this.#limit && this.#isHere[this.#length] === true) this.#length += 1;
    if (this.#length >= this.#limit) this.#finish(reason);
  }

  #finish(reason: KvferryError | undefined): void {
    this.#isDone = true;
    this.#length = this.#limit;
    this.#release(this.#limit, this.chunks.length, reason);
    this.#resolveDone();
  }

  /** Lets go of a run of chunks, in order. */
  #release(from: number, to: number, reason: KvferryError | undefined): void {
    const unpinned: Entry[] = [];
    for (let index = from; index < to; index += 1) {
      const entry = this.#held[index];
      if (entry === undefined) continue;
      this.#dropHeld(index);
      if (this.#purpose === 'wait') {
        const at = entry.reservers.findIndex((one) => one.by === this && one.index === index);
        if (at !== -1) entry.reservers.splice(at, 1);
      }
      if (entry.tensor === undefined) this.#core.loads.leave(entry, this, index, reason);
      else unpinned.push(entry);
    }
    if (unpinned.length > 0) this.#core.tier.unpin(unpinned);
  }
}
