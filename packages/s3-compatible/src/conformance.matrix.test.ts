import { describeOnStore, type StoreName, type SuiteConnection } from '@kvferry/s3-protocol/testing';
import type { ProviderName } from './providers.ts';
import { type S3CompatibleOptions, s3Compatible } from './s3-compatible.ts';

/** Every store there is, over http and https, with its own profile; and the least profile, on a store that does more. */
const RUNS: readonly (readonly [
  store: StoreName,
  scheme: 'http' | 'https',
  way: 'path' | 'virtual',
  provider: ProviderName,
])[] = [
  ['simulator', 'http', 'path', 'generic'],
  ['MinIO', 'http', 'virtual', 'minio'],
  ['MinIO', 'https', 'path', 'minio'],
  ['MinIO', 'http', 'path', 'generic'],
  ['versitygw', 'http', 'virtual', 'versitygw'],
  ['versitygw', 'https', 'path', 'versitygw'],
];

for (const [name, scheme, way, provider] of RUNS) {
  const title = `s3-compatible (${provider}) on ${name} over ${scheme}, bucket in the ${way === 'path' ? 'path' : 'host'}`;
  await describeOnStore(title, name, scheme, (connection) =>
    s3Compatible({ ...connection, ...addressed(connection, way), provider }),
  );
}

/** The bucket in the host needs a name, which need not resolve. */
function addressed({ connectTo, endpoint }: SuiteConnection, way: 'path' | 'virtual'): Partial<S3CompatibleOptions> {
  if (way === 'path') return {};
  const { port, protocol } = new URL(endpoint);
  return {
    endpoint: `${protocol}//s3.localhost:${port}`,
    addressing: 'virtual',
    connectTo: connectTo ?? { host: '127.0.0.1', port: Number(port) },
  };
}
