import type { Key } from './keys.ts';

/** Token ids of one sequence, each an unsigned 32-bit integer. */
export type Tokens = Uint32Array | readonly number[];

/** A run of tokens that is stored as one value. */
export interface Chunk {
  /** Index of its first token. */
  readonly start: number;
  /** Index after its last token. */
  readonly end: number;
  /** Identifies all tokens before `end`, not this chunk's alone: equal hashes mean an equal prefix. Text as it stands in keys. */
  readonly hash: string;
}

/** Cuts token sequences into chunks and hashes them in a chain. Pure: no I/O. */
export interface Chunker {
  /** Names algorithm and parameters, for messages. */
  readonly id: string;
  readonly tokensPerChunk: number;
  /** Full chunks from token 0, in order; a shorter tail is dropped unless the chunker was made to keep it. */
  chunk(tokens: Tokens): Chunk[];
}

/** What else names a chunk: the worker's share of the model, and the tags of the request. */
export interface KeyScope {
  /** As the engine was told it: a path and a hub name are two models. */
  readonly modelName: string;
  /** Ranks that share one KV cache (tensor times pipeline parallel size). */
  readonly worldSize: number;
  /** This rank, from 0. */
  readonly workerId: number;
  readonly dtype: Dtype;
  /** Name and value, in the order in which the request gave them. */
  readonly tags: readonly (readonly [name: string, value: string])[];
}

/** Turns a chunk's hash and its scope into the key it is stored under. Pure. */
export interface KeyFormat {
  readonly id: string;
  /** Whether two different pairs of chunk and scope always have different keys. */
  readonly injective: boolean;
  /** Throws INVALID_ARGUMENT for a scope that the format cannot express. */
  key(chunk: Chunk, scope: KeyScope): Key;
}

/** Element types of KV tensors, by torch's names. */
export type Dtype =
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'uint8'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'float8_e4m3fn'
  | 'float8_e4m3fnuz'
  | 'float8_e5m2'
  | 'float8_e5m2fnuz';

/** Bytes of one element. */
export const DTYPE_BYTES: Readonly<Record<Dtype, number>> = {
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  uint8: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float8_e4m3fn: 1,
  float8_e4m3fnuz: 1,
  float8_e5m2: 1,
  float8_e5m2fnuz: 1,
};

/**
 * Shape of one chunk's tensor: row-major, little-endian `[planes, layers, tokens, hidden]`.
 *
 * `KV_2LTD` has two planes, keys then values, and `hidden` = KV heads of this rank × head size; `KV_MLA_FMT` has one plane, and `hidden` =
 * the latent's size. The names are LMCache's memory formats.
 */
export interface ChunkLayout {
  readonly format: 'KV_2LTD' | 'KV_MLA_FMT';
  readonly dtype: Dtype;
  readonly layers: number;
  readonly tokens: number;
  readonly hidden: number;
}

/** A chunk's tensor in memory. */
export interface ChunkTensor {
  readonly layout: ChunkLayout;
  /** Exactly `layoutBytes(layout)` bytes. */
  readonly bytes: Uint8Array;
}

/** Bytes of a tensor: planes · layers · tokens · hidden · bytes per element. */
export function layoutBytes(layout: ChunkLayout): number {
  const planes = layout.format === 'KV_2LTD' ? 2 : 1;
  return planes * layout.layers * layout.tokens * layout.hidden * DTYPE_BYTES[layout.dtype];
}
