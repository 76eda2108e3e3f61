import type { SkippedCase } from '@kvferry/conformance';
import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import { describe, test } from 'vitest';
import { s3Suite } from './testing/conformance.ts';
import { STORES } from './testing/stores.ts';

/** What a store of another make does not do, whoever asks. */
const SKIPPED: Readonly<Record<string, readonly SkippedCase[]>> = {
  versitygw: [
    {
      id: 'KEYS-08',
      reason:
        'version 1.8.0 answers 409 ExistingObjectIsDirectory when an object is replaced whose name has 244 bytes or more',
      link: 'https://github.com/versity/versitygw',
    },
  ],
};

/** The suite on every store there is, over http and https: the simulator, and servers that others wrote. */
for (const [name, start] of Object.entries(STORES)) {
  for (const scheme of ['http', 'https'] as const) {
    // The simulator over http is in every run of the tests.
    if (name === 'simulator' && scheme === 'http') continue;
    const title = `s3 on ${name} over ${scheme}`;
    const store = await start(scheme);
    if (store.status === 'missing') {
      console.warn(`${title} skipped: ${store.reason}`);
      describe(title, () => test.skip(store.reason, () => {}));
    } else {
      describeRemoteBackend(title, { ...s3Suite(store), skip: SKIPPED[name] });
    }
  }
}
