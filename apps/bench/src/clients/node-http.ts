import http from 'node:http';
import https from 'node:https';
import { expectAnswer } from './expect-answer.ts';
import { type BenchClient, inSlots, type Session, type SessionOptions } from './types.ts';

/**
 * Node's own client, with kept connections. A GET copies each piece of the body into its place: the client offers no way to lend memory.
 * It signs nothing.
 */
export async function loadNodeHttp(): Promise<BenchClient> {
  return {
    version: process.versions.node,
    async open(options: SessionOptions): Promise<Session> {
      const { buffers, concurrency, operation, plain, store } = options;
      const { protocol, hostname, port } = new URL(plain.origin);
      const limits = { keepAlive: true, maxSockets: concurrency, maxFreeSockets: concurrency, noDelay: true };
      const trust = store.ca === undefined ? {} : { ca: store.ca };
      const agent = protocol === 'http:' ? new http.Agent(limits) : new https.Agent({ ...limits, ...trust });
      const request = protocol === 'http:' ? http.request : https.request;

      const operate = (slot: number, object: number): Promise<void> =>
        new Promise((resolve, reject) => {
          const body = buffers[slot];
          const upload = operation === 'PUT' ? body : undefined;
          const sent = request({
            agent,
            host: hostname,
            port,
            method: operation,
            path: plain.paths[object],
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
        run: (next): Promise<void> => inSlots(options, next, operate),
        async close(): Promise<void> {
          agent.destroy();
        },
      };
    },
  };
}
