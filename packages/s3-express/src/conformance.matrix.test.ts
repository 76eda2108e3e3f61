import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { s3Suite, startDirectoryBucket } from '@kvferry/s3-protocol/testing';
import { s3Express } from './s3-express.ts';

/** The whole suite on the simulator: no other server with directory buckets is to be had. */
for (const scheme of ['http', 'https'] as const) {
  const suite = s3Suite(await startDirectoryBucket(scheme), s3Express);
  describeRemoteBackend(`s3-express on the simulator over ${scheme}`, suite);
}
