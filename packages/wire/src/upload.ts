import type { Socket } from 'node:net';
import { GatherSlices } from './gather-slices.ts';

/**
 * Writes a head and the parts of a body behind it, never joined, in slices of at most `sliceBytes`, at most two of them ahead of the kernel.
 */
export class Upload {
  done = false;
  readonly #socket: Socket;
  readonly #slices: GatherSlices;
  readonly #finished: () => void;
  #ahead = 0;
  #stopped = false;

  /** `finished` is called when the kernel has taken the last byte. */
  constructor(socket: Socket, parts: readonly Uint8Array[], sliceBytes: number, finished: () => void) {
    this.#socket = socket;
    this.#slices = new GatherSlices(parts, sliceBytes);
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
    const slice = this.#slices.next();
    if (slice === undefined) return false;
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
