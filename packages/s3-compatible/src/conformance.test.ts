import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { s3Suite, startPlainBucket } from '@kvferry/s3-protocol/testing';
import { s3Compatible } from './s3-compatible.ts';

// Level core is what every run of the tests can afford; the matrix has the rest, on every store there is.
describeRemoteBackend('s3-compatible (generic) on the simulator over http', {
  ...s3Suite(await startPlainBucket('http'), s3Compatible),
  level: 'core',
});
