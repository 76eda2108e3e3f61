import { http, io } from 'aws-crt';
import { expectAnswer } from './expect-answer.ts';
import { packageVersion } from './package-version.ts';
import { type BenchClient, inSlots, type Session, type SessionOptions } from './types.ts';

/**
 * The HTTP client of the AWS Common Runtime, with its connection manager. It reads in threads of its own and hands over each piece of a
 * body as fresh memory, which is copied into its place. It signs nothing: the S3 client of the runtime is not in its Node binding.
 */
export async function loadAwsCrt(): Promise<BenchClient> {
  return {
    version: packageVersion('aws-crt'),
    async open(options: SessionOptions): Promise<Session> {
      const { buffers, concurrency, operation, plain, store } = options;
      const { protocol, host, hostname, port } = new URL(plain.origin);
      const isPlain = protocol === 'http:';
      const manager = new http.HttpClientConnectionManager(
        undefined,
        hostname,
        port === '' ? (isPlain ? 80 : 443) : Number(port),
        concurrency,
        INITIAL_WINDOW_BYTES,
        new io.SocketOptions(io.SocketType.STREAM, io.SocketDomain.IPV4, CONNECT_TIMEOUT_MS),
        isPlain ? undefined : tlsFor(hostname, store.ca),
      );

      const operate = async (slot: number, object: number): Promise<void> => {
        const buffer = buffers[slot];
        const connection = await manager.acquire();
        const headers = new http.HttpHeaders([['host', host]]);
        const stream = connection.request(new http.HttpRequest(operation, plain.paths[object] as string, headers));
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
          stream.on('end', () => resolve(operation === 'HEAD' ? 200 : statusCode));
          stream.activate();
        });
        manager.release(connection);
        expectAnswer(options, status, offset);
      };

      return {
        run: (next): Promise<void> => inSlots(options, next, operate),
        async close(): Promise<void> {
          manager.close();
        },
      };
    },
  };
}

function tlsFor(hostname: string, ca: string | undefined): io.TlsConnectionOptions {
  const contextOptions = new io.TlsContextOptions();
  if (ca !== undefined) contextOptions.override_default_trust_store(ca);
  return new io.TlsConnectionOptions(new io.ClientTlsContext(contextOptions), hostname);
}

const INITIAL_WINDOW_BYTES = 16 * 1024;
const CONNECT_TIMEOUT_MS = 3_000;
