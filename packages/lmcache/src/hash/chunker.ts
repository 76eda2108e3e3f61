import type { Chunker } from '@kvferry/core';
import type { HashSettings } from '../types.ts';
import { ChainChunker } from './chain-chunker.ts';
import { checkFields, chunkTokensRule, type FieldRule } from './fields.ts';
import { hashChain } from './in-process-chain.ts';

/** Options of `lmcacheChunker`. */
export interface LmcacheChunkerOptions {
  /** Tokens of a full chunk (`chunk_size`): a positive integer. */
  readonly chunkTokens: number;
  /** Whether a shorter last chunk is kept (`save_unfull_chunk`). Default: false. */
  readonly keepUnfull?: boolean | undefined;
  /** How the engine hashes. */
  readonly hash: HashSettings;
}

/**
 * Cuts and hashes tokens as the in-process LMCache does, so that equal settings give equal keys.
 *
 * Throws INVALID_ARGUMENT for an option that is unknown or of a wrong type, CONFIG_INVALID for settings under which hashes are random per
 * process, UNSUPPORTED for a hash that kvferry does not compute. `chunk` throws INVALID_ARGUMENT for a token that is no unsigned 32-bit integer.
 */
export function lmcacheChunker(options: LmcacheChunkerOptions): Chunker {
  checkFields('option', options, chunkerFields);
  checkFields('option hash', options.hash, hashFields);
  const { chunkTokens, keepUnfull = false, hash } = options;
  return new ChainChunker({ chunkTokens, keepUnfull, chain: hashChain(hash) });
}

const chunkerFields: Readonly<Record<keyof LmcacheChunkerOptions, FieldRule>> = {
  chunkTokens: chunkTokensRule,
  keepUnfull: { expected: 'true or false', accepts: (value) => value === undefined || typeof value === 'boolean' },
  hash: { expected: 'an object', accepts: (value) => typeof value === 'object' && value !== null },
};

const hashFields: Readonly<Record<keyof HashSettings, FieldRule>> = {
  algorithm: { expected: 'a name', accepts: (value) => typeof value === 'string' },
  vllm: { expected: 'true or false', accepts: (value) => typeof value === 'boolean' },
  pythonHashSeed: {
    expected: "the variable's text, or null where it is not set",
    accepts: (value) => value === null || typeof value === 'string',
  },
  python: {
    expected: '"up-to-3.10" or "from-3.11"',
    accepts: (value) => value === 'up-to-3.10' || value === 'from-3.11',
  },
  noneHash: { expected: 'a bigint', accepts: (value) => value === undefined || typeof value === 'bigint' },
  era: { expected: '"current" or "0.4.1"', accepts: (value) => value === 'current' || value === '0.4.1' },
};
