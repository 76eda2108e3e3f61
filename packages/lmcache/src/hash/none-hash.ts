import { hash } from 'node:crypto';
import { KvferryError } from '@kvferry/core';
import type { HashSettings } from '../types.ts';
import { hashFunction } from './algorithm.ts';
import { asciiTextCbor } from './cbor.ts';
import { pythonHashString } from './python-hash.ts';

/** What vLLM hashes in place of `PYTHONHASHSEED` where that is not set. */
const UNSET_SEED_TEXT = 'vllm-none-hash';

/**
 * The start of the hash chain (`NONE_HASH`): what stands in for the hash of the chunk before the first.
 *
 * Signed 64 bits for Python's `hash`; for `sha256_cbor` unsigned 64 bits, or the whole digest as one number in era 0.4.1. `noneHash` in the
 * settings comes before every rule.
 *
 * Throws CONFIG_INVALID where the engine's start is random, and for a seed that Python does not take or a `noneHash` outside the range;
 * UNSUPPORTED for an algorithm that kvferry does not compute.
 */
export function noneHash(settings: HashSettings): bigint {
  const usesPython = hashFunction(settings.algorithm, settings.vllm) === 'python';
  if (settings.noneHash !== undefined) return checkedOverride(settings.noneHash, usesPython, settings.era);
  if (!settings.vllm) return 0n;
  const seed = settings.pythonHashSeed === null ? undefined : parseSeed(settings.pythonHashSeed);
  const text = settings.pythonHashSeed ?? UNSET_SEED_TEXT;
  if (!usesPython) return sha256Start(text, settings.era);
  // The hash of an empty text is 0 under every seed.
  if (text === '') return 0n;
  if (typeof seed !== 'number') throw randomStart(settings.algorithm);
  return pythonHashString(text, seed, settings.python);
}

function sha256Start(text: string, era: HashSettings['era']): bigint {
  const digest = hash('sha256', asciiTextCbor(text), 'hex');
  return BigInt(`0x${era === '0.4.1' ? digest : digest.slice(0, 16)}`);
}

/** The seed as Python reads its variable: unset, empty and `random` all seed at random. */
function parseSeed(text: string): number | 'random' {
  if (text === '' || text === 'random') return 'random';
  // As C's strtoul takes it: white space and a plus sign in front are let through.
  const seed = /^[\t-\r ]*\+?[0-9]+$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  if (seed <= 0xffffffff) return seed;
  throw new KvferryError(
    'CONFIG_INVALID',
    `PYTHONHASHSEED is "random" or a number from 0 to 4294967295, and Python does not start with ${JSON.stringify(text)}. ` +
      'Write what the engine has: extra_config: kvferry: python_hash_seed: "0"',
  );
}

function checkedOverride(value: bigint, usesPython: boolean, era: HashSettings['era']): bigint {
  const bits = !usesPython && era === '0.4.1' ? 256 : 64;
  const fits = usesPython ? BigInt.asIntN(bits, value) === value : BigInt.asUintN(bits, value) === value;
  if (fits) return value;
  throw new KvferryError(
    'CONFIG_INVALID',
    `none_hash ${value} is no ${usesPython ? 'signed' : 'unsigned'} number of ${bits} bits. ` +
      'Write the NONE_HASH that the engine logs, in decimal: extra_config: kvferry: none_hash: "…"',
  );
}

function randomStart(algorithm: string): KvferryError {
  return new KvferryError(
    'CONFIG_INVALID',
    `hashes are random per process and nothing can be shared: pre_caching_hash_algorithm "${algorithm}" with vLLM is Python's hash, and ` +
      'PYTHONHASHSEED is not set to a number. Start the engine with PYTHONHASHSEED=0 and add: extra_config: kvferry: python_hash_seed: "0". ' +
      'Or let both use: pre_caching_hash_algorithm: sha256_cbor',
  );
}
