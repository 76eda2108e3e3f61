import { expect, it } from 'vitest';
import { sliceParts } from './gather.ts';

const [ab, empty, cdef, g] = ['ab', '', 'cdef', 'g'].map((text) => new TextEncoder().encode(text)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const parts = [ab, empty, cdef, g];

it.each([
  [0, 7, ['ab', 'cdef', 'g']],
  [0, 2, ['ab']],
  [1, 3, ['b', 'c']],
  [2, 6, ['cdef']],
  [3, 5, ['de']],
  [6, 7, ['g']],
  [6, 99, ['g']],
  [7, 7, []],
  [3, 3, []],
])('bytes %i to %i are %j', (start, end, expected) => {
  expect(sliceParts(parts, start, end).map((bytes) => new TextDecoder().decode(bytes))).toEqual(expected);
});

it('gives views on the same memory', () => {
  const [slice] = sliceParts(parts, 3, 5);
  expect(slice?.buffer).toBe(cdef.buffer);
  expect(slice?.byteOffset).toBe(cdef.byteOffset + 1);
});
