import { describe, expect, test } from 'vitest';
import type { ChunkLayout } from './chunks.ts';
import { naiveSerde } from './serde.ts';
import { patterned } from './testing/values.ts';

const layout: ChunkLayout = { format: 'KV_2LTD', dtype: 'bfloat16', layers: 2, tokens: 4, hidden: 8 };
const byteLength = 2 * 2 * 4 * 8 * 2;
const none = new Uint8Array(0);

describe('the naive serde', () => {
  test('says the length of every value, and needs no memory', () => {
    expect(naiveSerde.id).toBe('naive');
    expect(naiveSerde.serializedBytes(layout)).toEqual({ max: byteLength, exact: true });
    expect(naiveSerde.scratchBytes(layout)).toBe(0);
  });

  test('gives the very bytes, both ways', () => {
    const bytes = patterned(byteLength, 1);
    const parts = naiveSerde.serialize({ layout, bytes }, none);
    expect(parts).toHaveLength(1);
    expect(parts[0]).toBe(bytes);
    const tensor = naiveSerde.deserialize(bytes, layout, none);
    expect(tensor.layout).toBe(layout);
    expect(tensor.bytes).toBe(bytes);
  });

  test.each([0, byteLength - 1, byteLength + 1])('refuses %i bytes of another layout', (wrong) => {
    const bytes = new Uint8Array(wrong);
    expect(() => naiveSerde.serialize({ layout, bytes }, none)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    expect(() => naiveSerde.deserialize(bytes, layout, none)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });
});
