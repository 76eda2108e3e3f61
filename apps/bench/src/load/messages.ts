import type { EngineMetadata } from 'kvferry';
import type { PhaseRecord, PromptRow, RequestRow, Workload } from '../results/records.ts';
import type { Seat } from '../stores/types.ts';

/** What the measuring process is told, one command at a time, each answered by a {@link LoadAnswer}. */
export type LoadCommand =
  | { readonly do: 'open'; readonly setup: LoadSetup }
  /** Runs a phase; its rows come before the answer. */
  | { readonly do: 'phase'; readonly phase: PhaseOrder }
  /** Cuts the phase short that runs: it answers with what it has. Has no answer of its own. */
  | { readonly do: 'stop' }
  | { readonly do: 'close' };

export interface LoadSetup {
  readonly seat: Seat;
  /** Stands in front of every key, below the configuration's own prefix. */
  readonly runFolder: string;
  readonly engine: EngineMetadata;
  /** Chunks that the store phase writes and the others read. */
  readonly chunks: number;
  /** Chunks of one prompt, of which there are `chunks / promptChunks`. */
  readonly promptChunks: number;
  /** Zero of all times, in milliseconds since 1970. */
  readonly epochMs: number;
}

/** One phase to run. It ends at the first of its limits, or when its figure is steady. */
export interface PhaseOrder {
  readonly id: string;
  readonly workload: Exclude<Workload, { readonly type: 'peers' }>;
  /** Of the measured part. */
  readonly maxMs: number;
  /** Before the measured part, and not longer than this; 0: none. */
  readonly warmUpMs: number;
  /** Both ways together. */
  readonly maxBytes: number;
  /** Of the measured part: a phase of prompts (`hit`, `open-loop`) begins no more than these, and ends `done` with them. */
  readonly maxPrompts: number;
}

export type LoadAnswer =
  | { readonly status: 'opened'; readonly info: OpenedFacts }
  | { readonly status: 'phase'; readonly record: PhaseRecord }
  | { readonly status: 'closed' }
  /** The command itself could not be carried out. What a phase meets is in its record. */
  | { readonly status: 'failed'; readonly code: string; readonly message: string };

/** What the opened backend says of itself. */
export interface OpenedFacts {
  readonly scheme: string;
  readonly namespace: string;
  readonly details: Readonly<Record<string, string>>;
  readonly chunkBytes: number;
  readonly chunkTokens: number;
}

/** What it tells while a phase runs. */
export type LoadEvent =
  | { readonly event: 'rows'; readonly rows: readonly (RequestRow | PromptRow)[] }
  | { readonly event: 'progress'; readonly bytes: number; readonly bytesPerSecond: number };
