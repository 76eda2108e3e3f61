import { InvalidArgumentError } from 'commander';

/** Reads a whole number of a flag. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('write a whole number.');
  return Number(text);
}
