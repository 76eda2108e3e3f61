import type { Chunker } from '@kvferry/core';
import { multiProcessChunker } from '@kvferry/lmcache';
import { median } from '../shared/statistics.ts';
import type { CacheBenchPlan } from './plan.ts';
import { CHUNK_TOKENS, inProcessChunker, makeTokens } from './rank.ts';

/** Milliseconds in which the chunks of a prompt are hashed, by algorithm: the median of warm runs. */
export type HashMilliseconds = { readonly [Name in 'sha256_cbor' | 'blake3' | 'builtin']: number };

export async function measureHashing({ tokens, warmRuns, runs }: CacheBenchPlan['hashing']): Promise<HashMilliseconds> {
  const prompt = makeTokens(tokens, 1);
  const medianMs = (chunker: Chunker): number => {
    const timed = Array.from({ length: warmRuns + runs }, () => {
      const startMs = performance.now();
      chunker.chunk(prompt);
      return performance.now() - startMs;
    });
    return median(timed.slice(warmRuns));
  };
  return {
    sha256_cbor: medianMs(inProcessChunker('sha256_cbor')),
    blake3: medianMs(await multiProcessChunker({ chunkTokens: CHUNK_TOKENS })),
    builtin: medianMs(inProcessChunker('builtin')),
  };
}
