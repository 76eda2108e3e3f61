import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { s3Suite, startPlainBucket } from '@kvferry/s3-protocol/testing';
import { s3 } from './s3.ts';

describeRemoteBackend('s3 on the simulator over http', s3Suite(await startPlainBucket('http'), s3));
