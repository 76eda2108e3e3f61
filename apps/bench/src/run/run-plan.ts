import type { Level } from '@kvferry/conformance';
import { KvferryError } from '@kvferry/core';
import { mostOperations } from '../conformance/limits.ts';
import type { PhaseOrder } from '../load/messages.ts';
import type { Workload } from '../results/records.ts';

/** What a run may take, before it is known how much it needs. */
export interface RunLimits {
  /** The whole run, in seconds: measuring, comparing, conformance. Removing what was stored comes on top. */
  readonly seconds: number;
  /** Moved, both ways together. */
  readonly bytes: number;
  /** Stored at once. */
  readonly objects: number;
  /** Memory that may be taken for all of it, in bytes. */
  readonly memoryBytes: number;
}

/** What is left out of a run. */
export interface RunChoice {
  readonly limits: RunLimits;
  readonly chunkBytes: number;
  readonly chunkTokens: number;
  /** Requests of the client at once; `undefined`: it has no such limit. */
  readonly maxRequestsInFlight: number | undefined;
  readonly comparesClients: boolean;
  readonly conformance: Level | 'off';
}

/** What a run does, in order, each part with its share of the limits. */
export interface RunPlan {
  /** Objects that are stored, and read by everything after. */
  readonly chunks: number;
  readonly promptChunks: number;
  readonly store: PhaseOrder;
  readonly hits: readonly PhaseOrder[];
  readonly sweep: readonly PhaseOrder[];
  /** Its rate follows from what the sweep has found. */
  readonly openLoop: Omit<PhaseOrder, 'workload'>;
  readonly peers: { readonly maxMs: number; readonly maxBytes: number } | undefined;
  readonly conformanceMs: number | undefined;
}

/** What a run takes unless told otherwise. Its own store charges nobody. */
export const DEFAULT_LIMITS = { seconds: 90, bytes: 16 * 1024 ** 3, ownBytes: 128 * 1024 ** 3, objects: 200 };

/** Prompts of so many chunks can be hit at 95 % exactly; with 256 tokens each, they have 5,120 tokens. */
const PROMPT_CHUNKS = 20;
/** Fewer could not be hit at 50 %. */
const LEAST_PROMPT_CHUNKS = 2;
/** Enough to keep a store from answering out of a few hot objects, little enough to be stored in seconds. */
const DATA_BYTES = 1.25 * 1024 ** 3;
/** Memory of chunks that are read at once: making it costs time, and more in flight than that is a queue. */
const MOST_READING_BYTES = 1024 ** 3;
const CONCURRENCIES = [1, 2, 4, 8, 16, 32, 64];
/** Of each slot of a step: one to warm up, a quarter as the phase has it, and three in which all slots are busy. */
const LEAST_READS_OF_SLOT = 4;
/** Of a step, however narrow. */
const LEAST_READS = 8;
/** Of a cold cache: one to warm up, and one to measure. A warm one loads each of its prompts once. */
const LEAST_PROMPTS = { cold: 2, warm: 1 };
/** A median of so many prompts is as good as the store's own unrest lets it be. */
const MAX_PROMPTS = 200;
/** What the cases of level core take on two busy cores, doubled. */
const CONFORMANCE_MS = 24_000;
/** Of a short run, not more than this. */
const CONFORMANCE_SHARE = 0.3;
/** So much of the open loop's rate is what the store sustained: beyond, queues grow whatever the store does. */
export const OPEN_LOOP_LOAD = 0.6;

/** Shares of the time and of the bytes. */
const SHARES = { store: 0.18, hits: 0.18, sweep: 0.28, openLoop: 0.06, peers: 0.3 };

/** Divides the limits. Throws INVALID_ARGUMENT for limits in which nothing can be measured, with the least that would do. */
export function planRun(choice: RunChoice): RunPlan {
  const { chunkBytes, chunkTokens, conformance, limits, maxRequestsInFlight } = choice;
  const suiteBytes = suiteBytesOf(conformance);
  const chunks = chunksWithin(limits, suiteBytes, chunkBytes);
  const promptChunks = Math.min(PROMPT_CHUNKS, chunks);
  const prompts = Math.floor(chunks / promptChunks);
  const promptTokens = promptChunks * chunkTokens;
  const conformanceMs =
    conformance === 'off' ? undefined : Math.min(CONFORMANCE_MS, limits.seconds * 1000 * CONFORMANCE_SHARE);
  const ms = limits.seconds * 1000 - (conformanceMs ?? 0);
  const part = (
    name: keyof typeof SHARES,
    parts = 1,
  ): Pick<PhaseOrder, 'maxMs' | 'warmUpMs' | 'maxBytes' | 'maxPrompts'> => {
    const all = (ms * SHARES[name]) / parts;
    const warmUpMs = Math.min(500, all / 4);
    const maxBytes = Math.floor(((limits.bytes - suiteBytes) * SHARES[name]) / parts);
    return { maxMs: Math.floor(all - warmUpMs), warmUpMs, maxBytes, maxPrompts: MAX_PROMPTS };
  };
  const hits = [
    { type: 'hit', share: 0, temperature: 'cold', promptTokens },
    { type: 'hit', share: 0.5, temperature: 'cold', promptTokens },
    { type: 'hit', share: 0.95, temperature: 'cold', promptTokens },
    { type: 'hit', share: 0.5, temperature: 'warm', promptTokens },
    { type: 'hit', share: 0.95, temperature: 'warm', promptTokens },
  ] as const;
  const hitBytes = byNeed(
    part('hits').maxBytes,
    // What is not stored takes no bytes; but without any a phase has no warm-up.
    hits.map(({ share, temperature }) => Math.max(1, Math.round(share * promptChunks) * LEAST_PROMPTS[temperature])),
  );
  const readingBytes = Math.min(MOST_READING_BYTES, limits.memoryBytes / 4);
  const most = Math.min(maxRequestsInFlight ?? Number.POSITIVE_INFINITY, readingBytes / chunkBytes);
  const sweepBytes = part('sweep').maxBytes;
  const concurrencies = CONCURRENCIES.filter(
    (concurrency) =>
      concurrency === 1 || (concurrency <= most && leastReadsUpTo(concurrency) * chunkBytes <= sweepBytes),
  );
  const stepBytes = withLeast(
    sweepBytes,
    concurrencies.map((concurrency) => leastReads(concurrency) * chunkBytes),
  );
  const peers = part('peers');
  return {
    chunks: prompts * promptChunks,
    promptChunks,
    // The bytes come first: without them there is nothing to read.
    store: order({ type: 'store', prompts }, { ...part('store'), warmUpMs: 0 }),
    hits: hits.map((workload, index) =>
      order(workload, { ...part('hits', hits.length), maxBytes: hitBytes[index] as number }),
    ),
    sweep: concurrencies.map((concurrency, index) =>
      order(
        { type: 'sweep', concurrency },
        { ...part('sweep', concurrencies.length), maxBytes: stepBytes[index] as number },
      ),
    ),
    openLoop: { id: 'open-loop', ...part('openLoop') },
    peers: choice.comparesClients ? { maxMs: peers.maxMs + peers.warmUpMs, maxBytes: peers.maxBytes } : undefined,
    conformanceMs,
  };
}

/** Reads without which a step of the sweep says nothing. */
function leastReads(concurrency: number): number {
  return Math.max(LEAST_READS, LEAST_READS_OF_SLOT * concurrency);
}

/** Of this step and all that are narrower. */
function leastReadsUpTo(concurrency: number): number {
  return CONCURRENCIES.filter((each) => each <= concurrency).reduce((sum, each) => sum + leastReads(each), 0);
}

/** Divides bytes in proportion to what each part needs. */
function byNeed(bytes: number, needs: readonly number[]): number[] {
  const all = needs.reduce((sum, need) => sum + need, 0);
  return needs.map((need) => Math.floor((bytes * need) / all));
}

/** Gives each part its least, and all the same of what is left. Less than all of them need is divided in proportion. */
function withLeast(bytes: number, least: readonly number[]): number[] {
  const rest = bytes - least.reduce((sum, each) => sum + each, 0);
  return rest < 0 ? byNeed(bytes, least) : least.map((each) => Math.floor(each + rest / least.length));
}

/** A name for the rows, such as `hit-95-cold`. */
function phaseId(workload: Workload): string {
  if (workload.type === 'hit') return `hit-${Math.round(workload.share * 100)}-${workload.temperature}`;
  return workload.type === 'sweep' ? `sweep-${workload.concurrency}` : workload.type;
}

function order(workload: PhaseOrder['workload'] | Workload, limits: Omit<PhaseOrder, 'id' | 'workload'>): PhaseOrder {
  return { id: phaseId(workload), workload: workload as PhaseOrder['workload'], ...limits };
}

/** Bytes that the suite moves, both ways. */
export function suiteBytesOf(level: Level | 'off'): number {
  return level === 'off' ? 0 : mostOperations(level).bytes;
}

function chunksWithin({ bytes, memoryBytes, objects }: RunLimits, suiteBytes: number, chunkBytes: number): number {
  // Each is read about as often as there are phases: so the bytes of a run are a multiple of what it stores.
  const affordable = Math.max(0, Math.floor(((bytes - suiteBytes) * SHARES.store) / chunkBytes));
  const chunks = Math.min(Math.floor(DATA_BYTES / chunkBytes), affordable, objects);
  // A prompt lies in memory as a whole.
  const inMemory = Math.floor(memoryBytes / 4 / chunkBytes);
  const least = LEAST_PROMPT_CHUNKS;
  const wanted = Math.max(chunks, Math.min(least, affordable, objects));
  if (wanted < least || inMemory < least) {
    const needs = `${least} chunks of ${chunkBytes} bytes`;
    const leastBytes = Math.ceil((least * chunkBytes) / SHARES.store) + suiteBytes;
    const short = [
      ...(objects < least ? [{ limit: `--max-objects ${objects}`, raised: `${least}` }] : []),
      ...(affordable < least ? [{ limit: `--max-bytes ${bytes}`, raised: `${leastBytes} bytes` }] : []),
    ];
    const [does, it] = short.length === 1 ? ['does', 'it'] : ['do', 'them'];
    const all = (name: 'limit' | 'raised'): string => short.map((each) => each[name]).join(' and ');
    const way =
      inMemory < least
        ? `memory for ${needs} is not to be had: take a smaller --model, or raise max_local_cpu_size where a configuration sets it`
        : `${all('limit')} ${does} not allow to store ${needs}: raise ${it}, to ${all('raised')} at least`;
    throw new KvferryError('INVALID_ARGUMENT', `too little to measure anything: ${way}`);
  }
  return wanted >= PROMPT_CHUNKS && inMemory >= PROMPT_CHUNKS ? wanted : Math.min(wanted, inMemory, PROMPT_CHUNKS);
}
