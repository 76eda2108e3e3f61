import type { ReaderLimits } from './response-reader.ts';

/** A body that no memory was lent for: at most `maxErrorBytes` of it, in memory that grows with what comes. */
export class KeptBody {
  readonly #mostBytes: number;
  #memory: Buffer = nothing;
  #byteLength = 0;

  constructor(limits: ReaderLimits) {
    this.#mostBytes = limits.maxErrorBytes;
  }

  /** What is kept. */
  get bytes(): Uint8Array {
    return this.#byteLength === this.#memory.length ? this.#memory : this.#memory.subarray(0, this.#byteLength);
  }

  /** How much of a body may come: reading past what is not kept is worth a connection, or a stream, only up to here. */
  get mostReadBytes(): number {
    return this.#mostBytes + maxDroppedBytes;
  }

  /** Begins another. */
  clear(): void {
    this.#memory = nothing;
    this.#byteLength = 0;
  }

  /** Keeps of the next bytes what there is room for. `announcedBytes`: of the whole body, where that is known. */
  add(bytes: Uint8Array, announcedBytes: number | undefined): void {
    const kept = Math.min(bytes.length, this.#mostBytes - this.#byteLength);
    if (kept <= 0) return;
    this.#grow(this.#byteLength + kept, announcedBytes);
    this.#memory.set(kept === bytes.length ? bytes : bytes.subarray(0, kept), this.#byteLength);
    this.#byteLength += kept;
  }

  #grow(byteLength: number, announcedBytes: number | undefined): void {
    if (byteLength <= this.#memory.length) return;
    const wanted = Math.max(byteLength, announcedBytes ?? this.#memory.length * 2);
    const larger = Buffer.allocUnsafe(Math.min(this.#mostBytes, wanted));
    this.#memory.copy(larger, 0, 0, this.#byteLength);
    this.#memory = larger;
  }
}

const maxDroppedBytes = 1_048_576;
const nothing: Buffer = Buffer.alloc(0);
