import type { Socket } from 'node:net';

/**
 * Writes a head and the parts of a body behind it, never joined, in slices of at most `sliceBytes`, at most two of them ahead of the kernel.
 */
export class Upload {
  done = false;
  readonly #socket: Socket;
  readonly #parts: readonly Uint8Array[];
  readonly #sliceBytes: number;
  readonly #finished: () => void;
  #part = 0;
  #offset = 0;
  #ahead = 0;
  #stopped = false;

  /** `finished` is called when the kernel has taken the last byte. */
  constructor(socket: Socket, parts: readonly Uint8Array[], sliceBytes: number, finished: () => void) {
    this.#socket = socket;
    this.#parts = parts;
    this.#sliceBytes = sliceBytes;
    this.#finished = finished;
  }

  start(head: string): void {
    // One packet for a small body, one system call for head and first slice.
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    this.#writeSlice();
    this.#socket.uncork();
    this.#fill();
  }

  /** Writes nothing more. What was handed to the socket stays the socket's until it has closed. */
  stop(): void {
    this.#stopped = true;
  }

  #fill(): void {
    while (this.#ahead < slicesAhead && this.#writeSlice());
  }

  #writeSlice(): boolean {
    let part = this.#parts[this.#part];
    while (part !== undefined && this.#offset >= part.length) {
      part = this.#parts[++this.#part];
      this.#offset = 0;
    }
    if (part === undefined) return false;
    const end = Math.min(part.length, this.#offset + this.#sliceBytes);
    const slice = this.#offset === 0 && end === part.length ? part : part.subarray(this.#offset, end);
    this.#offset = end;
    this.#ahead++;
    this.#socket.write(slice, this.#written);
    return true;
  }

  readonly #written = (error: Error | null | undefined): void => {
    this.#ahead--;
    if (this.#stopped || (error !== null && error !== undefined)) return;
    this.#fill();
    if (this.#ahead > 0) return;
    this.done = true;
    this.#finished();
  };
}

/** One under way, one waiting behind it, so that the kernel never waits for a turn of the event loop. */
const slicesAhead = 2;
