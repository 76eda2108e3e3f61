import type { ChunkLayout } from '@kvferry/core';

/**
 * Fills memory with made-up KV that follows from the chunk's hash alone, so that another process can make it again and compare. Elements of two bytes
 * are finite bfloat16 or float16 numbers of magnitude 0.5 to 2.
 *
 * The generator is xorshift32 (Marsaglia, "Xorshift RNGs", 2003), seeded with FNV-1a of the hash: quick, and different in every chunk.
 */
export function fillChunk(bytes: Uint8Array, hash: string, dtype: ChunkLayout['dtype']): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  const [mask, exponent] = finiteBits(dtype);
  let state = fnv1a(hash) || 1;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = (state & mask) | exponent;
  }
  for (let index = words.byteLength; index < bytes.byteLength; index += 1) bytes[index] = state >>> 24;
}

/** Which bits stay random, and which are set, so that both elements of a word are finite. */
function finiteBits(dtype: ChunkLayout['dtype']): [mask: number, exponent: number] {
  if (dtype === 'bfloat16') return [0x80ff80ff, 0x3f003f00];
  if (dtype === 'float16') return [0x87ff87ff, 0x38003800];
  return [0xffffffff, 0];
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
