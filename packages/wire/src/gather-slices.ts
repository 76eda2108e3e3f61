/** Walks through the parts of a body in slices of at most `sliceBytes`, in order, joining none and leaving out empty ones. */
export class GatherSlices {
  readonly #parts: readonly Uint8Array[];
  readonly #sliceBytes: number;
  #part = 0;
  #offset = 0;

  constructor(parts: readonly Uint8Array[], sliceBytes: number) {
    this.#parts = parts;
    this.#sliceBytes = sliceBytes;
  }

  /** The next slice: a view, or the part itself where it is no longer than one. `undefined` behind the last. */
  next(): Uint8Array | undefined {
    let part = this.#parts[this.#part];
    while (part !== undefined && this.#offset >= part.length) {
      part = this.#parts[++this.#part];
      this.#offset = 0;
    }
    if (part === undefined) return undefined;
    const start = this.#offset;
    const end = Math.min(part.length, start + this.#sliceBytes);
    this.#offset = end;
    return start === 0 && end === part.length ? part : part.subarray(start, end);
  }
}
