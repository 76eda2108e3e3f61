import type { Digest, DigestSource } from '@kvferry/wire';
import type { IHasher } from 'hash-wasm';

/**
 * Where checksums come from on this machine: digests by the names of S3's headers, whose text is base64 of the big-endian checksum, as those headers have
 * it. A name such as `crc32c+crc64nvme` stands for several of the same bytes, whose texts are joined by a space.
 */
export interface Checksums extends DigestSource {
  /** Library in use, as `info.details` shows it. */
  readonly implementation: 'aws-crt' | 'hash-wasm (slow: aws-crt has no binary for this platform)';
  /** Throws for a name that is not among these. */
  start(name: string): Digest;
}

/**
 * Loads CRC32C and CRC64NVME: from aws-crt, which uses the processor's own instructions (14 and 1.4 GB/s), or, where its
 * binary does not load, from hash-wasm (0.5 GB/s). Loaded once per thread, on first use: I/O threads load this module by themselves, and call this.
 */
export function loadDigests(): Promise<Checksums> {
  loading ??= fromAwsCrt().catch(fromHashWasm);
  return loading;
}

let loading: Promise<Checksums> | undefined;

/** CRC32C of a gather list, without joining it. */
export function crc32cOf(checksums: Checksums, parts: readonly Uint8Array[]): string {
  const crc = checksums.start('crc32c');
  for (const part of parts) crc.update(part);
  return crc.value();
}

async function fromAwsCrt(): Promise<Checksums> {
  // This file alone: the whole package, with its MQTT and HTTP clients, costs 45 ms and 10 MB more.
  const { default: checksums } = await import('aws-crt/dist/native/checksums.js');
  // It takes any view, on shared memory too; its types speak of Buffer and DataView alone.
  const crc32c = checksums.crc32c as (bytes: Uint8Array, previous: number) => number;
  // A binary that loads and cannot do this counts as one that does not load.
  crc32c(new Uint8Array(1), 0);
  const crc64nvme = checksums.crc64nvme as (bytes: Uint8Array, previous?: DataView) => DataView;
  class AwsCrtCrc32c implements Digest {
    #value = 0;

    update(bytes: Uint8Array): void {
      this.#value = crc32c(bytes, this.#value);
    }

    value(): string {
      return base64Of(this.#value);
    }
  }
  class AwsCrtCrc64 implements Digest {
    #value: DataView | undefined;

    update(bytes: Uint8Array): void {
      this.#value = crc64nvme(bytes, this.#value);
    }

    value(): string {
      const { buffer, byteOffset, byteLength } = this.#value ?? new DataView(new ArrayBuffer(8));
      return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
    }
  }
  return {
    implementation: 'aws-crt',
    start: byName({ crc32c: () => new AwsCrtCrc32c(), crc64nvme: () => new AwsCrtCrc64() }),
  };
}

/** Exported for its test: on a machine where aws-crt loads, nothing else reaches it. */
export async function fromHashWasm(): Promise<Checksums> {
  const { createCRC32, createCRC64 } = await import('hash-wasm');
  // Polynomials, bit-reversed (RFC 3720, appendix B.4; NVM Command Set Specification 1.0d, section 5.2.1.3.4).
  const crc32c = await createCRC32(0x82f63b78);
  const crc64nvme = await createCRC64('9a6c9329ac4bc9b5');
  return {
    implementation: 'hash-wasm (slow: aws-crt has no binary for this platform)',
    start: byName({ crc32c: () => new HashWasmDigest(crc32c), crc64nvme: () => new HashWasmDigest(crc64nvme) }),
  };
}

/** One instance of the library's serves every checksum under way: each keeps the few bytes of its state and puts them in for its turn. */
class HashWasmDigest implements Digest {
  readonly #hasher: IHasher;
  #state: Uint8Array;

  constructor(hasher: IHasher) {
    this.#hasher = hasher;
    this.#state = hasher.init().save();
  }

  update(bytes: Uint8Array): void {
    this.#hasher.load(this.#state);
    this.#state = this.#hasher.update(bytes).save();
  }

  value(): string {
    return Buffer.from(this.#hasher.load(this.#state).digest('binary')).toString('base64');
  }
}

function byName(makers: Readonly<Record<string, () => Digest>>): (name: string) => Digest {
  const start = (name: string): Digest => {
    const make = makers[name];
    if (make !== undefined) return make();
    const names = name.split('+');
    if (names.length === 1) {
      throw new Error(`there is no checksum ${JSON.stringify(name)}; there are ${Object.keys(makers).join(', ')}`);
    }
    return new SeveralDigests(names.map(start));
  };
  return start;
}

class SeveralDigests implements Digest {
  readonly #digests: readonly Digest[];

  constructor(digests: readonly Digest[]) {
    this.#digests = digests;
  }

  update(bytes: Uint8Array): void {
    for (const digest of this.#digests) digest.update(bytes);
  }

  value(): string {
    return this.#digests.map((digest) => digest.value()).join(' ');
  }
}

const scratch = Buffer.alloc(4);

function base64Of(crc: number): string {
  scratch.writeUInt32BE(crc);
  return scratch.toString('base64');
}
