import assert from 'node:assert/strict';
import type { Chunker } from '@kvferry/core';
import type { FormatCase } from './describe.ts';

/** What the author of a chunker gives. */
export interface ChunkerSuite {
  readonly chunker: Chunker;
  /** Whether a shorter chunk stands for the tokens behind the last full one. */
  readonly tail: 'dropped' | 'kept';
}

/** What holds of every chunker. */
export const chunkerCases: readonly FormatCase<ChunkerSuite>[] = [
  {
    id: 'CHUNK-01',
    title: 'chunks are contiguous, full, and begin at token 0',
    run({ chunker, tail }) {
      const { tokensPerChunk } = chunker;
      for (const count of [1, tokensPerChunk - 1, tokensPerChunk, tokensPerChunk + 1, 3 * tokensPerChunk + 5]) {
        const chunks = chunker.chunk(tokensOf(count));
        const full = Math.floor(count / tokensPerChunk);
        const kept = tail === 'kept' && count % tokensPerChunk !== 0;
        const expected = Array.from({ length: full }, (_, index) => [
          index * tokensPerChunk,
          (index + 1) * tokensPerChunk,
        ]);
        if (kept) expected.push([full * tokensPerChunk, count]);
        assert.deepEqual(
          chunks.map(({ start, end }) => [start, end]),
          expected,
          `${count} tokens`,
        );
      }
      return undefined;
    },
  },
  {
    id: 'CHUNK-02',
    title: 'no tokens give no chunks',
    run({ chunker }) {
      assert.deepEqual(chunker.chunk([]), []);
      assert.deepEqual(chunker.chunk(new Uint32Array(0)), []);
      return undefined;
    },
  },
  {
    id: 'CHUNK-03',
    title: 'an equal prefix has equal hashes, however long the sequence is',
    run({ chunker }) {
      const tokens = tokensOf(5 * chunker.tokensPerChunk);
      const all = hashes(chunker, tokens);
      const some = hashes(chunker, tokens.slice(0, 3 * chunker.tokensPerChunk));
      assert.deepEqual(some, all.slice(0, 3));
      return undefined;
    },
  },
  {
    id: 'CHUNK-04',
    title: 'a changed token changes the hash of its chunk and of all later ones, and none before',
    run({ chunker }) {
      const { tokensPerChunk } = chunker;
      const tokens = tokensOf(4 * tokensPerChunk);
      const before = hashes(chunker, tokens);
      // The first, the last and one in the middle of a chunk.
      for (const offset of [0, Math.floor(tokensPerChunk / 2), tokensPerChunk - 1]) {
        const changed = tokens.slice();
        const at = 2 * tokensPerChunk + offset;
        changed[at] = (changed[at] ?? 0) ^ 1;
        const same = hashes(chunker, changed).map((hash, index) => hash === before[index]);
        assert.deepEqual(same, [true, true, false, false], `token ${at} changed`);
      }
      return undefined;
    },
  },
  {
    id: 'CHUNK-05',
    title: 'an array and a Uint32Array of the same tokens have the same hashes',
    run({ chunker }) {
      const tokens = tokensOf(2 * chunker.tokensPerChunk);
      assert.deepEqual(hashes(chunker, Array.from(tokens)), hashes(chunker, tokens));
      return undefined;
    },
  },
  {
    id: 'CHUNK-06',
    title: 'the same tokens always have the same hashes, in every order of calls, and are not changed',
    run({ chunker }) {
      const tokens = tokensOf(2 * chunker.tokensPerChunk);
      const untouched = tokens.slice();
      const first = hashes(chunker, tokens);
      hashes(chunker, tokensOf(chunker.tokensPerChunk, 9));
      assert.deepEqual(hashes(chunker, tokens), first);
      assert.deepEqual(tokens, untouched);
      return undefined;
    },
  },
  {
    id: 'CHUNK-07',
    title: 'equal chunks at different places have different hashes',
    run({ chunker }) {
      const chunk = tokensOf(chunker.tokensPerChunk);
      const [first, second] = hashes(chunker, [...chunk, ...chunk]);
      assert.notEqual(first, second);
      return undefined;
    },
  },
  {
    id: 'CHUNK-08',
    title: 'token ids of 32 bits, up to the largest, are told apart',
    run({ chunker }) {
      const largest = 2 ** 32 - 1;
      const ids = [0, 1, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, largest - 1, largest];
      const seen = ids.map((id) => hashes(chunker, new Uint32Array(chunker.tokensPerChunk).fill(id))[0]);
      assert.equal(new Set(seen).size, ids.length);
      return undefined;
    },
  },
];

function hashes(chunker: Chunker, tokens: Uint32Array | readonly number[]): string[] {
  return chunker.chunk(tokens).map(({ hash }) => hash);
}

/** Token ids as a large vocabulary has them, the same each time. */
function tokensOf(count: number, seed = 1): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => (Math.imul(index + seed, 0x9e3779b1) % 150_000) >>> 0);
}
