import type { ErrorCode } from '@kvferry/core';
import type { Machine } from '../shared/bench-run.ts';

/**
 * What a run writes down as it goes, one record per line of `rows.ndjson`: the head first, a phase when it has ended, after its rows and prompts. Everything
 * that is said of a run follows from these lines alone.
 *
 * Times are milliseconds since the run began (`RunHead.startedAt`), by one clock for all its processes. Bytes are those of values, without headers.
 */
export type RunRecord = RunHead | PhaseRecord | RequestRow | PromptRow | PeerRecord | ConformanceRecord | RunEnd;

/** What was run, on what, and within which bounds. */
export interface RunHead {
  readonly kind: 'run';
  readonly version: 1;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Scheme of the backend, such as `s3-compatible`. */
  readonly backend: string;
  /** The store as it was named: `embedded`, `minio` or a URL. */
  readonly target: string;
  /** The store, in words. */
  readonly store: string;
  /** Whether the run had started the store itself, so that it shares this machine with the client. */
  readonly sharesMachine: boolean;
  /** Whose credentials, without a secret. */
  readonly identity: string;
  /** Where the objects lay, such as `bucket my-bucket, under kvferry-bench-0a1b2c/`. */
  readonly place: string;
  readonly model: ModelFacts;
  readonly bounds: Bounds;
  readonly client: ClientFacts;
  readonly machine: Machine;
  /** What a reader should know of this run, a sentence each: that S3 Express was simulated, that a peer did not install. */
  readonly notes: readonly string[];
}

/** The model whose chunks were moved. */
export interface ModelFacts {
  readonly name: string;
  /** Name on the Hugging Face hub. */
  readonly source: string;
  readonly dtype: string;
  /** As one rank holds it. */
  readonly bytesPerToken: number;
  readonly chunkTokens: number;
  readonly chunkBytes: number;
}

/** What a run may cost at most. It was said before the first byte. */
export interface Bounds {
  readonly seconds: number;
  /** Both ways together, retries not counted. */
  readonly bytes: number;
  /** Stored at once. */
  readonly objects: number;
  /** Requests, all attempts included. */
  readonly requests: number;
  /** At the list price of the store, where it is known; else `null`. */
  readonly dollars: number | null;
}

/** How the measured client was set. */
export interface ClientFacts {
  readonly maxRequestsInFlight: number | null;
  readonly ioThreads: number | null;
  readonly addressing: string | null;
  /** `http` or `https`; `null` for a backend without a network. */
  readonly scheme: 'http' | 'https' | null;
}

/** What was done in a phase. */
export type Workload =
  /** An engine's prefill: the KV of new prompts is stored, all chunks of a prompt side by side. */
  | { readonly type: 'store'; readonly prompts: number }
  /**
   * Prompts of which this share is stored are looked up and loaded, one after another. `cold`: by a cache that knows nothing. `warm`: by one that has loaded the
   * same prompt before and keeps it in memory.
   */
  | {
      readonly type: 'hit';
      readonly share: number;
      readonly temperature: 'cold' | 'warm';
      readonly promptTokens: number;
    }
  /** Single chunks are read, so many at a time, the next as soon as one is there (closed loop). */
  | { readonly type: 'sweep'; readonly concurrency: number }
  /** Prompts arrive by themselves at this mean rate, as a Poisson process, whether the ones before are done or not. */
  | {
      readonly type: 'open-loop';
      readonly promptsPerSecond: number;
      readonly share: number;
      readonly promptTokens: number;
    }
  /** The clients of the comparison take turns at reading the same chunks. */
  | { readonly type: 'peers'; readonly concurrency: number };

/**
 * How a phase ended. `steady`: its figure had settled. `left-out`: it was not begun, since the store phase had stored too little of any prompt. The others: what bound
 * it, or what broke it.
 */
export type PhaseEnd = 'steady' | 'done' | 'time' | 'bytes' | 'left-out' | 'failed' | 'interrupted';

/** One phase, when it has ended. */
export interface PhaseRecord {
  readonly kind: 'phase';
  /** Names the phase in the rows: `store`, `hit-95-cold`, `sweep-16`. */
  readonly id: string;
  readonly workload: Workload;
  readonly startMs: number;
  /** Before this the client was still warming up; rows that begin earlier count nowhere. */
  readonly warmUntilMs: number;
  readonly endMs: number;
  readonly endedBy: PhaseEnd;
  /** What it failed with; `null` where it did not. */
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
  /** Of the client's process between `warmUntilMs` and `endMs`; `null` where nothing was measured. */
  readonly process: ProcessFacts | null;
}

/** What the measuring process itself did, all its threads included. */
export interface ProcessFacts {
  readonly cpuSeconds: number;
  /** Share of the time in which the event loop of the main thread was busy, 0 to 1. */
  readonly eventLoopUtilization: number;
  /** By how much timers of the main thread came too late. */
  readonly eventLoopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** The most resident memory so far. */
  readonly peakMemoryBytes: number;
  /** Share of the whole machine's processors that was busy, 0 to 1, whoever used them. */
  readonly machineBusy: number;
}

/** One request on the wire, attempts apart; of a backend that tells of none, one item of a call. */
export interface RequestRow {
  readonly kind: 'request';
  readonly phase: string;
  readonly operation: 'get' | 'put' | 'stat' | 'list' | 'delete' | 'session' | 'other';
  /** 1 for the first. */
  readonly attempt: number;
  readonly startMs: number;
  /** `null` where nothing came, or where the backend does not tell. */
  readonly firstByteMs: number | null;
  readonly endMs: number;
  readonly bytes: number;
  /** A miss is an answer. */
  readonly status: 'ok' | 'miss' | 'failed';
  /** Code of the error; `null` where there was none. */
  readonly error: string | null;
}

/** One prompt, as an engine sees it: looked up and loaded, or stored. */
export interface PromptRow {
  readonly kind: 'prompt';
  readonly phase: string;
  /** When it was to begin: in an open loop that may be before it could. Latencies count from here. */
  readonly dueMs: number;
  readonly startMs: number;
  /** When the lookup had answered; `null` for a store. */
  readonly lookedUpMs: number | null;
  readonly endMs: number;
  readonly tokens: number;
  /** Of a store, those that were sent. */
  readonly hitTokens: number;
  readonly bytes: number;
  /** Code of the error; `null` where there was none. */
  readonly error: string | null;
}

/** One client of the comparison: all reads the same chunks, in turns, each in a process of its own. */
export interface PeerRecord {
  readonly kind: 'peer';
  readonly client: string;
  /** Its version, where it has one. */
  readonly version: string | null;
  /** `left-out`: it does not install here, or does not speak to this store; `reason` says which. */
  readonly status: 'measured' | 'left-out';
  readonly reason: string | null;
  /** One per turn. */
  readonly turns: readonly PeerTurn[];
}

export interface PeerTurn {
  readonly seconds: number;
  /** Of the client's whole process. */
  readonly cpuSeconds: number;
  readonly bytes: number;
  readonly requests: number;
}

/** What the conformance suite says of the store. */
export interface ConformanceRecord {
  readonly kind: 'conformance';
  readonly level: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly failures: readonly { readonly id: string; readonly title: string; readonly reason: string }[];
}

/** The last line. A file without one is of a run that was cut off. */
export interface RunEnd {
  readonly kind: 'end';
  readonly endMs: number;
  readonly status: 'complete' | 'failed' | 'interrupted';
  /** What the run itself failed with, in words; `null` where it did not. */
  readonly error: string | null;
  /** What was left out as the time was up, by its name; empty where nothing was. */
  readonly skipped: readonly string[];
  /** Whether nothing of the run is left in the store. */
  readonly removed: boolean;
}
