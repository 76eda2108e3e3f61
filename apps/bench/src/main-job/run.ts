import { randomBytes } from 'node:crypto';
import { freemem } from 'node:os';
import { type Chunk, type Key, type Kv1KeyFormat, KvferryError, type RemoteBackend } from '@kvferry/core';
import { remoteTarget } from '@kvferry/lmcache';
import {
  backendFor,
  type ChunkIdentity,
  chunkIdentity,
  describeRemote,
  type EngineMetadata,
  type LoadedConfig,
  type ModelShape,
  openKvCache,
  type S3Overrides,
} from 'kvferry';
import type { TransferCost } from '../shared/cpu-clock.ts';
import { type StandIn, startStandIn } from '../shared/embedded-simulator.ts';
import { jobConfig } from '../shared/job-config.ts';
import type { LatencySummary } from '../shared/latencies.ts';
import { chunkBytes } from '../shared/models.ts';
import { type Corpus, readCorpus } from './corpus.ts';
import type { ReaderJob, ReaderResult } from './messages.ts';
import { readElsewhere } from './read-elsewhere.ts';
import { type StoreOutcome, storeChunks } from './writer.ts';

/** Where the chunks go. */
export type Store =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'endpoint'; readonly url: string }
  | { readonly kind: 'live' };

export interface MainJob {
  readonly loaded: LoadedConfig;
  readonly placeholders: Readonly<Record<string, string>>;
  readonly model: ModelShape;
  readonly store: Store;
  /** Packages or files of further backends, for a configuration whose `remote_url` is theirs. */
  readonly backends: readonly string[];
  /** `undefined`: this repository's own documentation and source. */
  readonly textFile: string | undefined;
  /** At most this many bytes of KV are made. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** Called as the job goes on, to tell a person. */
export interface MainJobListener {
  onPlan(plan: Plan): void;
  /** What a person should know about the memory that the cache got. */
  onNote(note: string): void;
  onProgress(phase: 'store' | 'retrieve', chunks: number, total: number): void;
  onRemoved(objects: number): void;
  /** What was stored is still there, under keys that start with `prefix`. */
  onNotRemoved(prefix: string, error: KvferryError): void;
}

/** What is going to happen, before the first byte is sent. */
export interface Plan {
  readonly backend: string;
  readonly endpoint: string;
  readonly namespace: string;
  readonly identity: string;
  readonly corpus: Corpus;
  readonly chunkTokens: number;
  readonly chunkBytes: number;
  readonly chunks: number;
  /** Tokens of the text that the chunks hold; the rest would not fit `maxBytes`. */
  readonly usedTokens: number;
  readonly bytes: number;
}

export interface MainJobResult {
  readonly plan: Plan;
  readonly store: TransferCost;
  readonly storeLatencies: LatencySummary;
  readonly reader: ReaderResult;
}

/** The most KV that a run makes unless told otherwise: 2 GiB, or a quarter of the memory that is free. */
export function defaultMaxBytes(): number {
  return Math.min(2 * 1024 ** 3, Math.floor(freemem() / 4));
}

/** Stores the KV of a real text, then looks it up and loads it from a second process, and compares every byte. */
export async function runMainJob(job: MainJob, listener: MainJobListener): Promise<MainJobResult> {
  const simulator = job.store.kind === 'embedded' ? await startStandInFor(job.loaded) : undefined;
  try {
    return await runAgainst(job, simulator, listener);
  } finally {
    await simulator?.stop();
  }
}

async function runAgainst(
  job: MainJob,
  simulator: StandIn | undefined,
  listener: MainJobListener,
): Promise<MainJobResult> {
  const store: S3Overrides = simulator?.overrides ?? (job.store.kind === 'endpoint' ? { endpoint: job.store.url } : {});
  const engine = demoEngine(job.model);
  const loaded = jobConfig(job.loaded);
  const identity = await chunkIdentity(loaded.config, engine);
  const { tokensPerChunk } = identity.chunker;
  const bytesEach = chunkBytes(job.model, tokensPerChunk);
  const maxChunks = Math.floor(job.maxBytes / bytesEach);
  if (maxChunks === 0) {
    const reason = `one chunk of ${job.model.name} has ${bytesEach} bytes, and only ${job.maxBytes} may be made; raise --max-bytes, or take a smaller --model`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  const corpus = await readCorpus(job.textFile, maxChunks * tokensPerChunk);
  const chunks = identity.chunker.chunk(corpus.tokens);
  if (chunks.length === 0) {
    const reason = `${corpus.description} has ${corpus.tokens.length} tokens, less than one chunk of ${tokensPerChunk}; give a longer --text`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }

  const { backends } = job;
  // Beside the cache's own: who stores may remove, and a cache does not.
  const backend = await backendFor(loaded, { backends, ...store });
  try {
    await backend.open({ signal: job.signal });
    const plan: Plan = {
      backend: backend.info.scheme,
      endpoint: simulator?.url ?? backend.info.details.endpoint ?? backend.info.namespace,
      namespace: backend.info.namespace,
      identity: backend.info.details.identity ?? 'none',
      corpus,
      chunkTokens: tokensPerChunk,
      chunkBytes: bytesEach,
      chunks: chunks.length,
      usedTokens: chunks.length * tokensPerChunk,
      bytes: chunks.length * bytesEach,
    };
    listener.onPlan(plan);
    const readerJob: ReaderJob = {
      configFile: loaded.file,
      placeholders: job.placeholders,
      backends,
      store,
      engine,
      tokens: corpus.tokens.subarray(0, plan.usedTokens),
    };
    return await storeAndRead({ ...job, loaded }, backend, identity, chunks, plan, readerJob, listener);
  } finally {
    await backend.close();
  }
}

async function storeAndRead(
  job: MainJob,
  backend: RemoteBackend,
  identity: ChunkIdentity,
  chunks: readonly Chunk[],
  plan: Plan,
  readerJob: ReaderJob,
  listener: MainJobListener,
): Promise<MainJobResult> {
  try {
    const stored = await store(job, identity, chunks, readerJob, listener);
    const reader = await readElsewhere(readerJob, {
      signal: job.signal,
      onProgress: (done) => listener.onProgress('retrieve', done, chunks.length),
    });
    return { plan, store: stored.cost, storeLatencies: stored.latencies, reader };
  } finally {
    // An embedded store goes as a whole.
    if (job.store.kind !== 'embedded') await removeObjects(backend, keysOf(identity, chunks), listener);
  }
}

/** Through a cache that is closed again before anybody reads, so that what it keeps in memory is there once. */
async function store(
  { loaded, signal }: MainJob,
  identity: ChunkIdentity,
  chunks: readonly Chunk[],
  { engine, tokens, backends, store: place }: ReaderJob,
  listener: MainJobListener,
): Promise<StoreOutcome> {
  const onNote = (note: string): void => listener.onNote(note);
  const cache = await openKvCache(loaded, engine, { backends, ...place, signal, onNote });
  try {
    return await storeChunks(cache, identity, tokens, chunks, {
      signal,
      onProgress: (done) => listener.onProgress('store', done, chunks.length),
    });
  } finally {
    await cache.close();
  }
}

/** All that a run stores: its chunks, and where keys have namespaces, what is written down of theirs. */
function keysOf({ keyFormat, scope }: ChunkIdentity, chunks: readonly Chunk[]): Key[] {
  const keys = chunks.map((chunk) => keyFormat.key(chunk, scope));
  return 'namespace' in keyFormat ? [...keys, (keyFormat as Kv1KeyFormat).namespace(scope).key] : keys;
}

/**
 * Removes what this run may have stored, and nothing else: its keys carry a name that no other run has. Never throws, so that it cannot stand in for what
 * went wrong before.
 */
async function removeObjects(backend: RemoteBackend, keys: readonly Key[], listener: MainJobListener): Promise<void> {
  try {
    const results = await backend.delete(keys);
    for (const result of results) if (result.status === 'failed') throw result.error;
    listener.onRemoved(results.length);
  } catch (thrown) {
    const prefix = String(keys[0]).split('@', 1).join();
    listener.onNotRemoved(prefix, KvferryError.from(thrown));
  }
}

/** An engine that nobody runs, so that made-up KV is never a hit for a real one; its name is another in every run. */
function demoEngine(model: ModelShape): EngineMetadata {
  return {
    modelName: `kvferry-demo/${model.name}-${randomBytes(4).toString('hex')}`,
    worldSize: 1,
    workerId: 0,
    kvDtype: model.dtype,
    kvShape: model.kvShape,
    pythonHashSeed: process.env.PYTHONHASHSEED ?? null,
    vllm: false,
  };
}

async function startStandInFor(loaded: LoadedConfig): Promise<StandIn> {
  const target = remoteTarget(loaded.config);
  if (target.kind !== 'none' && target.kind !== 'plugin') return await startStandIn(target, [target.bucket]);
  throw new KvferryError(
    'INVALID_ARGUMENT',
    `the configuration names no S3 store (${describeRemote(loaded)}); use --live to run against it`,
  );
}
