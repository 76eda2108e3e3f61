import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { patterned } from '../testing/values.ts';
import { afterBytes, slicesOf } from './file-io.ts';

const parts = fc.array(
  fc.integer({ min: 0, max: 40 }).map((byteLength) => patterned(byteLength, byteLength)),
  { maxLength: 8 },
);
const joined = (list: readonly Uint8Array[]): number[] => list.flatMap((part) => [...part]);

describe('a gather list', () => {
  test('is cut into slices of the same bytes, each full but the last, without a copy', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 50 }), (list, maxBytes) => {
        const slices = [...slicesOf(list, maxBytes)];
        expect(joined(slices.flat())).toEqual(joined(list));
        const sizes = slices.map((slice) => slice.reduce((sum, part) => sum + part.byteLength, 0));
        for (const size of sizes.slice(0, -1)) expect(size).toBe(maxBytes);
        for (const size of sizes.slice(-1)) expect(size).toBeLessThanOrEqual(maxBytes);
        const buffers = new Set(list.map((part) => part.buffer));
        for (const part of slices.flat()) {
          expect(buffers.has(part.buffer)).toBe(true);
          expect(part.byteLength).toBeGreaterThan(0);
        }
      }),
    );
  });

  test('goes on behind what a short write took', () => {
    fc.assert(
      fc.property(parts, fc.nat(), (list, some) => {
        const bytes = joined(list);
        const taken = bytes.length === 0 ? 0 : some % (bytes.length + 1);
        expect(joined(afterBytes(list, taken))).toEqual(bytes.slice(taken));
      }),
    );
  });
});
