import { Random } from '../shared/random.ts';

/** As many as there are in the smallest vocabulary of the named models. */
const VOCABULARY = 32_000;
/** Of the seeds of tokens that nobody has stored. */
const OWN = 2 ** 31;

/** Tokens of the stored prompt of this number: always the same ones. */
export function storedTokens(prompt: number, count: number): Uint32Array {
  return fill(new Uint32Array(count), 0, prompt);
}

/** A prompt that begins as a stored one does, so far as it is shared, and goes on with tokens of its own, which no other number has. */
export function continuedTokens(shared: Uint32Array, count: number, number: number): Uint32Array {
  const tokens = new Uint32Array(count);
  tokens.set(shared);
  return fill(tokens, shared.length, OWN + number);
}

function fill(tokens: Uint32Array, from: number, seed: number): Uint32Array {
  const random = new Random(seed);
  for (let index = from; index < tokens.length; index += 1) tokens[index] = random.below(VOCABULARY);
  return tokens;
}
