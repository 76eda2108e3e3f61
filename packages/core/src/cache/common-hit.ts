import { KvferryError } from '../errors.ts';
import type { Lookup } from './kv-cache.ts';

/**
 * What all ranks have: the shortest of their hits, and why that one ends. For a scheduler with several workers, of which a prefix is of use only where
 * each of them has its share. Of equally short ones an outage counts first. Throws INVALID_ARGUMENT for no lookups.
 */
export function commonHit(lookups: readonly Lookup[]): Lookup {
  const hitTokens = Math.min(...lookups.map((lookup) => lookup.hitTokens));
  const shortest = lookups.filter((lookup) => lookup.hitTokens === hitTokens);
  const first = shortest.find(({ end }) => end.status === 'failed') ?? shortest[0];
  if (first === undefined) throw new KvferryError('INVALID_ARGUMENT', 'commonHit needs the lookup of each rank');
  return { hitTokens, end: first.end, chunks: undefined };
}
