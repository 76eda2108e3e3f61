import type { PutItem, PutMode, PutResult } from '../backend.ts';
import type { BufferLease } from '../buffer-pool.ts';
import type { ChunkTensor } from '../chunks.ts';
import { KvferryError } from '../errors.ts';
import { CopyPace, keepCopy } from './copies.ts';
import type { CacheCore, KeyedChunk } from './core.ts';
import { ask } from './find-prefix.ts';
import { judgeStat } from './judge.ts';
import type { StoredChunk } from './kv-cache.ts';
import type { CacheRequest } from './request.ts';
import { afterAsking, beforeAsking, type StoreStep } from './store-decisions.ts';

/** A chunk that is to be stored, with the caller's tensor. */
export interface ChunkToStore extends KeyedChunk {
  readonly tensor: ChunkTensor;
}

/** How long storing these chunks may take: what an answer may, and the time of their bytes on the slowest way that is still of use, 8 MiB/s. */
export function storeMs(answerMs: number, chunks: readonly ChunkToStore[]): number {
  const byteLength = chunks.reduce((sum, { tensor, isFull }) => sum + (isFull ? tensor.bytes.byteLength : 0), 0);
  return answerMs + Math.ceil(byteLength / SLOWEST_BYTES_PER_MS);
}

const SLOWEST_BYTES_PER_MS = (8 * 1024 * 1024) / 1000;

/** Sends what the remote does not have, and keeps copies in the local tier meanwhile. Settles when the tensors are the caller's again. */
export async function storeChunks(
  core: CacheCore,
  request: CacheRequest,
  chunks: readonly ChunkToStore[],
): Promise<StoredChunk[]> {
  const [sent, kept] = await Promise.allSettled([
    sendMissing(core, request, chunks),
    keepCopies(core, request, chunks),
  ]);
  if (sent.status === 'rejected') throw sent.reason;
  if (kept.status === 'rejected') throw kept.reason;
  if (request.hasCallerLeft()) throw request.rejection();
  return chunks.map(({ start, end, hash, key }, index) => ({
    start,
    end,
    hash,
    key,
    result: sent.value[index] as StoredChunk['result'],
  }));
}

async function sendMissing(
  core: CacheCore,
  request: CacheRequest,
  chunks: readonly ChunkToStore[],
): Promise<StoredChunk['result'][]> {
  const steps = await decide(core, request, chunks);
  const sending = new Sending(core, request, chunks);
  for (const [index, step] of steps.entries()) {
    if (step.do === 'skip') sending.results[index] = { status: 'skipped', reason: step.reason };
    if (step.do === 'fail') sending.settle(index, step.result);
  }
  const indexesOf = (mode: PutMode): number[] =>
    [...steps.keys()].filter((index) => {
      const step = steps[index];
      return step?.do === 'put' && step.mode === mode;
    });
  const create = indexesOf('create');
  const replace = indexesOf('replace');
  const outcomes = await Promise.allSettled([sending.put(create, 'create'), sending.put(replace, 'replace')]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return sending.results as StoredChunk['result'][];
}

/** One question to the remote, for all chunks of which it is not known what to do. What is not answered for in time leaves time to send the rest. */
async function decide(core: CacheCore, request: CacheRequest, chunks: readonly ChunkToStore[]): Promise<StoreStep[]> {
  const { backend, stores, suspects, presence, valueSize } = core;
  const steps = chunks.map(({ key, isFull }) =>
    beforeAsking({
      isFull,
      hasRemote: backend !== undefined,
      stores,
      isSuspect: suspects.has(key),
      remembered: presence.get(key),
    }),
  );
  const asked = [...steps.keys()].filter((index) => steps[index]?.do === 'ask');
  const asking = request.part(core.answerMs);
  const keys = asked.map((index) => (chunks[index] as ChunkToStore).key);
  const answers = await ask(core, asking, keys).finally(() => asking.release());
  const canCreate = backend?.capabilities.create === true;
  for (const [position, index] of asked.entries()) {
    const answer = answers[position];
    if (answer !== undefined) steps[index] = afterAsking(judgeStat(answer, valueSize), canCreate);
  }
  return steps;
}

class Sending {
  readonly results: (StoredChunk['result'] | undefined)[];
  readonly #core: CacheCore;
  readonly #request: CacheRequest;
  readonly #chunks: readonly ChunkToStore[];

  constructor(core: CacheCore, request: CacheRequest, chunks: readonly ChunkToStore[]) {
    this.#core = core;
    this.#request = request;
    this.#chunks = chunks;
    this.results = new Array<StoredChunk['result'] | undefined>(chunks.length).fill(undefined);
  }

  settle(index: number, result: PutResult): void {
    const { presence, suspects, counts } = this.#core;
    const { key } = this.#chunks[index] as ChunkToStore;
    this.results[index] = result;
    if (result.status === 'failed') {
      counts.failures += 1;
      return;
    }
    presence.see(key, 'sure');
    if (result.status !== 'stored') return;
    counts.storedChunks += 1;
    suspects.clear(key);
  }

  /** Puts chunks: all at once where the serde needs no memory, else as many at a time as there is memory for. */
  async put(indexes: readonly number[], mode: PutMode): Promise<void> {
    const { serde } = this.#core;
    let left = indexes;
    while (left.length > 0 && this.#request.ending === undefined) {
      const first = this.#chunks[left[0] as number] as ChunkToStore;
      const scratchBytes = serde.scratchBytes(first.layout);
      const scratch = scratchBytes === 0 ? undefined : await this.#takeScratch(scratchBytes, left);
      if (scratch?.length === 0) break;
      const now = scratch === undefined ? left : left.slice(0, scratch.length);
      try {
        await this.#putNow(now, mode, scratch);
      } finally {
        for (const lease of scratch ?? []) this.#core.tier.giveBack(lease);
      }
      left = left.slice(now.length);
    }
    this.#failRest(indexes);
  }

  async #putNow(indexes: readonly number[], mode: PutMode, scratch: readonly BufferLease[] | undefined): Promise<void> {
    const { backend, serde } = this.#core;
    const items: PutItem[] = indexes.map((index, position) => {
      const { key, tensor } = this.#chunks[index] as ChunkToStore;
      return { key, parts: serde.serialize(tensor, scratch?.[position]?.bytes ?? NO_BYTES) };
    });
    try {
      await backend?.put(items, {
        mode,
        signal: this.#request.signal,
        onSettled: (position, result) => this.settle(indexes[position] as number, result),
      });
    } catch (thrown) {
      if (this.#request.ending === undefined) throw thrown;
    }
  }

  /** Scratch memory for the first of these chunks at least, in this request's turn; none where the request ends first. */
  async #takeScratch(byteLength: number, indexes: readonly number[]): Promise<BufferLease[]> {
    const { gate, tier, pool, remote } = this.#core;
    const leases: BufferLease[] = [];
    if (byteLength > pool.maxBytes) {
      const reason = `the serde needs ${byteLength} bytes of memory for a chunk, and there are ${pool.maxBytes}; raise max_local_cpu_size (the pool's maxBytes)`;
      for (const index of indexes) {
        const key = this.#chunks[index]?.key;
        const error = new KvferryError('TOO_LARGE', reason, { operation: 'put', key, backend: remote });
        this.settle(index, { status: 'failed', error });
      }
      return leases;
    }
    const turn = gate.enter();
    const giveUpTurn = (): void => turn.cancel();
    this.#request.signal.addEventListener('abort', giveUpTurn, { once: true });
    if ((await turn.promise) === undefined) return leases;
    try {
      while (leases.length < indexes.length && this.#request.ending === undefined) {
        let lease = tier.take(byteLength);
        if (lease === undefined && leases.length === 0) {
          const wait = gate.wait(byteLength);
          this.#request.signal.addEventListener('abort', () => wait.cancel(), { once: true });
          lease = await wait.promise;
        }
        if (lease === undefined) break;
        leases.push(lease);
      }
    } finally {
      gate.leave();
    }
    return leases;
  }

  /** What the request's end left unanswered. */
  #failRest(indexes: readonly number[]): void {
    for (const index of indexes) {
      if (this.results[index] !== undefined) continue;
      const { key } = this.#chunks[index] as ChunkToStore;
      this.settle(index, { status: 'failed', error: this.#request.errorOf('put', key, this.#core.remote) });
    }
  }
}

/**
 * Keeps a copy of each chunk that is not in memory, from the front on, as far as there is room. What is there of the sequence counts as used, and no room is
 * made of it.
 */
async function keepCopies(core: CacheCore, request: CacheRequest, chunks: readonly ChunkToStore[]): Promise<void> {
  const { tier } = core;
  if (!tier.keeps) return;
  const entries = chunks.map(({ key }) => tier.get(key));
  for (const entry of entries) if (entry !== undefined) tier.pin(entry);
  const pace = new CopyPace();
  for (const [index, chunk] of chunks.entries()) {
    if (request.ending !== undefined) break;
    if (entries[index] !== undefined || core.loads.has(chunk.key)) continue;
    entries[index] = keepCopy(core, chunk, chunk.tensor.bytes);
    // What lies behind a chunk for which there is no room is of less use than what would have to go for it.
    if (entries[index] === undefined && tier.get(chunk.key) === undefined) break;
    const pause = pace.pause(chunk.tensor.bytes.byteLength);
    if (pause !== undefined) await pause;
  }
  const kept = entries.filter((entry) => entry !== undefined);
  tier.use(kept);
  tier.unpin(kept);
}

const NO_BYTES = new Uint8Array(0);
