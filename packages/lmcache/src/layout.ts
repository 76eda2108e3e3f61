import { type ChunkLayout, DTYPE_BYTES, KvferryError, layoutBytes } from '@kvferry/core';
import type { KvShape } from './types.ts';

/**
 * The layout of a chunk of `tokens` tokens as LMCache stores it: `[2, layers, tokens, kvHeads · headSize]`, or with MLA
 * `[1, layers, tokens, headSize]`.
 *
 * Throws INVALID_ARGUMENT for a size that is no positive integer, a dtype that is unknown, and MLA with more than one KV head.
 */
export function kvLayout(shape: KvShape, tokens: number): ChunkLayout {
  const { layers, kvHeads, headSize, mla, dtype } = shape;
  for (const [name, value] of Object.entries({ layers, kvHeads, headSize, tokens })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new KvferryError('INVALID_ARGUMENT', `${name} is a positive integer, not ${value}`);
    }
  }
  if (!Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `dtype ${JSON.stringify(dtype)} is unknown; known are ${Object.keys(DTYPE_BYTES).join(', ')}`,
    );
  }
  if (mla && kvHeads !== 1) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `with MLA a token has one latent, so kvHeads is 1, not ${kvHeads}, and headSize the latent's size`,
    );
  }
  const layout: ChunkLayout = {
    format: mla ? 'KV_MLA_FMT' : 'KV_2LTD',
    dtype,
    layers,
    tokens,
    hidden: kvHeads * headSize,
  };
  if (!Number.isSafeInteger(layoutBytes(layout))) {
    throw new KvferryError('INVALID_ARGUMENT', 'a chunk of this shape has more than 2^53 bytes');
  }
  return layout;
}
