import type { StoredPrefix } from '@kvferry/core';
import type { S3Credentials } from '@kvferry/s3-protocol';
import type { EngineMetadata } from 'kvferry';
import type { TransferCost } from '../shared/cpu-clock.ts';
import type { LatencySummary } from '../shared/latencies.ts';

/** What the reading process is given: configuration, model and tokens, and where the store is. Nothing of what was stored. */
export interface ReaderJob {
  readonly configFile: string;
  readonly placeholders: Readonly<Record<string, string>>;
  readonly endpoint: string | undefined;
  /** Packages or files of further backends. */
  readonly backends: readonly string[];
  readonly credentials: Pick<S3Credentials, 'accessKeyId' | 'secretAccessKey'> | undefined;
  readonly engine: EngineMetadata;
  readonly tokens: Uint32Array;
}

/** What the reading process found. */
export interface ReaderResult {
  readonly lookup: {
    readonly hitTokens: number;
    readonly seconds: number;
    readonly end: StoredPrefix['end']['status'];
  };
  readonly retrieve: TransferCost;
  readonly latencies: LatencySummary;
  readonly verifiedBytes: number;
  /** Chunks whose bytes are not those that were stored. */
  readonly mismatches: number;
}

export type ReaderMessage =
  | { readonly kind: 'progress'; readonly chunks: number }
  | { readonly kind: 'result'; readonly result: ReaderResult }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };
