import { expect, it } from 'vitest';
import { Suspects } from './suspects.ts';

it('remembers ten thousand keys, and forgets the oldest first', () => {
  const suspects = new Suspects();
  for (let i = 0; i <= 10_000; i++) suspects.add(`k${i}`);
  expect(suspects.has('k0')).toBe(false);
  expect(suspects.has('k1')).toBe(true);
  suspects.delete('k1');
  expect(suspects.has('k1')).toBe(false);
});
