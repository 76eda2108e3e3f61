import net from 'node:net';
import tls from 'node:tls';
import { type BenchClient, inSlots, type Session } from '../clients/types.ts';
import type { WireOptions } from './session.ts';

/**
 * What no client can be cheaper than on this runtime: a socket per slot that reads the object's bytes into the slot's buffer, over and
 * over, and looks at none of them.
 *
 * It asks for an object when it has the one before, as every client must. Bytes that flow without being asked for cost less to read, 830 µs
 * for 4 MiB where these cost 1,000: that is the price of asking, not of a protocol.
 */
export async function loadFloor(): Promise<BenchClient<WireOptions>> {
  return {
    version: null,
    async open(options: WireOptions): Promise<Session> {
      const sockets = await Promise.all(
        options.buffers.map((buffer, slot) => FloorSocket.connect(options, buffer, slot)),
      );
      return {
        // A socket reads one object alone, that of its slot.
        run: (next): Promise<void> => inSlots(options, next, (slot) => (sockets[slot] as FloorSocket).read()),
        async close(): Promise<void> {
          for (const socket of sockets) {
            socket.close();
          }
        },
      };
    },
  };
}

class FloorSocket {
  readonly #socket: net.Socket;
  readonly #request: string;
  readonly #buffer: Uint8Array;
  #offset = 0;
  #settle: ((error?: Error) => void) | undefined;

  static async connect(options: WireOptions, buffer: Uint8Array, slot: number): Promise<FloorSocket> {
    const floor = new FloorSocket(options, buffer, slot);
    await floor.#pending(() => {});
    return floor;
  }

  private constructor({ objectBytes, store, target }: WireOptions, buffer: Uint8Array, slot: number) {
    this.#buffer = buffer;
    this.#request = `${objectBytes} ${slot}\n`;
    const onread: net.OnReadOpts = {
      buffer: () => this.#buffer.subarray(this.#offset),
      callback: (bytes) => this.#onRead(bytes),
    };
    const connected = (): void => this.#settle?.();
    const options = { host: '127.0.0.1', noDelay: true, onread };
    this.#socket = store.endpoint.startsWith('http:')
      ? net.connect({ ...options, port: target.rawPort }, connected)
      : tls.connect({ ...options, port: target.rawTlsPort, ca: target.ca }, connected);
    this.#socket.on('error', (error) => this.#settle?.(error));
    this.#socket.on('close', () => this.#settle?.(new Error('the server closed the connection')));
  }

  read(): Promise<void> {
    return this.#pending(() => {
      this.#offset = 0;
      this.#socket.write(this.#request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onRead(bytes: number): boolean {
    this.#offset += bytes;
    if (this.#offset === this.#buffer.length) {
      // Never an empty buffer: it ends the socket with ENOBUFS.
      this.#offset = 0;
      this.#settle?.();
    }
    return true;
  }

  #pending(begin: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = (error) => {
        this.#settle = undefined;
        if (error === undefined) {
          resolve();
        } else {
          reject(error);
        }
      };
      begin();
    });
  }
}
