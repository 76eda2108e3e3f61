import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { bufferPool, kvCache, layoutBytes, type RemoteBackend } from '@kvferry/core';
import { REQUEST_CHANNEL, type RequestRecord } from '@kvferry/s3-protocol';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import type { CacheBenchPlan } from './plan.ts';
import { CHUNK_TOKENS, makeRank, makeTokens, type Rank } from './rank.ts';
import { BUCKET, backendOn } from './store.ts';

/** The most that finding a prefix took, over all lengths of the hit that were tried. */
export interface LookupCost {
  /** Requests that the server had. */
  readonly probes: number;
  /** How often some of them were on the wire and nothing else was. */
  readonly roundTrips: number;
}

/**
 * Looks a prefix up at each length of the hit, with a cache that knows nothing of the store, and counts at the server what it is asked. Throws where a
 * lookup finds another length than there is.
 */
export async function measureLookups(plan: CacheBenchPlan['lookup']): Promise<LookupCost> {
  const simulator = await startSimulator({ buckets: [BUCKET] });
  const backend = backendOn(simulator);
  try {
    await backend.open();
    return await lookEachUp(plan, simulator, backend);
  } finally {
    await backend.close();
    await simulator.close();
  }
}

async function lookEachUp(
  { chunks, step }: CacheBenchPlan['lookup'],
  simulator: Simulator,
  backend: RemoteBackend,
): Promise<LookupCost> {
  const rank = makeRank(1);
  const tokens = makeTokens(chunks * CHUNK_TOKENS, 1);
  const keys = rank.chunker.chunk(tokens).map((chunk) => rank.keyFormat.key(chunk, rank.scope));
  const value = new Uint8Array(layoutBytes(rank.layout));
  for (const key of keys) await simulator.putObject(BUCKET, key, value);
  // The first answer of all that is a 404 is looked into. After another answer the backend knows that the bucket is there.
  await backend.stat(keys.slice(0, 1));

  const worst = { probes: 0, roundTrips: 0 };
  let stored = chunks;
  for (const length of lengths(chunks, step).toReversed()) {
    for (; stored > length; stored -= 1) simulator.deleteObject(BUCKET, keys[stored - 1] as string);
    simulator.clearRequests();
    const roundTrips = countRoundTrips();
    const hitTokens = await lookUp(backend, rank, tokens);
    worst.roundTrips = Math.max(worst.roundTrips, roundTrips.stop());
    worst.probes = Math.max(worst.probes, simulator.requests.length);
    if (hitTokens !== length * CHUNK_TOKENS) {
      throw new Error(`a lookup found ${hitTokens} tokens where ${length} chunks of ${CHUNK_TOKENS} are stored`);
    }
  }
  return worst;
}

function lengths(chunks: number, step: number): number[] {
  const all = Array.from({ length: Math.ceil(chunks / step) }, (_, index) => index * step);
  return [...all, chunks];
}

/** By a cache of its own, which is left open: closing it would close the backend. It holds nothing. */
async function lookUp(backend: RemoteBackend, rank: Rank, tokens: Uint32Array): Promise<number> {
  const pool = bufferPool({ maxBytes: layoutBytes(rank.layout) });
  const cache = kvCache({ ...rank, backend, pool, local: 'staging-only' });
  await cache.open();
  const { hitTokens, end } = await cache.lookup(tokens);
  if (end.status === 'failed') throw end.error;
  return hitTokens;
}

/** Counts the stretches of time in which requests were on the wire. Those of one round trip are sent together, so they overlap. */
function countRoundTrips(): { stop(): number } {
  const records: RequestRecord[] = [];
  const collect = (message: unknown): void => void records.push(message as RequestRecord);
  subscribe(REQUEST_CHANNEL, collect);
  return {
    stop() {
      unsubscribe(REQUEST_CHANNEL, collect);
      let count = 0;
      let endMs = Number.NEGATIVE_INFINITY;
      for (const record of records.toSorted((one, other) => one.startMs - other.startMs)) {
        if (record.startMs > endMs) count += 1;
        endMs = Math.max(endMs, record.endMs);
      }
      return count;
    },
  };
}
