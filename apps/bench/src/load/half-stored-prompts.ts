import { KvferryError } from '@kvferry/core';
import type { HalfStoredPrompt } from './ask-prompt.ts';
import { continuedTokens } from './prompts.ts';
import type { Stage } from './stage.ts';

/** Prompts that begin as a stored one does and go on by themselves, one after another; no two are the same. */
export interface HalfStoredPrompts {
  /** Of each prompt, how many of its chunks are stored. */
  readonly hitChunks: number;
  readonly hitBytes: number;
  /** Stored prompts that they begin with, in turn. */
  readonly beginnings: number;
  next(): HalfStoredPrompt;
}

/**
 * Prompts of which this share is stored, in whole chunks, rounded. Throws INVALID_ARGUMENT where prompts are to share more than a stored one has. `undefined` where
 * so much of none is stored.
 */
export function halfStoredPrompts(
  { facts, prompts, storedKeys }: Stage,
  { share, promptTokens }: { readonly share: number; readonly promptTokens: number },
): HalfStoredPrompts | undefined {
  const { chunkBytes, chunkTokens } = facts;
  const chunks = Math.floor(promptTokens / chunkTokens);
  const hitChunks = Math.round(share * chunks);
  const hitTokens = hitChunks * chunkTokens;
  const longest = Math.max(0, ...prompts.map((prompt) => prompt.chunks.length));
  if (hitChunks > longest) {
    const reason = `${hitChunks} chunks of each prompt are to be stored, and the stored prompts have ${longest}`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  const beginnings = prompts.filter((prompt) => {
    const shared = prompt.chunks.slice(0, hitChunks);
    return shared.length === hitChunks && shared.every(({ key }) => storedKeys.has(key));
  });
  if (beginnings.length === 0) return undefined;
  let count = 0;
  return {
    hitChunks,
    hitBytes: hitChunks * chunkBytes,
    beginnings: beginnings.length,
    next() {
      const beginning = beginnings[count % beginnings.length] as (typeof beginnings)[number];
      const shared = beginning.tokens.subarray(0, hitTokens);
      const tokens = continuedTokens(shared, chunks * chunkTokens, count);
      count += 1;
      return { tokens, hitTokens };
    },
  };
}
