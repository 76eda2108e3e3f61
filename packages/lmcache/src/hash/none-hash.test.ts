import { KvferryError } from '@kvferry/core';
import { describe, expect, it } from 'vitest';
import { vectors } from '../testing/vectors.ts';
import type { HashSettings } from '../types.ts';
import { noneHash } from './none-hash.ts';

const settings: HashSettings = {
  algorithm: 'builtin',
  vllm: true,
  pythonHashSeed: '0',
  python: 'from-3.11',
  era: 'current',
};

describe('the table of LMCache', () => {
  // A vLLM without the fixed seed, and xxhash, are settings that kvferry does not have; their entries say "random" and have tests below.
  const known = vectors.none_hash.entries.filter((entry) => entry.NONE_HASH !== null);

  it.each(known)('$algorithm, vLLM $vllm, seed $PYTHONHASHSEED, Python $python', (entry) => {
    const start = noneHash({
      ...settings,
      algorithm: entry.algorithm,
      vllm: entry.vllm !== null,
      pythonHashSeed: entry.PYTHONHASHSEED === 'any or unset' ? null : entry.PYTHONHASHSEED,
      python: entry.python === '<= 3.10' ? 'up-to-3.10' : 'from-3.11',
    });
    expect(start).toBe(BigInt(entry.NONE_HASH ?? ''));
  });

  it.each(known.filter((entry) => entry.NONE_HASH_digest !== undefined))(
    'has the whole digest in era 0.4.1: seed $PYTHONHASHSEED',
    (entry) => {
      const { algorithm, PYTHONHASHSEED: pythonHashSeed } = entry;
      const start = noneHash({ ...settings, algorithm, pythonHashSeed, era: '0.4.1' });
      expect(start.toString(16).padStart(64, '0')).toBe(entry.NONE_HASH_digest);
    },
  );

  it.each(vectors.builtin_hash)("Python's hash, $python, seed $PYTHONHASHSEED", (vector) => {
    const python = vector.hash_algorithm === 'siphash24' ? 'up-to-3.10' : 'from-3.11';
    const { PYTHONHASHSEED: pythonHashSeed } = vector;
    expect(noneHash({ ...settings, pythonHashSeed, python })).toBe(BigInt(vector.NONE_HASH));
  });

  it('is 0 without vLLM, whatever the name, the seed and the side of Python 3.11', () => {
    for (const algorithm of ['builtin', 'sha256_cbor', 'sha256', 'xxhash', 'blake3']) {
      for (const pythonHashSeed of [null, '7', 'random']) {
        expect(noneHash({ ...settings, vllm: false, algorithm, pythonHashSeed })).toBe(0n);
      }
    }
  });

  it('hashes the text of the seed, so that 0 and 00 differ', () => {
    const of = (pythonHashSeed: string): bigint => noneHash({ ...settings, pythonHashSeed });
    expect(of('00')).not.toBe(of('0'));
    expect(noneHash({ ...settings, algorithm: 'sha256_cbor', pythonHashSeed: '00' })).not.toBe(
      noneHash({ ...settings, algorithm: 'sha256_cbor', pythonHashSeed: '0' }),
    );
  });

  it('takes what Python takes as a seed', () => {
    // hash(' 0') and hash('0000000000000007') of CPython 3.11.7 under these seeds.
    expect(noneHash({ ...settings, pythonHashSeed: ' 0' })).toBe(-7002019587407104141n);
    expect(noneHash({ ...settings, pythonHashSeed: '0000000000000007' })).toBe(-4132537678476822289n);
  });

  it('takes an empty variable as vLLM and Python do: set for the one, unset for the other', () => {
    expect(noneHash({ ...settings, pythonHashSeed: '' })).toBe(0n);
    expect(noneHash({ ...settings, algorithm: 'sha256_cbor', pythonHashSeed: '' })).not.toBe(
      noneHash({ ...settings, algorithm: 'sha256_cbor', pythonHashSeed: null }),
    );
  });
});

describe('random hashes', () => {
  it.each([null, 'random'])(
    "are refused for Python's hash with vLLM and seed %j, with the line to add",
    (pythonHashSeed) => {
      const error = thrownBy(() => noneHash({ ...settings, pythonHashSeed }));
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.message).toContain('random per process and nothing can be shared');
      expect(error.message).toContain('extra_config: kvferry: python_hash_seed: "0"');
      expect(error.message).toContain('PYTHONHASHSEED=0');
    },
  );

  it("are refused for a name that LMCache takes as Python's hash", () => {
    const error = thrownBy(() => noneHash({ ...settings, algorithm: 'blake3', pythonHashSeed: null }));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('"blake3"');
  });

  it('are taken with an explicit start', () => {
    expect(noneHash({ ...settings, pythonHashSeed: null, noneHash: -5n })).toBe(-5n);
  });
});

describe('an explicit start', () => {
  it('comes before the rule', () => {
    expect(noneHash({ ...settings, noneHash: 7n })).toBe(7n);
    expect(noneHash({ ...settings, algorithm: 'sha256_cbor', noneHash: 7n })).toBe(7n);
    expect(noneHash({ ...settings, vllm: false, noneHash: 7n })).toBe(7n);
  });

  it.each([
    { algorithm: 'builtin', era: 'current', fits: -(1n << 63n), tooLarge: 1n << 63n },
    { algorithm: 'sha256_cbor', era: 'current', fits: (1n << 64n) - 1n, tooLarge: 1n << 64n },
    { algorithm: 'sha256_cbor', era: 'current', fits: 0n, tooLarge: -1n },
    { algorithm: 'sha256_cbor', era: '0.4.1', fits: (1n << 256n) - 1n, tooLarge: 1n << 256n },
  ] as const)('has the range of its hash: $algorithm, $era, $tooLarge', ({ algorithm, era, fits, tooLarge }) => {
    expect(noneHash({ ...settings, algorithm, era, noneHash: fits })).toBe(fits);
    const error = thrownBy(() => noneHash({ ...settings, algorithm, era, noneHash: tooLarge }));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('none_hash');
  });
});

describe('algorithms', () => {
  it.each(['sha256', 'xxhash', 'xxhash_cbor'])('%s with vLLM is UNSUPPORTED and names sha256_cbor', (algorithm) => {
    const error = thrownBy(() => noneHash({ ...settings, algorithm }));
    expect(error.code).toBe('UNSUPPORTED');
    expect(error.message).toContain('pre_caching_hash_algorithm: sha256_cbor');
  });

  it("takes sha256_cbor_64bit as sha256_cbor, and any other name, case included, as Python's hash", () => {
    const of = (algorithm: string): bigint => noneHash({ ...settings, algorithm });
    expect(of('sha256_cbor_64bit')).toBe(of('sha256_cbor'));
    for (const name of ['blake3', 'SHA256_CBOR', '']) expect(of(name)).toBe(of('builtin'));
  });

  it.each(['-1', '4294967296', '1e3', '0x1', '0 ', 'abc'])(
    'refuses the seed %j, with which Python does not start',
    (seed) => {
      for (const algorithm of ['builtin', 'sha256_cbor']) {
        expect(thrownBy(() => noneHash({ ...settings, algorithm, pythonHashSeed: seed })).code).toBe('CONFIG_INVALID');
      }
    },
  );
});

function thrownBy(run: () => unknown): KvferryError {
  try {
    run();
  } catch (error) {
    if (KvferryError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
