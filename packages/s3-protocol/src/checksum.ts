import type { ByteSink } from '@kvferry/wire';

/** A CRC32C under way: fed with bytes in order, on private or shared memory. */
export interface Crc32c extends ByteSink {
  /** Base64 of the big-endian checksum of what came so far, as `x-amz-checksum-crc32c` has it. */
  base64(): string;
}

/** Where CRC32C comes from on this machine. */
export interface Crc32cSource {
  /** Library in use, as `info.details` shows it. */
  readonly implementation: 'aws-crt' | 'hash-wasm (slow: aws-crt has no binary for this platform)';
  start(): Crc32c;
}

/**
 * Loads CRC32C: from aws-crt, which uses the processor's own instruction (14 GB/s), or, where its binary does not load,
 * from hash-wasm (0.5 GB/s). Loaded once per process, on first use.
 */
export function loadCrc32c(): Promise<Crc32cSource> {
  loading ??= fromAwsCrt().catch(fromHashWasm);
  return loading;
}

let loading: Promise<Crc32cSource> | undefined;

/** CRC32C of a gather list, without joining it. */
export function crc32cOf(source: Crc32cSource, parts: readonly Uint8Array[]): string {
  const crc = source.start();
  for (const part of parts) crc.update(part);
  return crc.base64();
}

async function fromAwsCrt(): Promise<Crc32cSource> {
  // This file alone: the whole package, with its MQTT and HTTP clients, costs 45 ms and 10 MB more.
  const { default: checksums } = await import('aws-crt/dist/native/checksums.js');
  // It takes any view, on shared memory too; its types speak of Buffer and DataView alone.
  const crc32c = checksums.crc32c as (bytes: Uint8Array, previous: number) => number;
  // A binary that loads and cannot do this counts as one that does not load.
  crc32c(new Uint8Array(1), 0);
  class AwsCrtCrc32c implements Crc32c {
    #value = 0;

    update(bytes: Uint8Array): void {
      this.#value = crc32c(bytes, this.#value);
    }

    base64(): string {
      return base64Of(this.#value);
    }
  }
  return { implementation: 'aws-crt', start: () => new AwsCrtCrc32c() };
}

/** Exported for its test: on a machine where aws-crt loads, nothing else reaches it. */
export async function fromHashWasm(): Promise<Crc32cSource> {
  const { createCRC32 } = await import('hash-wasm');
  // CRC32C's polynomial, bit-reversed (RFC 3720, appendix B.4).
  const hasher = await createCRC32(0x82f63b78);
  const fresh = hasher.init().save();
  // One instance serves every checksum under way: each keeps the eight bytes of its state and puts them in for its
  // turn.
  class HashWasmCrc32c implements Crc32c {
    #state = fresh;

    update(bytes: Uint8Array): void {
      hasher.load(this.#state);
      this.#state = hasher.update(bytes).save();
    }

    base64(): string {
      return Buffer.from(hasher.load(this.#state).digest('binary')).toString('base64');
    }
  }
  return {
    implementation: 'hash-wasm (slow: aws-crt has no binary for this platform)',
    start: () => new HashWasmCrc32c(),
  };
}

const scratch = Buffer.alloc(4);

function base64Of(crc: number): string {
  scratch.writeUInt32BE(crc);
  return scratch.toString('base64');
}
