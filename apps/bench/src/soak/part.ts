import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { type HitEnd, type KvCache, KvferryError, type Prefetch, type Retrieved } from '@kvferry/core';
import { loadConfig, openKvCache } from 'kvferry';
import { Random } from '../shared/random.ts';
import { takeFootprint } from './footprint.ts';
import { openStore, type SoakStore, type StoreName } from './stores.ts';
import { CHUNK_TOKENS, engine, MAX_CHUNKS, makePrompts, type Prompt } from './workload.ts';

/** One cache on one store. */
export interface PartSettings {
  readonly store: StoreName;
  /** The lines of the configuration that say what the cache keeps and how it loads. */
  readonly cache: string;
  readonly operations: number;
  readonly seed: number;
}

export interface PartResult {
  readonly store: StoreName;
  readonly cache: string;
  readonly operations: number;
  readonly seconds: number;
  /** How operations ended, by name and outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly stats: KvCache['stats'];
  readonly mostLeasedBytes: number;
  readonly budgetBytes: number;
  /** Growth from a quarter of the operations to the last, the cache still open. */
  readonly heapGrowthBytes: number;
  readonly residentGrowthBytes: number;
  readonly mostConnections: number;
}

/** Operations under way at once. */
const WORKERS = 6;
/** 64 chunks of 8 KiB, of 136 that there are. */
const BUDGET_GIB = (64 * 8192) / 2 ** 30;

/**
 * Runs operations on one cache, with faults, and closes it. Throws where an answer was wrong, the budget was exceeded, or something was left when
 * everything was given back.
 */
export async function runPart(settings: PartSettings): Promise<PartResult> {
  const random = new Random(settings.seed);
  const store = await openStore(settings.store, random);
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-soak-'));
  try {
    const file = join(folder, 'lmcache.yaml');
    await writeFile(file, configOf(settings, store));
    const loaded = await loadConfig({ file, env: {} });
    const cache = await openKvCache(loaded, engine, store.options);
    const part = new Part(cache, store, await makePrompts(loaded), random);
    const result = await part.run(settings).finally(() => cache.close());
    if (cache.stats.leasedBytes !== 0) throw new Error(`${cache.stats.leasedBytes} bytes are on loan after close`);
    await until(() => store.openConnections === 0, 'connections are open after close');
    return result;
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
}

function configOf({ cache }: PartSettings, { remoteUrl }: SoakStore): string {
  return [
    `chunk_size: ${CHUNK_TOKENS}`,
    `max_local_cpu_size: ${BUDGET_GIB}`,
    'blocking_timeout_secs: 1',
    `remote_url: "${remoteUrl}"`,
    cache,
    'extra_config:',
    '  disable_tls: True',
    '  s3_region: us-east-1',
    '  kvferry: { bucket: soak, provider: aws }',
  ].join('\n');
}

class Part {
  readonly #cache: KvCache;
  readonly #store: SoakStore;
  readonly #prompts: readonly Prompt[];
  readonly #random: Random;
  readonly #expected = new Map<string, Uint8Array>();
  readonly #outcomes: Record<string, number> = {};
  /** What somebody still reads. */
  readonly #held: Retrieved[] = [];
  readonly #prefetches: Prefetch[] = [];
  #mostLeasedBytes = 0;
  #mostConnections = 0;

  constructor(cache: KvCache, store: SoakStore, prompts: readonly Prompt[], random: Random) {
    this.#cache = cache;
    this.#store = store;
    this.#prompts = prompts;
    this.#random = random;
    for (const { keys, tensors } of prompts) {
      for (const [index, key] of keys.entries()) this.#expected.set(key, tensors[index]?.bytes as Uint8Array);
    }
  }

  async run({ store, cache, operations }: PartSettings): Promise<PartResult> {
    const startMs = performance.now();
    const quarter = Math.floor(operations / 4);
    await this.#work(quarter);
    const before = await takeFootprint();
    await this.#work(operations - quarter);
    this.#giveEverythingBack();
    await this.#untilQuiet();
    const after = await takeFootprint();
    return {
      store,
      cache,
      operations,
      seconds: (performance.now() - startMs) / 1000,
      outcomes: this.#outcomes,
      stats: this.#cache.stats,
      mostLeasedBytes: this.#mostLeasedBytes,
      budgetBytes: this.#cache.info.budgetBytes,
      heapGrowthBytes: after.heapBytes - before.heapBytes,
      residentGrowthBytes: after.residentBytes - before.residentBytes,
      mostConnections: this.#mostConnections,
    };
  }

  async #work(operations: number): Promise<void> {
    let left = operations;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await this.#operation();
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
  }

  async #operation(): Promise<void> {
    const random = this.#random;
    this.#store.disturb();
    const prompt = random.pick(this.#prompts);
    const chunks = 1 + random.below(MAX_CHUNKS);
    const name = random.pick(names);
    // Some callers change their minds, at any moment.
    const leaves = random.once(8) ? new AbortController() : undefined;
    const outcome = this.#run(name, prompt, chunks, leaves?.signal);
    if (leaves !== undefined) {
      for (let turns = random.below(6); turns > 0; turns -= 1) await setImmediate();
      leaves.abort();
    }
    const told = await outcome.catch((thrown: unknown) => {
      if (leaves !== undefined && KvferryError.is(thrown) && thrown.code === 'ABORTED') return 'aborted';
      throw thrown;
    });
    this.#outcomes[`${name}: ${told}`] = (this.#outcomes[`${name}: ${told}`] ?? 0) + 1;
    this.#check();
    // Where the breaker is open nothing is gained by asking at once.
    if (told === 'UNAVAILABLE') await sleep(10);
  }

  async #run(name: OperationName, prompt: Prompt, chunks: number, signal: AbortSignal | undefined): Promise<string> {
    const cache = this.#cache;
    const random = this.#random;
    const tokens = prompt.tokens.subarray(0, chunks * CHUNK_TOKENS);
    const skipped = random.once(3) ? random.below(chunks + 1) : 0;
    const options = { signal, skipTokens: skipped * CHUNK_TOKENS };
    switch (name) {
      case 'store': {
        const from = random.once(3) ? random.below(chunks) : 0;
        const tensors = prompt.tensors.slice(0, chunks).map((tensor, index) => (index < from ? undefined : tensor));
        const results = await cache.store(tokens, tensors, { signal });
        if (results.length !== chunks - from) throw new Error('a store told of fewer chunks than it was given');
        const failed = results.find(({ result }) => result.status === 'failed')?.result;
        return failed?.status === 'failed' ? failed.error.code : 'done';
      }
      case 'lookup':
        return told(await cache.lookup(tokens, { signal, exact: random.once(4) }));
      case 'retrieve': {
        const retrieved = await cache.retrieve(tokens, options);
        this.#compare(retrieved, prompt, skipped);
        if (random.once(4)) this.#hold(retrieved);
        else retrieved[Symbol.dispose]();
        return told(retrieved);
      }
      case 'retrieveInto': {
        const into = Array.from({ length: chunks - skipped }, () => new Uint8Array(cache.info.chunkBytes));
        const found = await cache.retrieveInto(tokens, into, options);
        const loaded = into.slice(0, found.hitTokens / CHUNK_TOKENS - skipped);
        for (const [index, bytes] of loaded.entries()) this.#expectBytes(prompt, skipped + index, bytes);
        return told(found);
      }
      case 'prefetch': {
        const prefetch = cache.prefetch(tokens, options);
        if (random.once(2)) return told(await prefetch.loaded.finally(() => this.#keep(prefetch)));
        prefetch[Symbol.dispose]();
        await prefetch.loaded.catch(() => {});
        return 'disposed of';
      }
      case 'remove':
        await this.#store.remove(random.pick(prompt.keys));
        return 'done';
      case 'spoil': {
        const key = random.pick(prompt.keys);
        await this.#store.spoil(key, this.#expected.get(key) as Uint8Array);
        return 'done';
      }
    }
  }

  #compare({ hitTokens, chunks }: Retrieved, prompt: Prompt, skipped: number): void {
    if (hitTokens !== (skipped + chunks.length) * CHUNK_TOKENS)
      throw new Error('a retrieve gave other chunks than it told');
    for (const [index, { bytes }] of chunks.entries()) this.#expectBytes(prompt, skipped + index, bytes);
  }

  #expectBytes({ tensors, keys }: Prompt, index: number, bytes: Uint8Array): void {
    if (Buffer.compare(bytes, tensors[index]?.bytes as Uint8Array) !== 0)
      throw new Error(`the bytes of ${keys[index]} are wrong`);
  }

  /** At most two, or nobody else would have memory for long. */
  #hold(retrieved: Retrieved): void {
    this.#held.push(retrieved);
    if (this.#held.length > 2) this.#held.shift()?.[Symbol.dispose]();
  }

  #keep(prefetch: Prefetch): void {
    this.#prefetches.push(prefetch);
    if (this.#prefetches.length > 2) this.#prefetches.shift()?.[Symbol.dispose]();
  }

  #check(): void {
    const { leasedBytes } = this.#cache.stats;
    this.#mostLeasedBytes = Math.max(this.#mostLeasedBytes, leasedBytes);
    this.#mostConnections = Math.max(this.#mostConnections, this.#store.openConnections);
    if (leasedBytes > this.#cache.info.budgetBytes) throw new Error(`${leasedBytes} bytes on loan exceed the budget`);
  }

  #giveEverythingBack(): void {
    for (const held of [...this.#held, ...this.#prefetches]) held[Symbol.dispose]();
  }

  /** What nobody waits for any more has to end by itself, but for what lookups loaded ahead and nobody retrieved. */
  async #untilQuiet(): Promise<void> {
    const { asyncLoading, local, chunkBytes } = this.#cache.info;
    await until(() => this.#cache.stats.loading === 0, 'chunks are still loading');
    await until(() => {
      const { leasedBytes, localEntries } = this.#cache.stats;
      return leasedBytes === localEntries * chunkBytes;
    }, 'memory on loan is more than the entries have');
    if (asyncLoading) return;
    const { pinnedEntries, localEntries } = this.#cache.stats;
    if (pinnedEntries !== 0) throw new Error(`${pinnedEntries} entries are pinned when everything was given back`);
    if (local === 'staging-only' && localEntries !== 0) throw new Error(`${localEntries} entries are kept`);
  }
}

const names = [
  ...Array<'store'>(4).fill('store'),
  ...Array<'lookup'>(4).fill('lookup'),
  ...Array<'retrieve'>(5).fill('retrieve'),
  ...Array<'retrieveInto'>(2).fill('retrieveInto'),
  ...Array<'prefetch'>(3).fill('prefetch'),
  'remove',
  'spoil',
] as const;
type OperationName = (typeof names)[number];

function told({ end }: { readonly end: HitEnd }): string {
  return end.status === 'failed' ? end.error.code : end.status;
}

async function until(condition: () => boolean, otherwise: string): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries === 1000) throw new Error(otherwise);
    await sleep(10);
  }
}
