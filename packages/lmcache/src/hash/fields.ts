import { KvferryError } from '@kvferry/core';

/** What a field of an options object may hold. */
export interface FieldRule {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

/** What `chunkTokens` may be. */
export const chunkTokensRule: FieldRule = {
  expected: 'a positive integer',
  accepts: (value) => Number.isSafeInteger(value) && (value as number) > 0,
};

/** Throws INVALID_ARGUMENT that names the first field that is unknown or breaks its rule; `what` says which object it is in. */
export function checkFields(what: string, given: object, rules: Readonly<Record<string, FieldRule>>): void {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(rules, name)) {
      throw new KvferryError(
        'INVALID_ARGUMENT',
        `${what}: ${name} is unknown; known are ${Object.keys(rules).join(', ')}`,
      );
    }
  }
  for (const [name, rule] of Object.entries(rules)) {
    if (!rule.accepts((given as Readonly<Record<string, unknown>>)[name])) {
      throw new KvferryError('INVALID_ARGUMENT', `${what}: ${name} must be ${rule.expected}`);
    }
  }
}
