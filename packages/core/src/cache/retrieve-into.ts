import { KvferryError } from '../errors.ts';
import { CopyPace, keepCopy } from './copies.ts';
import type { CacheCore, KeyedChunk } from './core.ts';
import { findPrefix } from './find-prefix.ts';
import { Gathering } from './gathering.ts';
import { judgeGet, type NoHit, noTensor } from './judge.ts';
import { endGathering, loadPrefix, planLoad, rejectIfLeft } from './load-prefix.ts';
import { CHUNKS_PER_GET } from './loads.ts';
import type { CacheRequest } from './request.ts';

/**
 * Loads the prefix into the caller's memory. What comes from the remote lands there without a copy; what is in the cache's memory, or on its way there, is
 * copied out of it. Where the serde needs memory of its own, everything goes through the cache's.
 */
export async function retrieveInto(
  core: CacheCore,
  request: CacheRequest,
  chunks: readonly KeyedChunk[],
  into: readonly Uint8Array[],
): Promise<Gathering> {
  const found = await findPrefix(core, request, chunks);
  if (!core.landsDirectly) {
    const gathering = await loadPrefix(core, request, chunks, found, 'hand-out');
    await new CopyOut(core, request, gathering, into).copy(gathering.length);
    rejectIfLeft(request, gathering);
    return gathering;
  }
  const { length, end } = planLoad(core, chunks, found);
  const gathering = new Gathering(core, chunks.slice(0, length), end, 'hand-out');
  gathering.begin(request);
  const direct: number[] = [];
  for (let index = 0; index < length && !gathering.isDone; index += 1) {
    if (gathering.hold(index)) continue;
    if (gathering.isLoadable(index)) direct.push(index);
    else gathering.notAnywhere(index);
  }
  const copyOut = new CopyOut(core, request, gathering, into);
  const landing = new Landing(core, gathering, into, direct, copyOut);
  // What is in memory is copied while the network works.
  await copyOut.copy(length);
  await gathering.done;
  try {
    await landing.end(request);
  } catch (thrown) {
    gathering.release(KvferryError.from(thrown));
    throw thrown;
  }
  await copyOut.copy(gathering.length);
  endGathering(core, request, chunks, gathering);
  return gathering;
}

/** Copies what the gathering holds in memory into the caller's views, each chunk once. */
class CopyOut {
  readonly #core: CacheCore;
  readonly #request: CacheRequest;
  readonly #gathering: Gathering;
  readonly #into: readonly Uint8Array[];
  readonly #copied = new Set<number>();
  readonly #pace = new CopyPace();

  constructor(core: CacheCore, request: CacheRequest, gathering: Gathering, into: readonly Uint8Array[]) {
    this.#core = core;
    this.#request = request;
    this.#gathering = gathering;
    this.#into = into;
  }

  /** The chunk is in its view already. */
  skip(index: number): void {
    this.#copied.add(index);
  }

  async copy(length: number): Promise<void> {
    for (let index = 0; index < length && !this.#request.hasCallerLeft(); index += 1) {
      const bytes = this.#gathering.entry(index)?.tensor?.bytes;
      if (bytes === undefined || this.#copied.has(index)) continue;
      this.#copied.add(index);
      (this.#into[index] as Uint8Array).set(bytes);
      this.#core.counts.copiedBytes += bytes.byteLength;
      const pause = this.#pace.pause(bytes.byteLength);
      if (pause !== undefined) await pause;
    }
  }
}

/** One `get` of several values, and which of them are not there yet. */
interface LandingGet {
  readonly first: number;
  readonly unsettled: ReadonlySet<number>;
  readonly controller: AbortController;
  readonly quiet: Promise<void>;
}

/** Values on their way into the caller's views. */
class Landing {
  readonly #core: CacheCore;
  readonly #gathering: Gathering;
  readonly #into: readonly Uint8Array[];
  readonly #gets: LandingGet[] = [];
  readonly #copyOut: CopyOut;

  constructor(
    core: CacheCore,
    gathering: Gathering,
    into: readonly Uint8Array[],
    indexes: readonly number[],
    copyOut: CopyOut,
  ) {
    this.#core = core;
    this.#gathering = gathering;
    this.#into = into;
    this.#copyOut = copyOut;
    if (gathering.isDone) return;
    for (let position = 0; position < indexes.length; position += CHUNKS_PER_GET) {
      const some = indexes.slice(position, position + CHUNKS_PER_GET);
      const controller = new AbortController();
      const unsettled = new Set(some);
      const quiet = core.background.add(this.#get(some, unsettled, controller.signal));
      this.#gets.push({ first: some[0] as number, unsettled, controller, quiet });
    }
  }

  /** Ends what is still under way, and resolves when nothing is written any more. Rejects with what the backend's `get` itself rejects with. */
  async end(request: CacheRequest): Promise<void> {
    if (this.#gets.some(({ unsettled }) => unsettled.size > 0)) {
      const { end } = this.#gathering;
      const failure = request.ending === undefined && end.status === 'failed' ? end.error : request.signal.reason;
      const reason: unknown = failure ?? new KvferryError('ABORTED', 'the prefix ends before it');
      for (const { controller } of this.#gets) controller.abort(reason);
    }
    const ended = await Promise.allSettled(this.#gets.map(({ quiet }) => quiet));
    for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async #get(indexes: readonly number[], unsettled: Set<number>, signal: AbortSignal): Promise<void> {
    const { backend, remote } = this.#core;
    const chunkAt = (index: number): KeyedChunk => this.#gathering.chunks[index] as KeyedChunk;
    try {
      await backend?.get(
        indexes.map((index) => ({ key: chunkAt(index).key, into: this.#into[index] as Uint8Array })),
        {
          signal,
          onSettled: (position, result) => {
            const index = indexes[position] as number;
            unsettled.delete(index);
            const noHit = this.#land(chunkAt(index), this.#into[index] as Uint8Array, index, result);
            this.#core.heard(chunkAt(index).key, noHit);
            if (noHit === undefined) this.#gathering.here(index);
            else this.#miss(index, noHit);
          },
        },
      );
    } catch (thrown) {
      const [index] = unsettled;
      if (signal.aborted || index === undefined) return;
      const facts = { operation: 'get', key: chunkAt(index).key, backend: remote } as const;
      const error = KvferryError.from(thrown, facts);
      this.#miss(index, { status: 'failed', end: { status: 'failed', error } });
      // Two views on the same memory, for example: the call itself is wrong.
      if (error.code === 'INVALID_ARGUMENT') throw error;
    }
  }

  #land(chunk: KeyedChunk, view: Uint8Array, index: number, result: Parameters<typeof judgeGet>[0]): NoHit | undefined {
    const { serde, valueSize } = this.#core;
    const verdict = judgeGet(result, valueSize);
    if (verdict.status !== 'hit') return verdict;
    try {
      const { bytes } = serde.deserialize(view, chunk.layout, NO_BYTES);
      if (bytes.byteOffset !== view.byteOffset || bytes.buffer !== view.buffer) view.set(bytes);
    } catch (thrown) {
      return noTensor(thrown, chunk.key);
    }
    this.#copyOut.skip(index);
    const kept = keepCopy(this.#core, chunk, view);
    if (kept !== undefined) this.#gathering.adopt(index, kept);
    return undefined;
  }

  /** The prefix ends here at the latest, so what was begun wholly behind it ends too. */
  #miss(index: number, noHit: NoHit): void {
    this.#gathering.notLoaded(index, noHit);
    const reason = new KvferryError('ABORTED', 'the prefix ends before it');
    for (const { first, controller } of this.#gets) if (first > index) controller.abort(reason);
  }
}

const NO_BYTES = new Uint8Array(0);
