import type { RemoteBackend } from '@kvferry/core';
import { s3 } from '@kvferry/s3';
import type { EmbeddedSimulator } from '../shared/embedded-simulator.ts';

export const BUCKET = 'cache-bench';

/** The S3 backend on the bucket of a simulator, in whichever process that is. */
export function backendOn({ url, credentials }: Pick<EmbeddedSimulator, 'url' | 'credentials'>): RemoteBackend {
  return s3({ bucket: BUCKET, endpoint: url, region: 'us-east-1', credentials, tls: false });
}
