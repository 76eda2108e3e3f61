import { KvferryError } from '@kvferry/core';
import { type InputIo, parseInput, readInput, shown } from './input-file.ts';

const WHAT = 'it holds an array of token ids, or vLLM\'s /tokenize answer, { "tokens": [ … ] }';

/** Reads the token ids that `--tokens` names. Throws INVALID_ARGUMENT that names the file and what is wrong in it. */
export async function readTokens(file: string, io: InputIo): Promise<Uint32Array> {
  return parseTokens(file, await readInput('--tokens', file, io));
}

/** Reads token ids out of a JSON text. Throws INVALID_ARGUMENT that names the file and what is wrong in it. */
export function parseTokens(file: string, content: string): Uint32Array {
  const parsed = parseInput('--tokens', file, content);
  const list = Array.isArray(parsed) ? parsed : (parsed as { readonly tokens?: unknown } | null)?.tokens;
  if (!Array.isArray(list)) throw invalid(file, `no tokens are in it; ${WHAT}`);
  const tokens = new Uint32Array(list.length);
  for (const [index, token] of list.entries()) {
    // `>>> 0` is the number as an unsigned 32-bit integer.
    if (typeof token !== 'number' || token >>> 0 !== token) {
      const given = JSON.stringify(token).slice(0, 40);
      throw invalid(file, `token ${index} is ${given}; a token id is a whole number from 0 to 4294967295`);
    }
    tokens[index] = token;
  }
  return tokens;
}

function invalid(file: string, problem: string): KvferryError {
  return new KvferryError('INVALID_ARGUMENT', `--tokens: ${shown(file)}: ${problem}`);
}
