/**
 * The reading half of the main job, in a process of its own: it computes the keys from configuration, model and tokens, as an engine on another machine
 * would, and compares every byte with what those tokens' KV must be.
 */
import { type Chunk, type HitEnd, type KvCache, KvferryError, type LoadedChunk, type Lookup } from '@kvferry/core';
import { chunkIdentity, loadConfig, openKvCache } from 'kvferry';
import { CpuClock, transferCost } from '../shared/cpu-clock.ts';
import { jobConfig } from '../shared/job-config.ts';
import { collectLatencies } from '../shared/latencies.ts';
import { leaveSignalsToParent } from '../shared/leave-signals.ts';
import { windowLength } from './chunk-window.ts';
import { fillChunk } from './kv-data.ts';
import type { CacheFacts, ReaderJob, ReaderMessage, ReaderResult } from './messages.ts';

leaveSignalsToParent();
process.on('disconnect', () => process.exit(1));
process.once('message', (job) => {
  read(job as ReaderJob).then(
    (result) => finish({ kind: 'result', result }),
    (thrown: unknown) => {
      const error = KvferryError.from(thrown);
      finish({ kind: 'error', code: error.code, message: error.message });
    },
  );
});

function tell(message: ReaderMessage): void {
  process.send?.(message);
}

function finish(message: ReaderMessage): void {
  process.send?.(message, undefined, undefined, () => process.exit(0));
}

async function read({ configFile, placeholders, engine, tokens, backends, store }: ReaderJob): Promise<ReaderResult> {
  const loaded = jobConfig(await loadConfig({ file: configFile, placeholders }));
  const { chunker } = await chunkIdentity(loaded.config, engine);
  const cache = await openKvCache(loaded, engine, { backends, ...store });
  try {
    return await new Reading(cache, tokens, chunker.chunk(tokens)).run();
  } finally {
    await cache.close();
  }
}

class Reading {
  readonly #cache: KvCache;
  readonly #tokens: Uint32Array;
  readonly #chunks: readonly Chunk[];
  readonly #expected: Uint8Array;
  #mostBytes = 0;

  constructor(cache: KvCache, tokens: Uint32Array, chunks: readonly Chunk[]) {
    this.#cache = cache;
    this.#tokens = tokens;
    this.#chunks = chunks;
    this.#expected = new Uint8Array(cache.info.chunkBytes);
  }

  async run(): Promise<ReaderResult> {
    const { asyncLoading, local, chunkBytes } = this.#cache.info;
    const latencies = collectLatencies('GET');
    const clock = new CpuClock();
    if (asyncLoading) clock.start();
    const started = performance.now();
    const { hitTokens, end } = await this.#lookUp();
    const seconds = (performance.now() - started) / 1000;
    if (asyncLoading) clock.stop();

    const first = await this.#retrieve(clock, (chunks) => tell({ kind: 'progress', chunks }));
    const found = this.#chunks.filter((chunk) => chunk.end <= hitTokens).length;
    const result = {
      lookup: { hitTokens, seconds, end: end.status },
      retrieve: transferCost(clock, first.chunks * chunkBytes),
      latencies: latencies.stop(),
      verifiedBytes: first.equal * chunkBytes,
      // What was found and is gone is not what was stored either.
      mismatches: Math.max(found, first.chunks) - first.equal,
    };
    if (local === 'staging-only') return { ...result, cache: this.#facts(null) };
    const clockAgain = new CpuClock();
    const again = await this.#retrieve(clockAgain, () => {});
    return {
      ...result,
      mismatches: result.mismatches + again.chunks - again.equal,
      cache: this.#facts({
        ...transferCost(clockAgain, again.chunks * chunkBytes),
        localChunks: again.local,
      }),
    };
  }

  /**
   * Looks the whole sequence up. With asynchronous loading that loads it too, as far as memory goes; what does not arrive within one answer is asked for
   * again, as long as something does.
   */
  async #lookUp(): Promise<Lookup> {
    for (let hitTokens = -1; ; ) {
      const found = await this.#cache.lookup(this.#tokens);
      this.#noteMemory();
      if (found.end.status !== 'failed') return found;
      if (!this.#cache.info.asyncLoading) throw found.end.error;
      if (found.end.error.code === 'TOO_LARGE') return found;
      if (!isSlow(found.end) || found.hitTokens <= hitTokens) throw found.end.error;
      hitTokens = found.hitTokens;
    }
  }

  /** Retrieves all there is, a window of chunks after another, and looks at every byte. Only the retrieving is timed. */
  async #retrieve(
    clock: CpuClock,
    onProgress: (chunks: number) => void,
  ): Promise<{ readonly chunks: number; readonly equal: number; readonly local: number }> {
    const { chunkBytes, budgetBytes } = this.#cache.info;
    const length = windowLength(chunkBytes, budgetBytes);
    let [done, equal, local] = [0, 0, 0];
    while (done < this.#chunks.length) {
      const skipTokens = this.#chunks[done]?.start;
      const last = this.#chunks[Math.min(done + length, this.#chunks.length) - 1];
      clock.start();
      const prefix = await this.#cache.retrieve(this.#tokens.subarray(0, last?.end), { skipTokens });
      clock.stop();
      this.#noteMemory();
      try {
        equal += prefix.chunks.filter((chunk) => this.#isEqual(chunk)).length;
        local += prefix.chunks.filter(({ tier }) => tier === 'local').length;
      } finally {
        prefix[Symbol.dispose]();
      }
      done += prefix.chunks.length;
      onProgress(done);
      const { end } = prefix;
      if (end.status === 'failed' && !(isSlow(end) && prefix.chunks.length > 0)) throw end.error;
      if (end.status === 'miss') break;
    }
    return { chunks: done, equal, local };
  }

  #isEqual({ bytes, hash, layout }: LoadedChunk): boolean {
    fillChunk(this.#expected, hash, layout.dtype);
    return Buffer.compare(bytes, this.#expected) === 0;
  }

  #noteMemory(): void {
    this.#mostBytes = Math.max(this.#mostBytes, this.#cache.stats.leasedBytes);
  }

  #facts(again: CacheFacts['again']): CacheFacts {
    const { local, asyncLoading, budgetBytes } = this.#cache.info;
    const { localHits, remoteHits, probes, probeRounds, evictions, localEntries, leasedBytes } = this.#cache.stats;
    return {
      local,
      asyncLoading,
      budgetBytes,
      mostBytes: this.#mostBytes,
      keptChunks: localEntries,
      keptBytes: leasedBytes,
      localHits,
      remoteHits,
      probes,
      probeRounds,
      evictions,
      again,
    };
  }
}

/** Whether the store is well, and took longer than one answer may. */
function isSlow(end: HitEnd): boolean {
  return end.status === 'failed' && end.error.code === 'TIMEOUT';
}
