import { type Chunk, KvferryError, type Tokens } from '@kvferry/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../testing/hash-settings.ts';
import { golden, tokensOf, vectors } from '../testing/vectors.ts';
import type { HashSettings } from '../types.ts';
import { type LmcacheChunkerOptions, lmcacheChunker } from './chunker.ts';

const everyChain: readonly HashSettings[] = [
  sha256,
  { ...sha256, era: '0.4.1' },
  { ...sha256, algorithm: 'builtin' },
  { ...sha256, vllm: false },
];

describe.each(vectors.sha256_cbor)('sha256_cbor, seed $seed, $case', (vector) => {
  const hash: HashSettings = { ...sha256, pythonHashSeed: vector.seed };
  const tokens = tokensOf(vector.tokens);

  it('is folded in the current era', () => {
    const chunks = vector['folded_int (after LMCache PR #2999)'].chunks;
    expect(hashesOf({ chunkTokens: vector.chunk_size, hash }, tokens)).toEqual(chunks.map(({ hex }) => hex));
  });

  it('is the whole digest in era 0.4.1', () => {
    const chunks = vector['bytes (canonical tuple, before #2999)'];
    expect(hashesOf({ chunkTokens: vector.chunk_size, hash: { ...hash, era: '0.4.1' } }, tokens)).toEqual(
      chunks.map(({ hex }) => hex),
    );
  });
});

it('hashes with vLLM and no seed as the table has it', () => {
  const entry = vectors.none_hash.entries.find(({ chunks }) => chunks !== undefined);
  const options = { chunkTokens: entry?.chunk_size ?? 0, hash: { ...sha256, pythonHashSeed: null } };
  expect(hashesOf(options, tokensOf(entry?.tokens ?? ''))).toEqual(entry?.chunks?.map(({ hex }) => hex));
});

describe.each(vectors.builtin_hash)("Python's hash: CPython $python, seed $PYTHONHASHSEED", (vector) => {
  // Labels A and B are chains of other eras, which no chunker makes; the test of the tuple hash has them.
  const chains = Object.entries(vector.chains).filter(([label]) => label.endsWith('|C'));

  it.each(chains)('%s', (label, chain) => {
    const hash: HashSettings = {
      algorithm: 'builtin',
      vllm: label.includes('|vllm_seeded|'),
      pythonHashSeed: vector.PYTHONHASHSEED,
      python: vector.hash_algorithm === 'siphash24' ? 'up-to-3.10' : 'from-3.11',
      era: 'current',
    };
    const options = { chunkTokens: chain.chunk_size, keepUnfull: chain.save_unfull_chunk, hash };
    const tokens = tokensOf(chain.tokens);
    expect(hashesOf(options, tokens)).toEqual(chain.hex);
    expect(hashesOf({ ...options, hash: { ...hash, era: '0.4.1' } }, tokens)).toEqual(chain.hex);
  });
});

describe.each(golden.sets)('what LMCache wrote: $spec.name', ({ spec, chunks }) => {
  it.each(spec.sequences.map((length, sequence) => ({ length, sequence })))('$sequence', ({ length, sequence }) => {
    const written = chunks.filter((chunk) => chunk.sequence === sequence);
    const tokens = written.flatMap((chunk) => chunk.tokens);
    const tail = new Array<number>(length - tokens.length).fill(1);
    const chunker = lmcacheChunker({
      chunkTokens: spec.chunk_size,
      hash: {
        algorithm: spec.hash_algorithm,
        vllm: spec.vllm,
        pythonHashSeed: spec.pythonhashseed,
        python: 'from-3.11',
        era: 'current',
      },
    });
    expect(chunker.chunk([...tokens, ...tail])).toEqual(
      written.map(({ start, end, chunk_hash_hex }) => ({ start, end, hash: chunk_hash_hex })),
    );
  });
});

describe.each(everyChain)('$algorithm, era $era, vLLM $vllm', (hash) => {
  it('gives a prefix of the tokens a prefix of the chunks', () => {
    const chunker = lmcacheChunker({ chunkTokens: 4, hash });
    fc.assert(
      fc.property(fc.uint32Array({ maxLength: 40 }), fc.nat({ max: 40 }), (tokens, length) => {
        const whole = chunker.chunk(tokens);
        expect(chunker.chunk(tokens.subarray(0, length))).toEqual(whole.filter(({ end }) => end <= length));
      }),
      { seed: 1 },
    );
  });

  it('changes the hash of a changed chunk and of every later one, and of no earlier one', () => {
    const chunker = lmcacheChunker({ chunkTokens: 4, hash });
    fc.assert(
      fc.property(fc.uint32Array({ minLength: 1, maxLength: 40 }), fc.nat(), (tokens, at) => {
        const changed = Uint32Array.from(tokens);
        const index = at % tokens.length;
        changed[index] = ((changed[index] ?? 0) + 1) >>> 0;
        const [before, after] = [chunker.chunk(tokens), chunker.chunk(changed)];
        const differs = before.map((chunk, position) => chunk.hash !== after[position]?.hash);
        expect(differs).toEqual(before.map((chunk) => chunk.end > index));
      }),
      { seed: 1 },
    );
  });

  it('takes arrays, typed arrays and views of them alike', () => {
    const chunker = lmcacheChunker({ chunkTokens: 4, hash });
    fc.assert(
      fc.property(fc.uint32Array({ maxLength: 40 }), (tokens) => {
        const chunks = chunker.chunk(tokens);
        expect(chunker.chunk(Array.from(tokens))).toEqual(chunks);
        expect(chunker.chunk(Uint32Array.of(9, ...tokens, 9).subarray(1, tokens.length + 1))).toEqual(chunks);
      }),
      { seed: 1 },
    );
  });

  it('makes chunks in order without a gap, and a short last one only when told to keep it', () => {
    const tokens = Array.from({ length: 11 }, (_, index) => index);
    expect(bounds(lmcacheChunker({ chunkTokens: 4, hash }).chunk(tokens))).toEqual([
      [0, 4],
      [4, 8],
    ]);
    const keeping = lmcacheChunker({ chunkTokens: 4, keepUnfull: true, hash });
    expect(bounds(keeping.chunk(tokens))).toEqual([
      [0, 4],
      [4, 8],
      [8, 11],
    ]);
    expect(bounds(keeping.chunk(tokens.slice(0, 8)))).toEqual([
      [0, 4],
      [4, 8],
    ]);
    expect(keeping.chunk([])).toEqual([]);
  });

  it('starts anew with every call, also after a call that threw', () => {
    const chunker = lmcacheChunker({ chunkTokens: 2, hash });
    const first = chunker.chunk([1, 2, 3, 4]);
    expect(() => chunker.chunk([1, 2, 3, -4])).toThrow(KvferryError);
    expect(chunker.chunk([1, 2, 3, 4])).toEqual(first);
  });
});

describe('tokens', () => {
  const chunker = lmcacheChunker({ chunkTokens: 2, hash: sha256 });

  it.each([
    [-1, 'number -1'],
    [4294967296, 'number 4294967296'],
    [1.5, 'number 1.5'],
    [Number.NaN, 'number NaN'],
    [1n, 'bigint 1'],
    ['1', 'string'],
    [null, 'null'],
    [undefined, 'undefined'],
  ])('%s is refused with its index', (token, shown) => {
    // The index is in the tail, which is dropped, and is checked nevertheless.
    const error = thrownBy(() => chunker.chunk([0, 4294967295, token as number]));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(`tokens[2] is ${shown};`);
  });

  it.each([[Int32Array.of(1)], ['12'], [null], [{ length: 2 }]])('%s is no list of tokens', (tokens) => {
    expect(thrownBy(() => chunker.chunk(tokens as unknown as Tokens)).code).toBe('INVALID_ARGUMENT');
  });
});

describe('options', () => {
  const valid: LmcacheChunkerOptions = { chunkTokens: 256, hash: sha256 };

  it.each([
    ['chunkTokens', { chunkTokens: 0 }],
    ['chunkTokens', { chunkTokens: 1.5 }],
    ['chunkTokens', { chunkTokens: '256' }],
    ['keepUnfull', { keepUnfull: 1 }],
    ['hash', { hash: null }],
    ['chunkSize', { chunkSize: 256 }],
    ['era', { hash: { ...sha256, era: 'mp' } }],
    ['python', { hash: { ...sha256, python: '3.12' } }],
    ['pythonHashSeed', { hash: { ...sha256, pythonHashSeed: 0 } }],
    ['pythonHashSeed', { hash: { algorithm: 'builtin', vllm: true, python: 'from-3.11', era: 'current' } }],
    ['noneHash', { hash: { ...sha256, noneHash: 7 } }],
    ['seed', { hash: { ...sha256, seed: '0' } }],
  ])('a wrong or unknown %s is refused by name: %j', (name, wrong) => {
    const error = thrownBy(() => lmcacheChunker({ ...valid, ...wrong } as unknown as LmcacheChunkerOptions));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(name);
  });

  it('stand in the id with the start of the chain', () => {
    expect(lmcacheChunker(valid).id).toBe('lmcache: 256 tokens, sha256_cbor from 4e1195df020de59e');
    expect(lmcacheChunker({ ...valid, keepUnfull: true, hash: { ...sha256, vllm: false } }).id).toBe(
      "lmcache: 256 tokens, Python's hash from 0, tail kept",
    );
  });
});

it('prints a hash with leading zeros unpadded, and hashes it on in its short form', () => {
  // The token was found by search, the values computed with Python's hashlib.
  expect(hashesOf({ chunkTokens: 1, hash: sha256 }, [1713357, 5])).toEqual(['3e63b64ebd6', 'f87b88149ed953bc']);
});

// Computed with Python's hashlib.
it.each([
  [0n, '18795bc9e8a8fc32'],
  [23n, '2bbb4968ec1d062e'],
  [24n, 'abf284f0db952bd4'],
  [65536n, '53282a01d871084e'],
  [4294967295n, '9f991ce4d8f95f15'],
  [4294967296n, '6c5894e0d4d6e291'],
])('starts the chain from %s', (noneHash, expected) => {
  expect(hashesOf({ chunkTokens: 1, hash: { ...sha256, noneHash } }, [1])).toEqual([expected]);
});

function hashesOf(options: LmcacheChunkerOptions, tokens: Tokens): string[] {
  return lmcacheChunker(options)
    .chunk(tokens)
    .map((chunk) => chunk.hash);
}

function bounds(chunks: readonly Chunk[]): [number, number][] {
  return chunks.map(({ start, end }) => [start, end]);
}

function thrownBy(run: () => unknown): KvferryError {
  try {
    run();
  } catch (error) {
    if (KvferryError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
