import type { ClientHttp2Stream } from 'node:http2';
import { GatherSlices } from '../gather-slices.ts';

/** Writes the parts of a body onto a stream, never joined, at most two slices ahead of the socket. */
export class H2Upload {
  done = false;
  readonly #stream: ClientHttp2Stream;
  readonly #slices: GatherSlices;
  readonly #moved: () => void;
  #ahead = 0;
  #handedOver = false;
  #stopped = false;

  /** `moved` is called whenever a slice is out; with the last, `done` is true. */
  constructor(stream: ClientHttp2Stream, parts: readonly Uint8Array[], moved: () => void) {
    this.#stream = stream;
    this.#slices = new GatherSlices(parts, sliceBytes);
    this.#moved = moved;
  }

  start(): void {
    this.#fill();
  }

  /** Writes nothing more. What was handed to the stream stays the stream's until it has closed. */
  stop(): void {
    this.#stopped = true;
  }

  #fill(): void {
    while (!this.#handedOver && this.#ahead < slicesAhead) {
      const slice = this.#slices.next();
      if (slice === undefined) {
        this.#handedOver = true;
        // In the turn of the last write, so that its last frame can say that it is the last.
        this.#stream.end();
        return;
      }
      this.#ahead++;
      this.#stream.write(slice, this.#written);
    }
  }

  readonly #written = (error: Error | null | undefined): void => {
    this.#ahead--;
    if (this.#stopped || (error !== null && error !== undefined)) return;
    this.#fill();
    this.done = this.#ahead === 0;
    this.#moved();
  };
}

/**
 * The stall limit sees an upload move by whole slices only, so they are small: over one that takes less than 64 KiB in the 5 s of the usual limit, no
 * value would get through in any useful time.
 */
const sliceBytes = 65_536;
/** One under way, one waiting behind it. */
const slicesAhead = 2;
