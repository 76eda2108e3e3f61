/** What loading a prefix takes of a store, as it was measured. */
export interface LoadCost {
  /** Median time in which a lookup tells how long the stored prefix is. */
  readonly lookupSeconds: number;
  /** Median time from asking for a chunk to its first byte. */
  readonly firstByteSeconds: number;
  /** Sustained reading. */
  readonly bytesPerSecond: number;
}

/** What computing a prefix takes of an accelerator. */
export interface ComputeCost {
  /** For the weights that every token passes through. */
  readonly secondsPerToken: number;
  /** For attention, which looks back at every token before: times the square of the length. 0 for a rate that was measured as a whole. */
  readonly secondsPerTokenSquared: number;
}

/** What is loaded, or computed. */
export interface PrefixWork {
  readonly bytesPerToken: number;
  readonly chunkTokens: number;
  readonly compute: ComputeCost;
}

export type BreakEven =
  | { readonly status: 'loading-wins'; readonly tokens: number }
  /** No prefix of up to {@link MOST_TOKENS} is loaded sooner than computed. `bytesPerSecond`: what a store would have to exceed for that. */
  | { readonly status: 'computing-wins'; readonly bytesPerSecond: number };

/** The longest prefix that is looked at: what the longest of the named models take. */
export const MOST_TOKENS = 131_072;

/** Seconds to load a prefix: `lookup + first byte + tokens × bytesPerToken / bytesPerSecond`. */
export function loadSeconds(cost: LoadCost, bytesPerToken: number, tokens: number): number {
  return cost.lookupSeconds + cost.firstByteSeconds + (tokens * bytesPerToken) / cost.bytesPerSecond;
}

/** Seconds to compute a prefix: `tokens × secondsPerToken + tokens² × secondsPerTokenSquared`. */
export function computeSeconds({ secondsPerToken, secondsPerTokenSquared }: ComputeCost, tokens: number): number {
  return tokens * secondsPerToken + tokens ** 2 * secondsPerTokenSquared;
}

/**
 * Length of prefix from which loading is no slower than computing, in whole chunks, since only those are stored: the positive root of
 * `q × tokens² + g × tokens = lookup + first byte`, where `q` is attention's part and `g` what a token takes longer to compute than to load.
 */
export function breakEven(cost: LoadCost, work: PrefixWork): BreakEven {
  const { bytesPerToken, chunkTokens, compute } = work;
  const head = cost.lookupSeconds + cost.firstByteSeconds;
  const gained = compute.secondsPerToken - bytesPerToken / cost.bytesPerSecond;
  const tokens = positiveRoot(compute.secondsPerTokenSquared, gained, head);
  if (tokens <= MOST_TOKENS) {
    return { status: 'loading-wins', tokens: Math.max(1, Math.ceil(tokens / chunkTokens)) * chunkTokens };
  }
  const allowedSeconds = computeSeconds(compute, MOST_TOKENS) - head;
  const bytesPerSecond = allowedSeconds > 0 ? (bytesPerToken * MOST_TOKENS) / allowedSeconds : Number.POSITIVE_INFINITY;
  return { status: 'computing-wins', bytesPerSecond };
}

/** From where on `square × x² + linear × x ≥ level`, for x ≥ 0 and no negative `square` or `level`; infinite where nowhere. */
function positiveRoot(square: number, linear: number, level: number): number {
  if (square === 0) return linear > 0 ? level / linear : Number.POSITIVE_INFINITY;
  // In the form that loses no digits where `linear` is positive.
  const root = Math.sqrt(linear ** 2 + 4 * square * level);
  return linear > 0 ? (2 * level) / (linear + root) : (root - linear) / (2 * square);
}
