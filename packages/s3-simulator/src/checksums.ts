/** The checksums that S3 knows, and their headers. */

import { createHash } from 'node:crypto';
import { crc32, crc32c } from '@node-rs/crc32';

export const CHECKSUM_ALGORITHMS = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

export interface Hasher {
  update(chunk: Uint8Array): void;
  /** To be called once. */
  digest(): Buffer;
}

/** A fresh hasher; `md5` for entity tags and Content-MD5. */
export async function createHasher(algorithm: ChecksumAlgorithm | 'md5'): Promise<Hasher> {
  switch (algorithm) {
    case 'crc32':
      return new Crc32Hasher(crc32);
    case 'crc32c':
      return new Crc32Hasher(crc32c);
    case 'crc64nvme': {
      // Loaded when needed: it is large, and few clients send this checksum.
      const { createCRC64 } = await import('hash-wasm');
      // The polynomial of CRC-64/NVME, reflected.
      const state = await createCRC64('9a6c9329ac4bc9b5');
      state.init();
      return { update: (chunk) => void state.update(chunk), digest: () => Buffer.from(state.digest('binary')) };
    }
    default: {
      const hash = createHash(algorithm);
      return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
    }
  }
}

/** `x-amz-checksum-crc32c` for `crc32c`. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm}`;
}

/** The algorithm that a header or trailer name such as `x-amz-checksum-crc32c` speaks of. */
export function algorithmOfHeader(name: string): ChecksumAlgorithm | undefined {
  return CHECKSUM_ALGORITHMS.find((algorithm) => name === checksumHeader(algorithm));
}

/** Bytes of a digest of this algorithm. */
export function digestLength(algorithm: ChecksumAlgorithm): number {
  return { crc32: 4, crc32c: 4, crc64nvme: 8, sha1: 20, sha256: 32 }[algorithm];
}

/** The checksum of these bytes as S3 writes it: base64 of the digest, big-endian. */
export async function base64Of(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Promise<string> {
  const hasher = await createHasher(algorithm);
  hasher.update(bytes);
  return hasher.digest().toString('base64');
}

class Crc32Hasher implements Hasher {
  readonly #step: (chunk: Uint8Array, state: number) => number;
  #state = 0;

  constructor(step: (chunk: Uint8Array, state: number) => number) {
    this.#step = step;
  }

  update(chunk: Uint8Array): void {
    this.#state = this.#step(chunk, this.#state);
  }

  digest(): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#state >>> 0);
    return bytes;
  }
}
