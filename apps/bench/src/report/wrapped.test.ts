import { expect, test } from 'vitest';
import { wrapped } from './wrapped.ts';

test('prose is cut between words, each line after its indent', () => {
  const text = Array.from({ length: 50 }, (_, index) => `word${index}`).join(' ');
  const lines = wrapped(text, '  ');
  expect(lines.join(' ').replace(/ {2,}/g, ' ').trim()).toBe(text);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(116);
  expect(lines.every((line) => /^ {2}\S/.test(line))).toBe(true);
  expect(wrapped(`a ${'x'.repeat(200)} b`)).toEqual(['a', 'x'.repeat(200), 'b']);
  expect(wrapped('')).toEqual([]);
});
