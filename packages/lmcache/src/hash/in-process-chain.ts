import { hash } from 'node:crypto';
import type { HashSettings } from '../types.ts';
import { hashFunction } from './algorithm.ts';
import { maxChunkCborBytes, writeBytesChunk, writeUintChunk } from './cbor.ts';
import type { HashChain } from './chain-chunker.ts';
import { noneHash } from './none-hash.ts';
import { pythonHashInt, pythonHashTokens, pythonHashTuple } from './python-hash.ts';

/**
 * The chain that an engine with these settings has: each hash is the function of `(hash before, tokens, ())`.
 *
 * Throws CONFIG_INVALID and UNSUPPORTED as `noneHash` does.
 */
export function hashChain(settings: HashSettings): HashChain {
  const start = noneHash(settings);
  if (hashFunction(settings.algorithm, settings.vllm) === 'python') return new PythonChain(start);
  return settings.era === '0.4.1' ? new Sha256BytesChain(start) : new Sha256FoldedChain(start);
}

/** What a chain of hashes is, as text for people and for other key forms: equal where the hashes of equal tokens are. */
export interface ChainIdentity {
  readonly name: 'python' | 'sha256_cbor' | 'sha256_cbor-0.4.1' | 'blake3';
  /** Where the chain starts, in decimal. */
  readonly seed: string;
}

/**
 * Names the chain that `lmcacheChunker` hashes with under these settings: function and start, whatever the settings were that led there.
 *
 * Throws as `noneHash` does.
 */
export function chainIdentity(settings: HashSettings): ChainIdentity {
  const seed = noneHash(settings).toString();
  if (hashFunction(settings.algorithm, settings.vllm) === 'python') return { name: 'python', seed };
  return { name: settings.era === '0.4.1' ? 'sha256_cbor-0.4.1' : 'sha256_cbor', seed };
}

/** `sha256_cbor` since LMCache 0.4.6: the digest's first 8 bytes, big-endian and unsigned, are the hash and the next prefix. */
class Sha256FoldedChain implements HashChain {
  readonly id: string;
  readonly #startHigh: number;
  readonly #startLow: number;
  #high = 0;
  #low = 0;
  #cbor: Uint8Array = new Uint8Array(0);

  constructor(start: bigint) {
    this.id = `sha256_cbor from ${start.toString(16)}`;
    this.#startHigh = Number(start >> 32n);
    this.#startLow = Number(start & 0xffffffffn);
  }

  restart(): void {
    this.#high = this.#startHigh;
    this.#low = this.#startLow;
  }

  next(tokens: Uint32Array, start: number, end: number): string {
    this.#cbor = roomFor(this.#cbor, end - start);
    const length = writeUintChunk(this.#cbor, this.#high, this.#low, tokens, start, end);
    // The one-shot hash into text is the fastest of node:crypto: 1.1 ms for 512 chunks, createHash 1.6, as bytes 2.0 to 2.6.
    const digest = hash('sha256', this.#cbor.subarray(0, length), 'hex');
    this.#high = Number.parseInt(digest.slice(0, 8), 16);
    this.#low = Number.parseInt(digest.slice(8, 16), 16);
    return withoutLeadingZeros(digest.slice(0, 16));
  }
}

/** `sha256_cbor` of LMCache 0.4.1 to 0.4.5: the whole digest is the hash, and as a byte string the next prefix. */
class Sha256BytesChain implements HashChain {
  readonly id: string;
  readonly #start: string;
  readonly #prefix = Buffer.alloc(32);
  #cbor: Uint8Array = new Uint8Array(0);

  constructor(start: bigint) {
    this.#start = start.toString(16).padStart(64, '0');
    this.id = `sha256_cbor of 0.4.1 from ${this.#start}`;
  }

  restart(): void {
    this.#prefix.write(this.#start, 'hex');
  }

  next(tokens: Uint32Array, start: number, end: number): string {
    this.#cbor = roomFor(this.#cbor, end - start);
    const length = writeBytesChunk(this.#cbor, this.#prefix, tokens, start, end);
    const digest = hash('sha256', this.#cbor.subarray(0, length), 'hex');
    this.#prefix.write(digest, 'hex');
    return digest;
  }
}

/** Python's `hash` of nested tuples: signed, so that a key can have a minus sign. */
class PythonChain implements HashChain {
  static readonly #emptyTuple = pythonHashTuple([]);
  readonly id: string;
  readonly #start: bigint;
  #prefix: bigint;

  constructor(start: bigint) {
    this.id = `Python's hash from ${start}`;
    this.#start = start;
    this.#prefix = start;
  }

  restart(): void {
    this.#prefix = this.#start;
  }

  next(tokens: Uint32Array, start: number, end: number): string {
    const tuple = pythonHashTokens(tokens, start, end);
    // The prefix is hashed as an integer again, which reduces it: a tuple's hash has 64 bits, an integer's 61.
    this.#prefix = pythonHashTuple([pythonHashInt(this.#prefix), tuple, PythonChain.#emptyTuple]);
    return this.#prefix.toString(16);
  }
}

function roomFor(buffer: Uint8Array, tokenCount: number): Uint8Array {
  const bytes = maxChunkCborBytes(tokenCount);
  return buffer.length >= bytes ? buffer : new Uint8Array(bytes);
}

/** LMCache prints integers without padding. */
function withoutLeadingZeros(hex: string): string {
  let from = 0;
  while (from < hex.length - 1 && hex.charCodeAt(from) === 0x30) from++;
  return from === 0 ? hex : hex.slice(from);
}
