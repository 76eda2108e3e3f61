import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BuiltinChain, tokensOf, vectors } from '../testing/vectors.ts';
import { pythonHashInt, pythonHashString, pythonHashTokens, pythonHashTuple } from './python-hash.ts';

describe.each(vectors.builtin_hash)('CPython $python with PYTHONHASHSEED=$PYTHONHASHSEED', (vector) => {
  const generation = vector.hash_algorithm === 'siphash24' ? 'up-to-3.10' : 'from-3.11';

  it.each(Object.entries(vector.hash_str))('hash(str) of %j', (text, expected) => {
    expect(pythonHashString(text, Number(vector.PYTHONHASHSEED), generation)).toBe(BigInt(expected));
  });

  it.each(Object.entries(vector.hash_int))('hash(%s)', (value, expected) => {
    expect(pythonHashInt(BigInt(value))).toBe(BigInt(expected));
  });

  it.each(Object.entries(vector.hash_tuple))('hash(%s)', (literal, expected) => {
    expect(hashNested(parseTuple(literal))).toBe(BigInt(expected));
  });

  it('starts the chain with the hash of the seed as text', () => {
    const { PYTHONHASHSEED: seed, NONE_HASH: start } = vector;
    expect(pythonHashString(seed, Number(seed), generation)).toBe(BigInt(start));
  });

  it.each(Object.entries(vector.chains))('chain %s', (label, chain) => {
    expect(chainHashes(chain, thirdElement(label, vector.hash_None))).toEqual(chain.chunk_hashes.map(BigInt));
  });
});

describe('pythonHashTokens', () => {
  it('agrees with the tuple hash over integers', () => {
    fc.assert(
      fc.property(fc.uint32Array({ maxLength: 40 }), (tokens) => {
        expect(pythonHashTokens(tokens, 0, tokens.length)).toBe(
          pythonHashTuple(Array.from(tokens, (token) => pythonHashInt(BigInt(token)))),
        );
      }),
      { numRuns: 2_000, seed: 1 },
    );
  });

  it('takes all-zero and all-one tokens', () => {
    for (const token of [0, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff]) {
      const tokens = new Uint32Array(257).fill(token);
      expect(pythonHashTokens(tokens, 0, 257)).toBe(pythonHashTuple(new Array(257).fill(BigInt(token))));
    }
  });

  it('hashes the run from start to end alone', () => {
    const tokens = Uint32Array.of(9, 1, 2, 3, 9);
    expect(pythonHashTokens(tokens, 1, 4)).toBe(pythonHashTokens(Uint32Array.of(1, 2, 3), 0, 3));
  });
});

/** Label C chains `(prefix, tokens, ())`, A `(prefix, tokens, None)`, B `(prefix, tokens)`. */
function thirdElement(label: string, hashOfNone: string): readonly bigint[] {
  if (label.endsWith('|C')) return [pythonHashTuple([])];
  if (label.endsWith('|A')) return [BigInt(hashOfNone)];
  if (label.endsWith('|B')) return [];
  throw new Error(`unknown label: ${label}`);
}

function chainHashes(chain: BuiltinChain, third: readonly bigint[]): bigint[] {
  const tokens = Uint32Array.from(tokensOf(chain.tokens));
  const total = chain.save_unfull_chunk ? tokens.length : tokens.length - (tokens.length % chain.chunk_size);
  const hashes: bigint[] = [];
  let prefix = BigInt(chain.start);
  for (let start = 0; start < total; start += chain.chunk_size) {
    const end = Math.min(start + chain.chunk_size, total);
    prefix = pythonHashTuple([pythonHashInt(prefix), pythonHashTokens(tokens, start, end), ...third]);
    hashes.push(prefix);
  }
  return hashes;
}

type Nested = bigint | readonly Nested[];

function hashNested(value: Nested): bigint {
  return typeof value === 'bigint' ? pythonHashInt(value) : pythonHashTuple(value.map(hashNested));
}

/** A tuple of integers and tuples, as Python writes it. */
function parseTuple(literal: string): Nested {
  const json = literal.replaceAll('(', '[').replaceAll(',)', ']').replaceAll(')', ']');
  const toBigInt = (value: unknown): Nested => (Array.isArray(value) ? value.map(toBigInt) : BigInt(value as number));
  return toBigInt(JSON.parse(json));
}
