import { type ErrorFacts, KvferryError } from '@kvferry/core';
import type { ResponseHeaders } from '@kvferry/wire';
import type { CombinableCrc } from './crc-combine.ts';
import type { S3ConnectionOptions, S3Profile } from './types.ts';

/** A checksum of a whole object, as the store keeps it. */
export interface StoredChecksum {
  readonly algorithm: CombinableCrc;
  /** Base64. */
  readonly value: string;
}

/** How a backend checks what it reads. */
export interface Verification {
  /** Checksums that it compares with where the store has them, the cheapest first. */
  readonly algorithms: readonly CombinableCrc[];
  /** Name of the digest that holds all of these, for a body of which nobody knows yet which the store has; `undefined` for none. */
  readonly digest: string | undefined;
}

/** The way of an option and a profile. */
export function verificationOf(
  verify: NonNullable<S3ConnectionOptions['verify']>,
  checksum: S3Profile['checksum'],
): Verification {
  if (verify === 'length' || checksum === 'none') return { algorithms: [], digest: undefined };
  const algorithms: readonly CombinableCrc[] = verify === 'full' ? ['crc32c', 'crc64nvme'] : ['crc32c'];
  return { algorithms, digest: algorithms.join('+') };
}

/**
 * The first of these checksums that the headers have of the whole object. That of an upload in parts may be one of its parts' checksums, which
 * says nothing to a reader.
 */
export function storedChecksum(
  headers: ResponseHeaders,
  algorithms: readonly CombinableCrc[],
): StoredChecksum | undefined {
  if (headers.get('x-amz-checksum-type') === 'COMPOSITE') return undefined;
  for (const algorithm of algorithms) {
    const value = headers.get(`x-amz-checksum-${algorithm}`);
    if (value !== undefined && !value.includes('-')) return { algorithm, value };
  }
  return undefined;
}

/** One checksum out of the value of a digest that may hold several. */
export function checksumOfDigest(name: string, value: string, algorithm: CombinableCrc): string {
  return value.split(' ')[name.split('+').indexOf(algorithm)] ?? '';
}

/** The error of a value that came whole and is not what the store keeps a checksum of. */
export function corruptValue(
  byteLength: number,
  { algorithm, value }: StoredChecksum,
  actual: string,
  facts: ErrorFacts = {},
): KvferryError {
  const name = algorithm.toUpperCase();
  const reason = `the ${byteLength} bytes that came have ${name} ${actual}, the store keeps ${value} for them`;
  return new KvferryError('CORRUPT', reason, facts);
}
