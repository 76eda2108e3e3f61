import http from 'node:http';
import https from 'node:https';
import { expectAnswer, pathOf } from './requests.ts';
import { type BenchClient, inSlots, type Session, type SessionOptions } from './types.ts';

/**
 * Node's own client, with kept connections. A GET copies each piece of the body into its place: the client offers no way to lend memory.
 * Requests are unsigned.
 */
export async function loadNodeHttp(): Promise<BenchClient> {
  return {
    async open(options: SessionOptions): Promise<Session> {
      const { cell, target } = options;
      const limits = { keepAlive: true, maxSockets: cell.concurrency, maxFreeSockets: cell.concurrency, noDelay: true };
      const agent = cell.scheme === 'http' ? new http.Agent(limits) : new https.Agent({ ...limits, ca: target.ca });
      const request = cell.scheme === 'http' ? http.request : https.request;
      const port = cell.scheme === 'http' ? target.httpPort : target.httpsPort;

      const operate = (slot: number): Promise<void> =>
        new Promise((resolve, reject) => {
          const body = options.buffers[slot];
          const upload = cell.operation === 'PUT' ? body : undefined;
          const sent = request({
            agent,
            host: '127.0.0.1',
            port,
            method: cell.operation,
            path: pathOf(options, slot),
            headers: upload === undefined ? {} : { 'content-length': upload.length },
          });
          sent.on('error', reject);
          sent.on('response', (response) => {
            let offset = 0;
            response.on('data', (chunk: Buffer) => {
              body?.set(chunk, offset);
              offset += chunk.length;
            });
            response.on('error', reject);
            response.on('end', () => {
              try {
                expectAnswer(options, response.statusCode, offset);
                resolve();
              } catch (error) {
                reject(error);
              }
            });
          });
          sent.end(upload);
        });

      return {
        run: (perSlot: number): Promise<void> => inSlots(cell.concurrency, perSlot, operate),
        async close(): Promise<void> {
          agent.destroy();
        },
      };
    },
  };
}
