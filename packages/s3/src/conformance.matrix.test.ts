import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { describeOnStore } from '@kvferry/s3-protocol/testing';
import { s3 } from './s3.ts';
import { http2Suite } from './testing/http2.ts';

/**
 * The suite on stores that behave as Amazon S3 does, over http and https: the simulator, and MinIO, which others wrote. What differs from it is the business
 * of the backend s3-compatible, and in its matrix.
 */
for (const name of ['simulator', 'MinIO'] as const) {
  for (const scheme of ['http', 'https'] as const) {
    // The simulator over http is in every run of the tests.
    if (name === 'simulator' && scheme === 'http') continue;
    await describeOnStore(`s3 on ${name} over ${scheme}`, name, scheme, s3);
  }
}

describeRemoteBackend('s3 on the simulator over HTTP/2', await http2Suite());
