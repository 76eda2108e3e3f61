import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { startSimulator } from '@kvferry/s3-simulator';
import { s3 } from './s3.ts';

for (const scheme of ['http', 'https'] as const) {
  const store = await startSimulator({ scheme, buckets: ['my-bucket'] });
  const { url, ca, credentials, region } = store;
  const options = { bucket: 'my-bucket', region, endpoint: url, credentials };
  const timeouts = { connectMs: 1000, firstByteMs: 500, stallMs: 500 };
  describeRemoteBackend(`s3 over ${scheme}`, {
    capabilities: s3(options).capabilities,
    upstream: url,
    upstreamCa: ca,
    createTarget: (environment) => ({
      create: () =>
        s3({ ...options, timeouts, connectTo: environment.connectTo, ...(ca && { tls: { ca: environment.ca } }) }),
      rawRead: async (key) => (await store.getObject('my-bucket', key))?.body,
      rawWrite: (key, bytes) => store.putObject('my-bucket', key, bytes),
      secrets: [credentials.secretAccessKey],
      close: () => store.close(),
    }),
  });
}
