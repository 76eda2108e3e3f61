import { s3 } from '@kvferry/s3';
import { kvferrySession } from '../clients/kvferry.ts';
import { packageVersion } from '../clients/package-version.ts';
import type { BenchClient, Session } from '../clients/types.ts';
import type { WireOptions } from './session.ts';

/** kvferry as a user has it: the backend of `@kvferry/s3`, signing every request. With `crc32c` what is read is verified. */
export async function loadKvferry(ioThreads: number): Promise<BenchClient<WireOptions>> {
  return {
    version: packageVersion('@kvferry/s3'),
    async open(options: WireOptions): Promise<Session> {
      const { concurrency, store, verify } = options;
      const backend = s3({
        bucket: store.bucket,
        region: store.region,
        endpoint: store.endpoint,
        credentials: store.credentials,
        ...(store.endpoint.startsWith('https:') ? { tls: { ca: store.ca } } : {}),
        maxRequestsInFlight: concurrency,
        ioThreads,
        verify: verify === 'crc32c' ? 'fast' : 'length',
        maxAttempts: options.maxAttempts,
      });
      await backend.open();
      return kvferrySession(backend, options, verify === 'crc32c' ? 'checksum' : 'length');
    },
  };
}
