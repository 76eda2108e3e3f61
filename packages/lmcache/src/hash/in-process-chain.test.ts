import { describe, expect, it } from 'vitest';
import { sha256 } from '../testing/hash-settings.ts';
import type { HashSettings } from '../types.ts';
import { lmcacheChunker } from './chunker.ts';
import { chainIdentity } from './in-process-chain.ts';

describe('chainIdentity', () => {
  it.each<[Partial<HashSettings>, name: string, seed: string]>([
    [{}, 'sha256_cbor', '5625442194607170974'],
    [{ pythonHashSeed: null }, 'sha256_cbor', '11230124004819357437'],
    [{ algorithm: 'builtin' }, 'python', '5313149338359954478'],
    [{ algorithm: 'builtin', python: 'up-to-3.10' }, 'python', '-5282990986457227702'],
    [{ vllm: false }, 'python', '0'],
    [{ algorithm: 'blake3', vllm: false }, 'python', '0'],
    [{ noneHash: 7n }, 'sha256_cbor', '7'],
  ])('of %o is %s from %s', (changes, name, seed) => {
    expect(chainIdentity({ ...sha256, ...changes })).toEqual({ name, seed });
  });

  it('is equal where all hashes are, and only there', () => {
    const settings: HashSettings[] = ['sha256_cbor', 'sha256_cbor_64bit', 'builtin'].flatMap((algorithm) =>
      [true, false].flatMap((vllm) =>
        ['0', '1'].flatMap((pythonHashSeed) =>
          (['current', '0.4.1'] as const).flatMap((era) =>
            (['up-to-3.10', 'from-3.11'] as const).map((python) => ({ algorithm, vllm, pythonHashSeed, era, python })),
          ),
        ),
      ),
    );
    const hashOf = (hash: HashSettings): string | undefined =>
      lmcacheChunker({ chunkTokens: 4, hash }).chunk([1, 2, 3, 4])[0]?.hash;
    const byIdentity = Map.groupBy(settings, (hash) => JSON.stringify(chainIdentity(hash)));
    const hashes = [...byIdentity.values()].map((equal) => new Set(equal.map(hashOf)));
    expect(hashes.every((of) => of.size === 1)).toBe(true);
    expect(new Set(hashes.flatMap((of) => [...of])).size).toBe(byIdentity.size);
  });
});
