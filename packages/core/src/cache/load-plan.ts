import type { StoredPrefix } from '../longest-prefix.ts';
import type { HitEnd } from './kv-cache.ts';

/** How much of a prefix is loaded, and how it ends where all of that comes. */
export interface LoadPlan {
  readonly length: number;
  readonly end: HitEnd;
}

/**
 * Loads nothing where fewer than the minimum would be loaded, since the hit ends so soon behind what is skipped. An error is still told: an outage never
 * reads as a short hit.
 */
export function aboveMinimum(
  found: StoredPrefix,
  { hitTokens, skipTokens }: { readonly hitTokens: number; readonly skipTokens: number },
  minTokens: number,
): LoadPlan {
  if (found.length === 0 || hitTokens - skipTokens >= minTokens) return found;
  return { length: 0, end: found.end.status === 'failed' ? found.end : { status: 'below-minimum', hitTokens } };
}

/** How many chunks, from the first on, fit into the budget together. */
export function fittingLength(costBytes: readonly number[], budgetBytes: number): number {
  let sum = 0;
  for (let index = 0; index < costBytes.length; index += 1) {
    sum += costBytes[index] as number;
    if (sum > budgetBytes) return index;
  }
  return costBytes.length;
}
