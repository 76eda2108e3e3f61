/** What a run measures, and how long. */
export interface CacheBenchPlan {
  /** A retrieval, against a batch get of the same keys. */
  readonly retrieve: {
    readonly chunks: number;
    /** Layers of the model, which decide how large a chunk is: 128 KiB for each. */
    readonly layers: number;
    readonly warmRounds: number;
    /** Each has every way twice, forth and back; its ratios are one vote each. */
    readonly rounds: number;
  };
  readonly hashing: { readonly tokens: number; readonly warmRuns: number; readonly runs: number };
  readonly lookup: {
    readonly chunks: number;
    /** Lengths of the hit that are tried, from 0 to all chunks: every one, or each so manieth, the first and the last included. */
    readonly step: number;
  };
}

/** A minute on two quiet cores. */
export const FULL_PLAN: CacheBenchPlan = {
  retrieve: { chunks: 128, layers: 16, warmRounds: 3, rounds: 31 },
  hashing: { tokens: 131_072, warmRuns: 20, runs: 51 },
  lookup: { chunks: 512, step: 1 },
};

/** Every path once, in seconds; its figures mean nothing but those of `lookup`, which are counts. */
export const QUICK_PLAN: CacheBenchPlan = {
  retrieve: { chunks: 8, layers: 1, warmRounds: 1, rounds: 1 },
  hashing: { tokens: 4096, warmRuns: 1, runs: 3 },
  lookup: { chunks: 512, step: 64 },
};
