import { Duplex } from 'node:stream';

/** One end of a connection within this process, where a socket is expected. */
export class InnerSocket extends Duplex {
  /** Whether the other end ended it by a reset, rather than in good order. */
  wasReset = false;
  #peer: InnerSocket | undefined;
  /** Tells the peer that what it wrote last has been read. */
  #taken: (() => void) | undefined;

  /** Both ends of a new connection. */
  static pair(): readonly [InnerSocket, InnerSocket] {
    const [one, other] = [new InnerSocket(), new InnerSocket()];
    one.#peer = other;
    other.#peer = one;
    return [one, other];
  }

  private constructor() {
    super({ allowHalfOpen: true });
  }

  /** Ends it as a reset does: at once. */
  resetAndDestroy(): void {
    if (this.#peer !== undefined) this.#peer.wasReset = true;
    this.destroy();
  }

  /** Nothing in this process times out, or keeps it alive: node:http asks for these of every socket that it keeps. */
  setTimeout(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(bytes: Uint8Array, _encoding: string, done: () => void): void {
    const peer = this.#peer;
    if (peer === undefined || peer.destroyed) {
      done();
      return;
    }
    peer.#taken = done;
    peer.push(bytes);
  }

  override _final(done: () => void): void {
    this.#peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const peer = this.#peer;
    this._read();
    // Not in this turn: what it was sent before, its end included, is to be seen first.
    setImmediate(() => peer?.destroy());
    done(error);
  }
}
