import { http, io } from 'aws-crt';
import { expectAnswer, pathOf } from './requests.ts';
import { type BenchClient, inSlots, type Session, type SessionOptions } from './types.ts';

/**
 * The HTTP client of the AWS Common Runtime, with its connection manager. It reads in threads of its own and hands over each piece of a
 * body as fresh memory, which is copied into its place. Requests are unsigned.
 */
export async function loadAwsCrt(): Promise<BenchClient> {
  return {
    async open(options: SessionOptions): Promise<Session> {
      const { cell, target } = options;
      let tlsOptions: io.TlsConnectionOptions | undefined;
      if (cell.scheme === 'https') {
        const contextOptions = new io.TlsContextOptions();
        contextOptions.override_default_trust_store(target.ca);
        tlsOptions = new io.TlsConnectionOptions(new io.ClientTlsContext(contextOptions), '127.0.0.1');
      }
      const manager = new http.HttpClientConnectionManager(
        undefined,
        '127.0.0.1',
        cell.scheme === 'http' ? target.httpPort : target.httpsPort,
        cell.concurrency,
        INITIAL_WINDOW_BYTES,
        new io.SocketOptions(io.SocketType.STREAM, io.SocketDomain.IPV4, CONNECT_TIMEOUT_MS),
        tlsOptions,
      );

      const operate = async (slot: number): Promise<void> => {
        const buffer = options.buffers[slot];
        const connection = await manager.acquire();
        const headers = new http.HttpHeaders([['host', '127.0.0.1']]);
        const stream = connection.request(new http.HttpRequest(cell.operation, pathOf(options, slot), headers));
        let offset = 0;
        const status = await new Promise<number>((resolve, reject) => {
          let statusCode = 0;
          stream.on('response', (code) => {
            statusCode = code;
          });
          stream.on('data', (chunk) => {
            buffer?.set(new Uint8Array(chunk), offset);
            offset += chunk.byteLength;
          });
          stream.on('error', reject);
          // The binding reports no status for a HEAD, only that the answer has come to its end.
          stream.on('end', () => resolve(cell.operation === 'HEAD' ? 200 : statusCode));
          stream.activate();
        });
        manager.release(connection);
        expectAnswer(options, status, offset);
      };

      return {
        run: (perSlot: number): Promise<void> => inSlots(cell.concurrency, perSlot, operate),
        async close(): Promise<void> {
          manager.close();
        },
      };
    },
  };
}

const INITIAL_WINDOW_BYTES = 16 * 1024;
const CONNECT_TIMEOUT_MS = 3_000;
