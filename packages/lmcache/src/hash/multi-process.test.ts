import { describe, expect, it } from 'vitest';
import { golden, tokensOf, vectors } from '../testing/vectors.ts';
import { multiProcessChunker } from './multi-process.ts';

describe('multiProcessChunker', () => {
  it.each(vectors.mp_blake3.cases)('has the hashes of $case', async ({ tokens, chunk_size, chunk_hashes }) => {
    const chunker = await multiProcessChunker({ chunkTokens: chunk_size });
    expect(chunker.chunk(tokensOf(tokens)).map(({ hash }) => hash)).toEqual(chunk_hashes);
  });

  it.each(golden.mp_sets)('has the hashes that LMCache wrote: $spec.name', async ({ spec, chunks }) => {
    const chunker = await multiProcessChunker({ chunkTokens: spec.chunk_size });
    const tail = [1, 2, 3];
    expect(chunker.chunk([...chunks.flatMap(({ tokens }) => tokens), ...tail])).toEqual(
      chunks.map(({ start, end, chunk_hash_hex }) => ({ start, end, hash: chunk_hash_hex })),
    );
  });

  it('starts anew with every call', async () => {
    const chunker = await multiProcessChunker({ chunkTokens: 2 });
    const first = chunker.chunk([1, 2, 3, 4]);
    expect(chunker.chunk([1, 2, 3, 4])).toEqual(first);
  });

  it('keeps two chunkers apart', async () => {
    const one = await multiProcessChunker({ chunkTokens: 2 });
    const other = await multiProcessChunker({ chunkTokens: 3 });
    const first = one.chunk([1, 2, 3, 4]);
    other.chunk([9, 9, 9]);
    expect(one.chunk([1, 2, 3, 4])).toEqual(first);
  });

  it('takes token ids of all 32 bits', async () => {
    const chunker = await multiProcessChunker({ chunkTokens: 1 });
    // Computed with the reference implementation over the start's 32 bytes and ffffffff.
    expect(chunker.chunk([0xffffffff]).map(({ hash }) => hash)).toEqual([
      '939a8c126dfd594262715b97845580b8b5b28d28bcbbe9254b17a8f75b230fe2',
    ]);
  });

  it.each([{ chunkTokens: 0 }, { chunkTokens: 256, keepUnfull: true }])('refuses %j', async (options) => {
    await expect(multiProcessChunker(options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
