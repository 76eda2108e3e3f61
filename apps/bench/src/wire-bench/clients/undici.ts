import { type Dispatcher, Pool } from 'undici';
import { expectAnswer, originOf, pathOf } from './requests.ts';
import { type BenchClient, inSlots, type Session, type SessionOptions } from './types.ts';

/**
 * undici through `dispatch`, its lowest and fastest interface, which has neither streams nor promises of its own. Pieces of a body are copied
 * into their place; `body.bytes()` would join them in fresh memory first. Requests are unsigned.
 */
export async function loadUndici(): Promise<BenchClient> {
  return {
    async open(options: SessionOptions): Promise<Session> {
      const { cell } = options;
      const pool = new Pool(originOf(options), { connections: cell.concurrency, connect: { ca: options.target.ca } });

      const operate = (slot: number): Promise<void> =>
        new Promise((resolve, reject) => {
          const buffer = options.buffers[slot];
          let status = 0;
          let offset = 0;
          const request: Dispatcher.DispatchOptions = {
            method: cell.operation,
            path: pathOf(options, slot),
            body: cell.operation === 'PUT' ? (buffer as Uint8Array) : null,
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
        run: (perSlot: number): Promise<void> => inSlots(cell.concurrency, perSlot, operate),
        close: (): Promise<void> => pool.destroy(),
      };
    },
  };
}
