import { InvalidArgumentError } from 'commander';

/** Reads `NAME=value` of a flag that may be repeated. */
export function collectSet(pair: string, previous: Record<string, string>): Record<string, string> {
  const split = pair.indexOf('=');
  if (split < 1) throw new InvalidArgumentError('write it as NAME=value.');
  return { ...previous, [pair.slice(0, split)]: pair.slice(split + 1) };
}
