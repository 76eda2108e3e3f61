import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Values computed with LMCache's rules, or by LMCache; `_meta` of the file explains its labels. */
export const vectors: Vectors = read('lmcache.json');

/** What LMCache itself wrote. */
export const golden: Golden = read('lmcache-golden.json');

/** Token lists of the vectors are written out, or as `range(first,end)`. */
export function tokensOf(tokens: TokenList): readonly number[] {
  if (typeof tokens !== 'string') return tokens;
  const match = /^range\((\d+),(\d+)\)$/.exec(tokens);
  if (match === null) throw new Error(`not a token list: ${tokens}`);
  const [first, end] = [Number(match[1]), Number(match[2])];
  return Array.from({ length: end - first }, (_, index) => first + index);
}

const payloads = new Map<string, Uint8Array>();

/** The bytes that LMCache was given as a golden chunk: SHA-256 digests of its hash and a counter, one after another. Not to be changed. */
export function goldenPayload(chunkHashHex: string, byteLength: number): Uint8Array {
  const name = `${chunkHashHex} ${byteLength}`;
  let bytes = payloads.get(name);
  if (bytes === undefined) {
    const whole = Buffer.alloc(Math.ceil(byteLength / 32) * 32);
    for (let at = 0; at < byteLength; at += 32) {
      whole.write(hash('sha256', `kvferry-golden:${chunkHashHex}:${at / 32}`, 'hex'), at, 'hex');
    }
    bytes = whole.subarray(0, byteLength);
    payloads.set(name, bytes);
  }
  return bytes;
}

/** Python's `urllib.parse.quote(text)` with its default of safe characters. */
export function pythonQuote(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/');
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8'));
}

export type TokenList = readonly number[] | string;

export interface BuiltinVector {
  readonly python: string;
  readonly hash_algorithm: 'siphash13' | 'siphash24';
  readonly PYTHONHASHSEED: string;
  readonly NONE_HASH: string;
  readonly hash_str: Readonly<Record<string, string>>;
  readonly hash_int: Readonly<Record<string, string>>;
  readonly hash_tuple: Readonly<Record<string, string>>;
  readonly hash_None: string;
  readonly chains: Readonly<Record<string, BuiltinChain>>;
}

export interface BuiltinChain {
  readonly tokens: TokenList;
  readonly chunk_size: number;
  readonly save_unfull_chunk: boolean;
  readonly start: string;
  readonly chunk_hashes: readonly string[];
  readonly hex: readonly string[];
}

export interface CborVector {
  readonly seed: string;
  readonly case: string;
  readonly tokens: TokenList;
  readonly chunk_size: number;
  readonly NONE_HASH_cbor: string;
  readonly NONE_HASH_digest: string;
  readonly 'folded_int (after LMCache PR #2999)': {
    readonly NONE_HASH: string;
    readonly chunks: readonly {
      readonly cbor: string | null;
      readonly cbor_sha256: string;
      readonly chunk_hash: string;
      readonly hex: string;
    }[];
  };
  readonly 'bytes (canonical tuple, before #2999)': readonly { readonly cbor: string | null; readonly hex: string }[];
}

export interface NoneHashVector {
  readonly algorithm: string;
  readonly vllm: string | null;
  readonly PYTHONHASHSEED: string | null;
  readonly NONE_HASH: string | null;
  readonly NONE_HASH_digest?: string;
  readonly python?: string;
  readonly tokens?: TokenList;
  readonly chunk_size?: number;
  readonly chunks?: readonly { readonly chunk_hash: string; readonly hex: string }[];
}

export interface KeyVector {
  readonly input: {
    readonly m: string;
    readonly ws: number;
    readonly w: number;
    /** Decimal, or 64 hex digits. */
    readonly h: string;
    readonly dt: string;
    readonly tags?: readonly (readonly [string, string])[];
    readonly layer?: number;
    readonly fmt?: string;
  };
  readonly to_string: string;
  readonly s3_object_key: string;
  readonly http_path: string;
}

export interface SizeVector {
  readonly model: string;
  readonly num_layers: number;
  readonly kv_heads_per_rank: number;
  readonly head_size: number;
  readonly dtype_bytes: number;
  readonly mla: boolean;
  readonly chunk_size: number;
  readonly shape: readonly [number, number, number, number];
  readonly full_chunk_size_bytes: number;
}

export interface MpKeyVector {
  readonly model: string;
  readonly kv_world_size: number;
  readonly kv_worker_id: number;
  readonly object_group_id: number;
  readonly chunk_hash_hex: string;
  readonly cache_salt: string;
  readonly object_key: string;
  readonly http_path: string;
  readonly "older_object_key(no group id, '/'->'_')": string;
}

export interface Vectors {
  readonly builtin_hash: readonly BuiltinVector[];
  readonly sha256_cbor: readonly CborVector[];
  readonly none_hash: { readonly entries: readonly NoneHashVector[] };
  readonly cache_engine_keys: readonly KeyVector[];
  readonly quote_all_ascii: { readonly input: string; readonly output: string };
  readonly mp_object_keys: readonly MpKeyVector[];
  readonly mp_blake3: {
    readonly NONE_HASH: string;
    readonly NONE_HASH_preimage_hex: string;
    readonly cases: readonly {
      readonly case: string;
      readonly tokens: TokenList;
      readonly chunk_size: number;
      readonly chunk_hashes: readonly string[];
    }[];
  };
  readonly chunk_sizes: readonly SizeVector[];
}

export interface GoldenSet {
  readonly spec: {
    readonly name: string;
    readonly model_name: string;
    readonly world_size: number;
    readonly worker_id: number;
    readonly kv_dtype: string;
    readonly kv_shape: {
      readonly layers: number;
      readonly kv_heads: number;
      readonly head_size: number;
      readonly mla: boolean;
    };
    readonly chunk_size: number;
    readonly hash_algorithm: string;
    readonly pythonhashseed: string | null;
    readonly vllm: boolean;
    /** Token counts, tails included. */
    readonly sequences: readonly number[];
    readonly request_configs?: Readonly<Record<string, string>>;
  };
  readonly none_hash: string;
  readonly memory_format: string;
  readonly chunk_shape: readonly number[];
  readonly chunk_bytes: number;
  readonly chunks: readonly {
    readonly sequence: number;
    readonly start: number;
    readonly end: number;
    readonly tokens: readonly number[];
    readonly chunk_hash_hex: string;
    readonly key_string: string;
    readonly http_path: string;
    readonly object: { readonly key: string; readonly size: number; readonly sha256: string };
  }[];
}

export interface GoldenMpSet {
  readonly spec: {
    readonly name: string;
    readonly model_name: string;
    readonly world_size: number;
    readonly worker_id: number;
    readonly chunk_size: number;
    readonly object_group_id: number;
  };
  readonly none_hash_hex: string;
  readonly chunks: readonly {
    readonly start: number;
    readonly end: number;
    readonly tokens: readonly number[];
    readonly chunk_hash_hex: string;
    readonly cache_salt: string;
    readonly http_path: string;
    readonly object: { readonly key: string };
  }[];
}

export interface Golden {
  readonly sets: readonly GoldenSet[];
  readonly mp_sets: readonly GoldenMpSet[];
}
