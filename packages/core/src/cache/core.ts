import type { RemoteBackend } from '../backend.ts';
import type { BufferPool } from '../buffer-pool.ts';
import { type Chunk, type ChunkLayout, layoutBytes } from '../chunks.ts';
import type { Key } from '../keys.ts';
import { naiveSerde, type Serde } from '../serde.ts';
import { Background } from './background.ts';
import type { NoHit, ValueSize } from './judge.ts';
import type { CacheStats, KvCacheOptions } from './kv-cache.ts';
import { Loads } from './loads.ts';
import { LocalTier } from './local-tier.ts';
import { MemoryGate } from './memory-gate.ts';
import { noteVerdict, PresenceMemory, Suspects } from './presence.ts';

/** A chunk of a request, with all that is known before anybody is asked. */
export interface KeyedChunk extends Chunk {
  readonly key: Key;
  readonly layout: ChunkLayout;
  /** False for the shorter tail of a sequence, which only the local tier keeps. */
  readonly isFull: boolean;
}

/** Counts of a cache, as they grow. */
export type Counts = {
  -readonly [Name in Exclude<
    keyof CacheStats,
    'evictions' | 'localEntries' | 'pinnedEntries' | 'leasedBytes' | 'loading'
  >]: CacheStats[Name];
};

/** What the parts of one cache share. */
export interface CacheCore {
  readonly backend: RemoteBackend | undefined;
  /** The remote as `scheme://namespace`. */
  readonly remote: string | undefined;
  readonly pool: BufferPool;
  readonly serde: Serde;
  /** Length of a full chunk's value. */
  readonly valueSize: ValueSize;
  /** Whether a value can be turned into its tensor where the tensor is to be: the serde changes neither its length nor needs scratch memory. */
  readonly landsDirectly: boolean;
  readonly answerMs: number;
  readonly minRetrieveTokens: number;
  readonly stores: boolean;
  readonly tier: LocalTier;
  readonly gate: MemoryGate;
  readonly loads: Loads;
  readonly presence: PresenceMemory;
  readonly suspects: Suspects;
  readonly counts: Counts;
  readonly background: Background;
  /** Notes what the remote answered to a `get` of a chunk: `undefined` for a hit. */
  heard(key: Key, noHit: NoHit | undefined): void;
}

/** Keys that are remembered, 65,536 at most: as many chunks of 256 tokens as 128 sequences of 131,072 tokens have; some 15 MB. */
const REMEMBERED_KEYS = 65_536;
/** For how long: a lookup and the retrieval it is for lie closer together, and a chunk that a lifecycle rule deletes is not believed in for longer. */
const REMEMBERED_MS = 30_000;

/** Makes what the parts of one cache share, from options that were checked. */
export function cacheCore(options: KvCacheOptions): CacheCore {
  const { backend, pool, serde = naiveSerde, layout } = options;
  const tier = new LocalTier(pool, options.local);
  const presence = new PresenceMemory({ maxKeys: REMEMBERED_KEYS, forMs: REMEMBERED_MS });
  const suspects = new Suspects(REMEMBERED_KEYS);
  const background = new Background();
  const valueSize = serde.serializedBytes(layout);
  const counts: CacheCore['counts'] = {
    localHits: 0,
    remoteHits: 0,
    misses: 0,
    corrupt: 0,
    failures: 0,
    storedChunks: 0,
    copiedBytes: 0,
    probes: 0,
    probeRounds: 0,
  };
  const heard: CacheCore['heard'] = (key, noHit) => {
    const status = noHit?.status ?? 'hit';
    noteVerdict(presence, suspects, key, status);
    if (status === 'hit') counts.remoteHits += 1;
    if (status === 'wrong-size' || status === 'corrupt') counts.corrupt += 1;
  };
  return {
    backend,
    remote: backend === undefined ? undefined : `${backend.info.scheme}://${backend.info.namespace}`,
    pool,
    serde,
    valueSize,
    landsDirectly: serde.scratchBytes(layout) === 0 && valueSize.exact && valueSize.max === layoutBytes(layout),
    answerMs: options.answerMs ?? 10_000,
    minRetrieveTokens: options.minRetrieveTokens ?? 0,
    stores: options.stores ?? true,
    tier,
    gate: new MemoryGate(tier),
    loads: new Loads({ backend, serde, layout, valueSize, tier, background, heard }),
    presence,
    suspects,
    counts,
    background,
    heard,
  };
}
