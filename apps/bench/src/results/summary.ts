import type { Machine } from '../shared/bench-run.ts';
import type { Bounds, ModelFacts, PhaseRecord, RunEnd, Workload } from './records.ts';

/** What a run comes to: `summary.json`. The first fields answer the question, the others show how. */
export interface Summary {
  readonly backend: string;
  readonly target: string;
  readonly model: string;
  readonly chunkBytes: number;
  /** On the wire, attempts apart, over the whole run. */
  readonly requests: number;
  /** Of values, both ways, over the whole run. */
  readonly bytes: number;
  /** Sustained reading: the median second of the honest window at the best concurrency. 0 where nothing could be read. */
  readonly bytesPerSecond: number;
  /** Of one chunk at that concurrency, from asking to the last byte; `null` where nothing could be read. */
  readonly chunkMilliseconds: { readonly p50: number; readonly p99: number } | null;
  /** Of the client's process, per GiB read at that concurrency; `null` where nothing could be read. */
  readonly cpuSecondsPerGiB: number | null;
  /** What kept the best phase from being faster; `null` where nothing could be read. */
  readonly limitedBy: Limit | null;
  /** From so many tokens of prefix on, loading beats recomputing on the hardware of `plan`; `null`: it never does here. */
  readonly breakEvenTokens: number | null;
  /** Failed requests by their code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly peers: readonly PeerSummary[];
  /** `null` where the suite was not run. */
  readonly conformance: {
    readonly level: string;
    readonly passed: number;
    readonly failed: number;
    readonly skipped: number;
    readonly failures: readonly { readonly id: string; readonly title: string; readonly reason: string }[];
  } | null;
  readonly status: RunEnd['status'] | 'cut off';
  /** What went wrong, a sentence each: phases and run. Empty where nothing did. */
  readonly problems: readonly string[];
  readonly startedAt: string;
  readonly seconds: number;
  readonly store: string;
  readonly sharesMachine: boolean;
  /** What the client ran on. */
  readonly machine: Machine;
  readonly modelFacts: ModelFacts;
  readonly bounds: Bounds;
  /** Why `limitedBy` says what it says, in one sentence; `null` with it. */
  readonly limitReason: string | null;
  /** The concurrency that the figures above are of; `null` where nothing could be read. */
  readonly concurrency: number | null;
  readonly retries: number;
  readonly phases: readonly PhaseSummary[];
  readonly operations: readonly OperationSummary[];
  readonly plan: PlanSummary;
  readonly notes: readonly string[];
}

/** `store` includes the network between. */
export type Limit = 'client CPU' | 'event loop' | 'request limit' | 'store';

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface PhaseSummary {
  readonly id: string;
  readonly workload: Workload;
  readonly endedBy: PhaseRecord['endedBy'];
  readonly error: PhaseRecord['error'];
  /** Of the honest window. */
  readonly seconds: number;
  readonly requests: number;
  readonly bytes: number;
  /** Of the seconds of the honest window; a shorter window counts as one. `null` where nothing was moved. */
  readonly bytesPerSecond: { readonly fastest: number; readonly median: number; readonly slowest: number } | null;
  /** How many `requestMs` is of. `requests` has those of lookups, too. */
  readonly timedRequests: number;
  readonly requestMs: Percentiles | null;
  readonly firstByteMs: Percentiles | null;
  /** Of whole prompts, from when they were due; `null` where the phase has none. */
  readonly promptMs: Percentiles | null;
  readonly lookupMs: Percentiles | null;
  readonly prompts: number;
  /** Tokens found, of those asked for, over all prompts; `null` where the phase has none. */
  readonly hitShare: number | null;
  readonly cpuSecondsPerGiB: number | null;
  readonly process: PhaseRecord['process'];
  readonly errors: Readonly<Record<string, number>>;
}

/** All requests of one kind, of all phases, warm-up included. */
export interface OperationSummary {
  readonly operation: string;
  readonly requests: number;
  readonly failed: number;
  readonly misses: number;
  readonly retries: number;
  readonly bytes: number;
  readonly requestMs: Percentiles | null;
  readonly firstByteMs: Percentiles | null;
}

export interface PeerSummary {
  readonly client: string;
  readonly version: string | null;
  /** CPU per byte of this client over that of kvferry in the same rounds, the median of the rounds' ratios; 1 for kvferry, `null` where it was left out. */
  readonly cpuRatio: number | null;
  readonly cpuSecondsPerGiB: number | null;
  readonly bytesPerSecond: number | null;
  /** Why it was left out; `null` where it was not. */
  readonly reason: string | null;
}

/** What the store is worth to an engine. */
export interface PlanSummary {
  readonly hardware: string;
  /** Tokens per second that this hardware prefills with this model, of a prompt that is short enough for attention not to count. */
  readonly prefillTokensPerSecond: number;
  /** Where that figure comes from. */
  readonly prefillSource: string;
  readonly breakEvenTokens: number | null;
  /** Where loading never wins: what a store would have to exceed for that. `null` where it wins, or where no store could. */
  readonly neededBytesPerSecond: number | null;
  /** Why, in one sentence. */
  readonly reason: string;
  /** The same for every hardware of the table. */
  readonly byHardware: readonly {
    readonly hardware: string;
    readonly prefillTokensPerSecond: number;
    readonly breakEvenTokens: number | null;
    readonly neededBytesPerSecond: number | null;
  }[];
  /** Seconds to load and to compute prefixes of these lengths on `hardware`. Empty where nothing could be read. */
  readonly curve: readonly { readonly tokens: number; readonly loadSeconds: number; readonly computeSeconds: number }[];
  /** What a hit of so many tokens costs at list prices. */
  readonly costs: readonly CostSummary[];
}

export interface CostSummary {
  readonly service: string;
  readonly region: string;
  readonly tokens: number;
  readonly requestDollars: number;
  readonly transferDollars: number;
  readonly hitDollars: number;
  /** Keeping those tokens for a month. */
  readonly storageDollarsPerMonth: number;
  readonly priceDate: string;
  readonly priceSource: string;
}
