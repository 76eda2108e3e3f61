/** What loading a prefix takes of a store, as it was measured. */
export interface LoadCost {
  /** Median time in which a lookup tells how long the stored prefix is. */
  readonly lookupSeconds: number;
  /** Median time from asking for a chunk to its first byte. */
  readonly firstByteSeconds: number;
  /** Sustained reading. */
  readonly bytesPerSecond: number;
}

/** What is loaded, or computed. */
export interface PrefixWork {
  readonly bytesPerToken: number;
  readonly chunkTokens: number;
  /** Tokens per second that the hardware computes. */
  readonly prefillTokensPerSecond: number;
}

export type BreakEven =
  | { readonly status: 'loading-wins'; readonly tokens: number }
  /** Every further token takes longer to load than to compute. `bytesPerSecond`: what a store would have to exceed. */
  | { readonly status: 'computing-wins'; readonly bytesPerSecond: number };

/** Seconds to load a prefix: `lookup + first byte + tokens × bytesPerToken / bytesPerSecond`. */
export function loadSeconds(cost: LoadCost, bytesPerToken: number, tokens: number): number {
  return cost.lookupSeconds + cost.firstByteSeconds + (tokens * bytesPerToken) / cost.bytesPerSecond;
}

/**
 * Length of prefix from which loading is no slower than computing (`tokens / prefillTokensPerSecond`), in whole chunks, since only those are stored:
 * `tokens ≥ (lookup + first byte) / (1 / rate − bytesPerToken / bytesPerSecond)`.
 */
export function breakEven(cost: LoadCost, work: PrefixWork): BreakEven {
  const { bytesPerToken, chunkTokens, prefillTokensPerSecond: rate } = work;
  const gainedPerToken = 1 / rate - bytesPerToken / cost.bytesPerSecond;
  if (!(gainedPerToken > 0)) return { status: 'computing-wins', bytesPerSecond: bytesPerToken * rate };
  const tokens = (cost.lookupSeconds + cost.firstByteSeconds) / gainedPerToken;
  return { status: 'loading-wins', tokens: Math.max(1, Math.ceil(tokens / chunkTokens)) * chunkTokens };
}
