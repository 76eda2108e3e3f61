import type { Chunk, Chunker, Tokens } from '@kvferry/core';
import { uint32Tokens } from './tokens.ts';

/** A hash chain: each chunk's hash is a function of the hash before it and of its own tokens. */
export interface HashChain {
  /** Names function and start, for messages. */
  readonly id: string;
  /** Goes back to the start, before the first chunk of a sequence. */
  restart(): void;
  /** Hashes `tokens[start:end]` as the next chunk; the text is the hash as it stands in keys. */
  next(tokens: Uint32Array, start: number, end: number): string;
}

/** Cuts tokens into runs of equal length and names each by the chain. */
export class ChainChunker implements Chunker {
  readonly id: string;
  readonly tokensPerChunk: number;
  readonly #keepUnfull: boolean;
  readonly #chain: HashChain;

  constructor(options: { readonly chunkTokens: number; readonly keepUnfull: boolean; readonly chain: HashChain }) {
    const { chunkTokens, keepUnfull, chain } = options;
    this.id = `lmcache: ${chunkTokens} tokens, ${chain.id}${keepUnfull ? ', tail kept' : ''}`;
    this.tokensPerChunk = chunkTokens;
    this.#keepUnfull = keepUnfull;
    this.#chain = chain;
  }

  chunk(tokens: Tokens): Chunk[] {
    // All tokens are checked before the first is hashed, those of a dropped tail as well.
    const ids = uint32Tokens(tokens);
    const tail = ids.length % this.tokensPerChunk;
    const total = this.#keepUnfull ? ids.length : ids.length - tail;
    const chunks: Chunk[] = [];
    this.#chain.restart();
    for (let start = 0; start < total; start += this.tokensPerChunk) {
      const end = Math.min(start + this.tokensPerChunk, total);
      chunks.push({ start, end, hash: this.#chain.next(ids, start, end) });
    }
    return chunks;
  }
}
