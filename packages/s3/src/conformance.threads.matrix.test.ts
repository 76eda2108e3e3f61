import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { s3Suite, startPlainBucket } from '@kvferry/s3-protocol/testing';
import { s3 } from './s3.ts';

/** What lies in shared memory goes by threads here, whatever befalls it on the way. */
for (const scheme of ['http', 'https'] as const) {
  const store = await startPlainBucket(scheme);
  const suite = s3Suite(store, (connection) => s3({ ...connection, ioThreads: 2 }));
  describeRemoteBackend(`s3 with I/O threads on the simulator over ${scheme}`, suite);
}
