import type { CacheInfo, CacheStats, HitEnd } from '@kvferry/core';
import type { EngineMetadata, S3Overrides } from 'kvferry';
import type { TransferCost } from '../shared/cpu-clock.ts';
import type { LatencySummary } from '../shared/latencies.ts';

/** What the reading process is given: configuration, model and tokens, and where the store is. Nothing of what was stored. */
export interface ReaderJob {
  readonly configFile: string;
  readonly placeholders: Readonly<Record<string, string>>;
  /** Where the store is, in place of what the configuration says. */
  readonly store: S3Overrides;
  /** Packages or files of further backends. */
  readonly backends: readonly string[];
  readonly engine: EngineMetadata;
  readonly tokens: Uint32Array;
}

/** What the reading process found. */
export interface ReaderResult {
  readonly lookup: {
    /** With asynchronous loading: those that were loaded. */
    readonly hitTokens: number;
    readonly seconds: number;
    readonly end: HitEnd['status'];
  };
  /** With asynchronous loading the bytes come during the lookup, so it counts from there. */
  readonly retrieve: TransferCost;
  readonly latencies: LatencySummary;
  readonly verifiedBytes: number;
  /** Chunks whose bytes are not those that were stored. */
  readonly mismatches: number;
  readonly cache: CacheFacts;
}

/** What the reader's cache did. */
export interface CacheFacts
  extends Pick<CacheInfo, 'local' | 'asyncLoading' | 'budgetBytes'>,
    Pick<CacheStats, 'localHits' | 'remoteHits' | 'probes' | 'probeRounds' | 'evictions'> {
  /** The most memory that was in use at once. */
  readonly mostBytes: number;
  /** What is still in memory when everything was given back. */
  readonly keptChunks: number;
  readonly keptBytes: number;
  /** All of it retrieved a second time, where a local tier may have kept it; else `null`. */
  readonly again: (TransferCost & { readonly localChunks: number }) | null;
}

export type ReaderMessage =
  | { readonly kind: 'progress'; readonly chunks: number }
  | { readonly kind: 'result'; readonly result: ReaderResult }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };
