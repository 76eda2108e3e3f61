import { expect, test } from 'vitest';
import { fillObject, firstWrongByte } from './objects.ts';

const bytes = 256 * 1024 + 7;

test('an object has the same bytes whenever it is made', () => {
  const object = new Uint8Array(bytes);
  fillObject(object, 3);
  expect(firstWrongByte(object, 3)).toBe(-1);
});

test.each([
  ['the first', 0],
  ['one in the middle', 100_000],
  ['the last', bytes - 1],
])('a wrong byte is found: %s', (_, offset) => {
  const object = new Uint8Array(bytes);
  fillObject(object, 0);
  object[offset] = (object[offset] as number) ^ 1;
  expect(firstWrongByte(object, 0)).toBe(offset);
});

test('objects and the blocks of one object differ, so that none can stand in for another', () => {
  const object = new Uint8Array(bytes);
  fillObject(object, 0);
  expect(firstWrongByte(object, 1)).toBe(0);
  object.copyWithin(64 * 1024, 0, 64 * 1024);
  expect(firstWrongByte(object, 0)).toBe(64 * 1024);
});
