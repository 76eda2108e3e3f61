import { expect, test } from 'vitest';
import { type ChunkLayout, DTYPE_BYTES, layoutBytes } from './chunks.ts';

const MIB = 1024 * 1024;

test.each<[string, ChunkLayout, number]>([
  ['Llama-3.1-8B', { format: 'KV_2LTD', dtype: 'bfloat16', layers: 32, tokens: 256, hidden: 8 * 128 }, 32 * MIB],
  ['Llama-3.1-70B', { format: 'KV_2LTD', dtype: 'bfloat16', layers: 80, tokens: 256, hidden: 8 * 128 }, 80 * MIB],
  ['DeepSeek-V3', { format: 'KV_MLA_FMT', dtype: 'bfloat16', layers: 61, tokens: 256, hidden: 576 }, 17_989_632],
  ['one byte an element', { format: 'KV_2LTD', dtype: 'float8_e4m3fn', layers: 1, tokens: 1, hidden: 1 }, 2],
])('a chunk of %s has its bytes', (_model, layout, byteLength) => {
  expect(layoutBytes(layout)).toBe(byteLength);
});

test('every element type has the bytes that its name says', () => {
  for (const [dtype, bytes] of Object.entries(DTYPE_BYTES)) {
    const bits = dtype === 'bool' ? 8 : Number(/^[a-z]+(\d+)/.exec(dtype)?.[1]);
    expect([dtype, bytes * 8]).toEqual([dtype, bits]);
  }
});
