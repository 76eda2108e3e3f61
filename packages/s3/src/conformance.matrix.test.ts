import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { STORES, s3Suite } from '@kvferry/s3-protocol/testing';
import { describe, test } from 'vitest';
import { s3 } from './s3.ts';
import { http2Suite } from './testing/http2.ts';

/**
 * The suite on stores that behave as Amazon S3 does, over http and https: the simulator, and MinIO, which others wrote. What differs from it is the business
 * of the backend s3-compatible, and in its matrix.
 */
for (const name of ['simulator', 'MinIO']) {
  for (const scheme of ['http', 'https'] as const) {
    // The simulator over http is in every run of the tests.
    if (name === 'simulator' && scheme === 'http') continue;
    const title = `s3 on ${name} over ${scheme}`;
    const store = await STORES[name]?.(scheme);
    if (store === undefined) throw new Error(`there is no store ${name}`);
    if (store.status === 'missing') {
      console.warn(`${title} skipped: ${store.reason}`);
      describe(title, () => test.skip(store.reason, () => {}));
    } else {
      describeRemoteBackend(title, s3Suite(store, s3));
    }
  }
}

describeRemoteBackend('s3 on the simulator over HTTP/2', await http2Suite());
