import { types } from 'node:util';
import { KvferryError, type Tokens } from '@kvferry/core';

/**
 * The tokens as unsigned 32-bit integers: a `Uint32Array` as it is, an array of numbers copied once.
 *
 * Throws INVALID_ARGUMENT that names the first index whose element is no integer from 0 to 4,294,967,295.
 */
export function uint32Tokens(tokens: Tokens): Uint32Array {
  if (types.isUint32Array(tokens)) return tokens;
  if (!Array.isArray(tokens)) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `tokens are a Uint32Array or an array of numbers, not ${kindOf(tokens)}`,
    );
  }
  const copy = new Uint32Array(tokens.length);
  for (let index = 0; index < copy.length; index++) {
    const token: unknown = tokens[index];
    if (typeof token !== 'number' || token >>> 0 !== token) throw badToken(token, index);
    copy[index] = token;
  }
  return copy;
}

function badToken(token: unknown, index: number): KvferryError {
  const shown = typeof token === 'number' || typeof token === 'bigint' ? `${token}` : '';
  return new KvferryError(
    'INVALID_ARGUMENT',
    `tokens[${index}] is ${[kindOf(token), shown].join(' ').trim()}; a token id is an integer from 0 to 4294967295`,
  );
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.prototype.toString.call(value).slice(8, -1);
}
