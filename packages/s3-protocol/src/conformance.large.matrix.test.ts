import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import type { RemoteBackend } from '@kvferry/core';
import { createS3Backend } from './backend.ts';
import { credentialProvider } from './credentials.ts';
import { parseEndpoint } from './endpoint.ts';
import { type SuiteConnection, s3Suite } from './testing/conformance.ts';
import { BUCKET } from './testing/store.ts';
import { startPlainBucket } from './testing/stores.ts';
import type { S3Profile } from './types.ts';

/** Two parts, or ranges, of what the suite calls large: so its faults strike in their midst. */
const PART_BYTES = 512 * 1024;

const profile: S3Profile = {
  id: 'small parts',
  create: true,
  checksum: 'crc32c',
  bulkDelete: true,
  maxPutBytes: 5 * 1024 ** 3,
  multipart: { thresholdBytes: PART_BYTES, partBytes: PART_BYTES, fullObjectChecksum: true },
  listing: 'any',
};

const store = await startPlainBucket('http', { minPartBytes: 1 });

function make({ endpoint, region, ...options }: SuiteConnection): RemoteBackend {
  const { connectTo } = options;
  const address = parseEndpoint(endpoint, 'endpoint');
  return createS3Backend({
    scheme: 's3',
    endpoint: { ...address, bucket: BUCKET, addressing: 'path', region, connectTo },
    profile,
    credentials: credentialProvider(store.credentials),
    options,
  });
}

/** Every value of the suite that is worth a fault comes by ranges and goes in parts here. */
describeRemoteBackend('large values in parts', {
  ...s3Suite(store, make),
  skip: [
    {
      id: 'NET-ABORT-04',
      reason:
        'holds back every answer, and an upload in parts begins with one; large-writes.test.ts aborts such an upload in its midst',
      link: 'https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html',
    },
  ],
});
