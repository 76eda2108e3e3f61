import { type Dispatcher, Pool } from 'undici';
import { expectAnswer } from './expect-answer.ts';
import { packageVersion } from './package-version.ts';
import { type BenchClient, inSlots, type Session, type SessionOptions } from './types.ts';

/**
 * undici through `dispatch`, its lowest and fastest interface, which has neither streams nor promises of its own. Pieces of a body are copied
 * into their place; `body.bytes()` would join them in fresh memory first. It signs nothing.
 */
export async function loadUndici(): Promise<BenchClient> {
  return {
    version: packageVersion('undici'),
    async open(options: SessionOptions): Promise<Session> {
      const { buffers, concurrency, operation, plain, store } = options;
      const trust = store.ca === undefined ? {} : { connect: { ca: store.ca } };
      const pool = new Pool(plain.origin, { connections: concurrency, ...trust });

      const operate = (slot: number, object: number): Promise<void> =>
        new Promise((resolve, reject) => {
          const buffer = buffers[slot];
          let status = 0;
          let offset = 0;
          const request: Dispatcher.DispatchOptions = {
            method: operation,
            path: plain.paths[object] as string,
            body: operation === 'PUT' ? (buffer as Uint8Array) : null,
            // A connection is closed after a HEAD unless told not to.
            reset: false,
          };
          pool.dispatch(request, {
            onRequestStart() {},
            onResponseStart(_controller, statusCode) {
              status = statusCode;
            },
            onResponseData(_controller, chunk) {
              buffer?.set(chunk, offset);
              offset += chunk.length;
            },
            onResponseEnd() {
              try {
                expectAnswer(options, status, offset);
                resolve();
              } catch (error) {
                reject(error);
              }
            },
            onResponseError(_controller, error) {
              reject(error);
            },
          });
        });

      return {
        run: (next): Promise<void> => inSlots(options, next, operate),
        close: (): Promise<void> => pool.destroy(),
      };
    },
  };
}
