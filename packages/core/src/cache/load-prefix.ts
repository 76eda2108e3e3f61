import { loanBytes } from '../buffer-pool.ts';
import { KvferryError } from '../errors.ts';
import type { StoredPrefix } from '../longest-prefix.ts';
import type { CacheCore, KeyedChunk } from './core.ts';
import { Gathering, type GatheringPurpose } from './gathering.ts';
import type { HitEnd } from './kv-cache.ts';
import { aboveMinimum, fittingLength, type LoadPlan } from './load-plan.ts';
import type { CacheRequest } from './request.ts';

/** Loads a prefix that was found into the cache's memory. Rejects where the caller ended the request, with nothing held. */
export async function loadPrefix(
  core: CacheCore,
  request: CacheRequest,
  chunks: readonly KeyedChunk[],
  found: StoredPrefix,
  purpose: GatheringPurpose,
): Promise<Gathering> {
  const { length, end } = withinBudget(core, chunks, planLoad(core, chunks, found));
  const gathering = new Gathering(core, chunks.slice(0, length), end, purpose);
  await gathering.gather(request);
  endGathering(core, request, chunks, gathering);
  return gathering;
}

export function planLoad(core: CacheCore, chunks: readonly KeyedChunk[], found: StoredPrefix): LoadPlan {
  const hitTokens = chunks[found.length - 1]?.end ?? 0;
  return aboveMinimum(found, { hitTokens, skipTokens: chunks[0]?.start ?? 0 }, core.minRetrieveTokens);
}

/** Draws the conclusions of a gathering that is done. Rejects where the caller ended it. */
export function endGathering(
  core: CacheCore,
  request: CacheRequest,
  chunks: readonly KeyedChunk[],
  gathering: Gathering,
): void {
  if (gathering.disproof !== undefined) forgetChain(core, chunks, gathering);
  rejectIfLeft(request, gathering);
}

/** Rejects where the caller ended the request, with nothing held. */
export function rejectIfLeft(request: CacheRequest, gathering: Gathering): void {
  if (!request.hasCallerLeft()) return;
  gathering.release(request.rejection());
  throw request.rejection();
}

/** A chunk was not as it was taken to be, so nothing that is believed of its sequence counts any more but what has just been seen. */
function forgetChain({ presence }: CacheCore, chunks: readonly KeyedChunk[], gathering: Gathering): void {
  for (const [index, { key }] of chunks.entries()) {
    const wasLoaded = index < gathering.length && !gathering.wasInMemory(index);
    const wasMissed = index === gathering.length && gathering.disproof?.status !== 'corrupt';
    if (!wasLoaded && !wasMissed) presence.forget(key);
  }
}

/** All of a prefix lies in memory at once, so no more of it is loaded than the budget holds. */
function withinBudget(
  { tier, loads, pool, remote }: CacheCore,
  chunks: readonly KeyedChunk[],
  plan: LoadPlan,
): LoadPlan {
  const { maxBytes } = pool;
  const costBytes = chunks
    .slice(0, plan.length)
    .map(({ key }) => loanBytes(tier.get(key)?.lease.bytes.byteLength ?? loads.entryBytes, maxBytes));
  const length = fittingLength(costBytes, maxBytes);
  if (length === plan.length) return plan;
  const neededBytes = costBytes.reduce((sum, bytes) => sum + bytes, 0);
  const reason = `the prefix takes ${neededBytes} bytes of memory, and there are ${maxBytes}; raise max_local_cpu_size (the pool's maxBytes)`;
  const error = new KvferryError('TOO_LARGE', reason, { operation: 'get', key: chunks[length]?.key, backend: remote });
  const end: HitEnd = { status: 'failed', error };
  return { length, end };
}
