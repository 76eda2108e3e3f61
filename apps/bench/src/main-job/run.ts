import { randomBytes } from 'node:crypto';
import { freemem } from 'node:os';
import { type Chunk, type Key, KvferryError, type RemoteBackend } from '@kvferry/core';
import { remoteTarget } from '@kvferry/lmcache';
import {
  backendFor,
  type ChunkIdentity,
  chunkIdentity,
  describeRemote,
  type EngineMetadata,
  type LoadedConfig,
} from 'kvferry';
import type { TransferCost } from '../shared/cpu-clock.ts';
import { type EmbeddedSimulator, startEmbeddedSimulator } from '../shared/embedded-simulator.ts';
import type { LatencySummary } from '../shared/latencies.ts';
import { chunkBytes, type ModelShape } from '../shared/models.ts';
import { type Corpus, readCorpus } from './corpus.ts';
import type { ReaderJob, ReaderResult } from './messages.ts';
import { readElsewhere } from './read-elsewhere.ts';
import { storeChunks } from './writer.ts';

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
  const simulator =
    job.store.kind === 'embedded' ? await startEmbeddedSimulator([await bucketOf(job.loaded)]) : undefined;
  try {
    return await runAgainst(job, simulator, listener);
  } finally {
    await simulator?.stop();
  }
}

async function runAgainst(
  job: MainJob,
  simulator: EmbeddedSimulator | undefined,
  listener: MainJobListener,
): Promise<MainJobResult> {
  const endpoint = simulator?.url ?? (job.store.kind === 'endpoint' ? job.store.url : undefined);
  const credentials = simulator?.credentials;
  const engine = demoEngine(job.model);
  const identity = chunkIdentity(job.loaded.config, engine);
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
  const backend = await backendFor(job.loaded, { backends, credentials, endpoint });
  try {
    await backend.open({ signal: job.signal });
    const plan: Plan = {
      backend: backend.info.scheme,
      endpoint: backend.info.details.endpoint ?? backend.info.namespace,
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
      configFile: job.loaded.file,
      placeholders: job.placeholders,
      backends,
      endpoint,
      credentials,
      engine,
      tokens: corpus.tokens,
    };
    return await storeAndRead(job, backend, identity, chunks, plan, readerJob, listener);
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
  const { signal } = job;
  const keyOf = (chunk: Chunk): Key => identity.keyFormat.key(chunk, identity.scope);
  try {
    const stored = await storeChunks(backend, identity, chunks, plan.chunkBytes, keyOf, {
      signal,
      onProgress: (done) => listener.onProgress('store', done, chunks.length),
    });
    const reader = await readElsewhere(readerJob, {
      signal,
      onProgress: (done) => listener.onProgress('retrieve', done, chunks.length),
    });
    return { plan, store: stored.cost, storeLatencies: stored.latencies, reader };
  } finally {
    // An embedded store goes as a whole.
    if (job.store.kind !== 'embedded') await removeObjects(backend, chunks.map(keyOf), listener);
  }
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

async function bucketOf(loaded: LoadedConfig): Promise<string> {
  const target = remoteTarget(loaded.config);
  if (target.kind === 's3') return target.bucket;
  // Not a store that the simulator can stand for: opening it says why.
  if (target.kind !== 'plugin') await backendFor(loaded, { endpoint: 'http://127.0.0.1:1' });
  throw new KvferryError(
    'INVALID_ARGUMENT',
    `the configuration names no S3 store (${describeRemote(loaded)}); use --live to run against it`,
  );
}
