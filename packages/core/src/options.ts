import { KvferryError } from './errors.ts';
import { nearestName } from './nearest-name.ts';

/** Throws CONFIG_INVALID for an option that `factory` does not know: a misspelt one would otherwise silently be its default. */
export function assertKnownOptions(factory: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new KvferryError('CONFIG_INVALID', `${factory} takes an object of options: ${known.join(', ')}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known);
    const hint = nearest === undefined ? `it has: ${known.join(', ')}` : `did you mean "${nearest}"?`;
    throw new KvferryError('CONFIG_INVALID', `${factory} has no option "${name}"; ${hint}`);
  }
}

/** Throws CONFIG_INVALID for what is not a whole number from `least` to `most`. */
export function assertWholeNumber(factory: string, name: string, value: unknown, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
    throw new KvferryError(
      'CONFIG_INVALID',
      `${factory}: ${name} is a whole number from ${least} to ${most}, not ${String(value)}`,
    );
  }
}
