import { type BufferLease, bufferPool, type KvCache, kvCache, layoutBytes, type RemoteBackend } from '@kvferry/core';
import { fillChunk } from '../main-job/kv-data.ts';
import { startEmbeddedSimulator } from '../shared/embedded-simulator.ts';
import { median } from '../shared/statistics.ts';
import type { CacheBenchPlan } from './plan.ts';
import { CHUNK_TOKENS, makeRank, makeTokens, type Rank } from './rank.ts';
import { BUCKET, backendOn } from './store.ts';

/** The ways to get the chunks of a prefix. */
export type Way =
  /** The backend's own batch get, into leased memory. */
  | 'batch get'
  /** `retrieve` of a cache that keeps nothing. */
  | 'tier off'
  /** `retrieve` of a cache whose local tier takes in what it loads, and evicts as much for it. */
  | 'tier on'
  /** `retrieve` of a cache that has the chunks in its local tier. */
  | 'from the tier';

/** Client CPU of each way. */
export interface RetrieveCost {
  /** Median over all rounds. */
  readonly cpuSecondsPerGiB: Readonly<Record<Way, number>>;
  /** Times the batch get's: the median of the ratios within each round, so that what disturbs the machine disturbs both. */
  readonly overBatchGet: Readonly<Record<Exclude<Way, 'batch get'>, number>>;
}

const WAYS: readonly Way[] = ['batch get', 'tier off', 'tier on', 'from the tier'];

/**
 * Measures the ways in turn, on one backend and a simulator in a process of its own. Whether the chunks are there is known from the warm-up, as it is when a
 * lookup came before. Throws where a byte is wrong.
 */
export async function measureRetrieves(
  plan: CacheBenchPlan['retrieve'],
  progress: (text: string) => void,
): Promise<RetrieveCost> {
  const simulator = await startEmbeddedSimulator([BUCKET]);
  const backend = backendOn(simulator);
  try {
    await backend.open();
    return await measureOn(backend, plan, progress);
  } finally {
    // The caches have nothing else to close.
    await backend.close();
    await simulator.stop();
  }
}

async function measureOn(
  backend: RemoteBackend,
  plan: CacheBenchPlan['retrieve'],
  progress: (text: string) => void,
): Promise<RetrieveCost> {
  const rank = makeRank(plan.layers);
  const count = plan.chunks * CHUNK_TOKENS;
  const [tokens, others] = [makeTokens(count, 1), makeTokens(count, 2)];
  const pool = bufferPool({ maxBytes: plan.chunks * layoutBytes(rank.layout) });
  const leases = await Promise.all(Array.from({ length: plan.chunks }, () => pool.lease(layoutBytes(rank.layout))));
  for (const sequence of [others, tokens]) await storeAll(backend, rank, sequence, leases);

  const ways = await makeWays(backend, rank, [tokens, others], leases);
  for (const way of WAYS) await ways[way](check);
  const cpuSeconds: Record<Way, number[]> = { 'batch get': [], 'tier off': [], 'tier on': [], 'from the tier': [] };
  for (let round = -plan.warmRounds; round < plan.rounds; round += 1) {
    const found = await measureRound(ways, round);
    for (const way of WAYS) if (round >= 0) cpuSeconds[way].push(found[way]);
    if (round >= 0) progress(`retrieve: round ${round + 1} of ${plan.rounds}`);
  }
  const gib = (plan.chunks * layoutBytes(rank.layout)) / 2 ** 30;
  const perGiB = (way: Way): number => median(cpuSeconds[way]) / gib;
  const over = (way: Way): number =>
    median(cpuSeconds[way].map((seconds, round) => seconds / (cpuSeconds['batch get'][round] as number)));
  return {
    cpuSecondsPerGiB: {
      'batch get': perGiB('batch get'),
      'tier off': perGiB('tier off'),
      'tier on': perGiB('tier on'),
      'from the tier': perGiB('from the tier'),
    },
    overBatchGet: { 'tier off': over('tier off'), 'tier on': over('tier on'), 'from the tier': over('from the tier') },
  };
}

/** Stores the chunks of a sequence by the backend, out of this memory. */
async function storeAll(
  backend: RemoteBackend,
  { chunker, keyFormat, scope, layout }: Rank,
  tokens: Uint32Array,
  leases: readonly BufferLease[],
): Promise<void> {
  const items = chunker.chunk(tokens).map((chunk, index) => {
    const { bytes } = leases[index] as BufferLease;
    fillChunk(bytes, chunk.hash, layout.dtype);
    return { key: keyFormat.key(chunk, scope), parts: [bytes] };
  });
  for (const result of await backend.put(items)) if (result.status === 'failed') throw result.error;
}

/** Looks at each chunk, by index, of what a way has got. */
type Look = (chunks: readonly { readonly hash: string; readonly bytes: Uint8Array }[]) => void;

async function makeWays(
  backend: RemoteBackend,
  rank: Rank,
  [tokens, others]: readonly [Uint32Array, Uint32Array],
  leases: readonly BufferLease[],
): Promise<Record<Way, (look?: Look) => Promise<void>>> {
  const { chunker, keyFormat, scope } = rank;
  const open = async (local: 'LRU' | 'staging-only'): Promise<KvCache> => {
    const pool = bufferPool({ maxBytes: leases.length * layoutBytes(rank.layout) });
    const cache = kvCache({ ...rank, backend, pool, local });
    await cache.open();
    return cache;
  };
  const [staging, evicting, keeping] = [await open('staging-only'), await open('LRU'), await open('LRU')];
  const chunks = chunker.chunk(tokens);
  const items = chunks.map((chunk, index) => ({
    key: keyFormat.key(chunk, scope),
    into: (leases[index] as BufferLease).bytes,
  }));
  let isTurnOfOthers = false;
  return {
    'batch get': async (look) => {
      const results = await backend.get(items);
      for (const result of results) if (result.status !== 'hit') throw new Error('the batch get lacks a chunk');
      look?.(chunks.map(({ hash }, index) => ({ hash, bytes: (leases[index] as BufferLease).bytes })));
    },
    'tier off': (look) => retrieve(staging, tokens, chunks.length, look),
    'tier on': (look) => {
      isTurnOfOthers = !isTurnOfOthers;
      return retrieve(evicting, isTurnOfOthers ? others : tokens, chunks.length, look);
    },
    'from the tier': (look) => retrieve(keeping, tokens, chunks.length, look),
  };
}

async function retrieve(cache: KvCache, tokens: Uint32Array, count: number, look: Look | undefined): Promise<void> {
  const prefix = await cache.retrieve(tokens);
  if (prefix.chunks.length !== count) throw new Error(`a retrieve ended ${prefix.end.status} before all chunks`);
  look?.(prefix.chunks);
  prefix[Symbol.dispose]();
}

const check: Look = (chunks) => {
  for (const { hash, bytes } of chunks) {
    const expected = new Uint8Array(bytes.byteLength);
    fillChunk(expected, hash, 'bfloat16');
    if (Buffer.compare(expected, bytes) !== 0) throw new Error(`the bytes of chunk ${hash} are wrong`);
  }
};

/** CPU seconds of each way, twice: forth and back, so that what drifts meanwhile meets all alike. Every other round begins with another. */
async function measureRound(
  ways: Record<Way, (look?: Look) => Promise<void>>,
  round: number,
): Promise<Record<Way, number>> {
  const order = round % 2 === 0 ? WAYS : [...WAYS.slice(1, 2), ...WAYS.slice(0, 1), ...WAYS.slice(2)];
  const found: Record<Way, number> = { 'batch get': 0, 'tier off': 0, 'tier on': 0, 'from the tier': 0 };
  for (const way of [...order, ...order.toReversed()]) {
    const start = process.cpuUsage();
    await ways[way]();
    const { user, system } = process.cpuUsage(start);
    found[way] += (user + system) / 2 / 1e6;
  }
  return found;
}
