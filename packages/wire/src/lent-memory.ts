/**
 * Sees when shared memory that went to I/O threads is let go by the calling thread.
 *
 * A thread gets a handle of its own on a `SharedArrayBuffer`, and V8 does not count the bytes behind it as a reason to collect it: the memory would stay
 * until the thread has some other reason, which an idle one never has.
 */
export class LentMemory {
  readonly #lent = new WeakSet<ArrayBufferLike>();
  readonly #registry: FinalizationRegistry<undefined>;
  readonly #letGo: () => void;
  #isTelling = false;

  /** `letGo` is called once for all that a collection of this thread's has found. */
  constructor(letGo: () => void) {
    this.#letGo = letGo;
    this.#registry = new FinalizationRegistry(this.#collected);
  }

  add({ buffer }: Uint8Array): void {
    if (this.#lent.has(buffer)) return;
    this.#lent.add(buffer);
    this.#registry.register(buffer, undefined);
  }

  readonly #collected = (): void => {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.#letGo();
    });
  };
}
