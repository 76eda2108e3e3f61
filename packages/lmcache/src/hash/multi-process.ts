import type { Chunker } from '@kvferry/core';
import { createBLAKE3 } from 'hash-wasm';
import { ChainChunker, type HashChain } from './chain-chunker.ts';
import { checkFields, chunkTokensRule, type FieldRule } from './fields.ts';
import type { ChainIdentity } from './in-process-chain.ts';

/** Options of `multiProcessChunker`. */
export interface MultiProcessChunkerOptions {
  /** Tokens of a chunk: a positive integer. */
  readonly chunkTokens: number;
}

/**
 * Cuts and hashes tokens as LMCache's multi-process server does by default: the BLAKE3 of the hash before (32 bytes) and the chunk's tokens as
 * big-endian 32-bit integers, as 64 hex digits. No seed and no engine has a part in it. A shorter tail is dropped.
 *
 * Throws INVALID_ARGUMENT as `lmcacheChunker` does. Asynchronous because BLAKE3 is WebAssembly, compiled here.
 */
export async function multiProcessChunker(options: MultiProcessChunkerOptions): Promise<Chunker> {
  checkFields('option', options, fields);
  const chain = new Blake3Chain(await createBLAKE3());
  return new ChainChunker({ chunkTokens: options.chunkTokens, keepUnfull: false, chain });
}

/** The chain of `multiProcessChunker`: there is but one. It starts with the BLAKE3 of the integer 0 and the token 0, which needs no seed. */
export const MULTI_PROCESS_CHAIN: ChainIdentity = { name: 'blake3', seed: '0' };

const fields: Readonly<Record<keyof MultiProcessChunkerOptions, FieldRule>> = { chunkTokens: chunkTokensRule };

type Hasher = Awaited<ReturnType<typeof createBLAKE3>>;

const DIGEST_BYTES = 32;

class Blake3Chain implements HashChain {
  readonly id = 'blake3';
  readonly #hasher: Hasher;
  /** The hash of no chunk: BLAKE3 of the integer 0 (8 bytes) and the token 0. */
  readonly #start: string;
  /** The hash before, and behind it the tokens. */
  #input: Buffer = Buffer.alloc(DIGEST_BYTES);
  #words: DataView = new DataView(this.#input.buffer, this.#input.byteOffset);

  constructor(hasher: Hasher) {
    this.#hasher = hasher;
    this.#start = hasher.init().update(Buffer.alloc(12)).digest();
  }

  restart(): void {
    this.#input.write(this.#start, 'hex');
  }

  next(tokens: Uint32Array, start: number, end: number): string {
    const length = DIGEST_BYTES + 4 * (end - start);
    if (this.#input.length < length) this.#grow(length);
    let at = DIGEST_BYTES;
    for (let index = start; index < end; index++, at += 4) this.#words.setUint32(at, tokens[index] as number);
    const digest = this.#hasher.init().update(this.#input.subarray(0, length)).digest();
    this.#input.write(digest, 'hex');
    return digest;
  }

  #grow(length: number): void {
    const larger = Buffer.alloc(length);
    this.#input.copy(larger, 0, 0, DIGEST_BYTES);
    this.#input = larger;
    this.#words = new DataView(larger.buffer, larger.byteOffset);
  }
}
