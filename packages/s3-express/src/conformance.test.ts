import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { s3Suite, startDirectoryBucket } from '@kvferry/s3-protocol/testing';
import { s3Express } from './s3-express.ts';

// The cases with a network take a minute, most of it waiting for time limits: they are in the matrix.
describeRemoteBackend('s3-express on the simulator', {
  ...s3Suite(await startDirectoryBucket('http'), s3Express),
  level: 'core',
});
