import type { ConformanceSuite } from '@kvferry/conformance';
import type { RemoteBackend } from '@kvferry/core';
import { s3Suite, startPlainBucket } from '@kvferry/s3-protocol/testing';
import { afterAll, expect } from 'vitest';
import { s3 } from '../s3.ts';

/** The suite on the simulator over HTTP/2. Fails at its end where something else was spoken. */
export async function http2Suite(): Promise<ConformanceSuite> {
  const store = await startPlainBucket('https');
  const made: RemoteBackend[] = [];
  afterAll(() => {
    const spoken = new Set(made.map(({ info }) => info.details?.protocol));
    spoken.delete('not yet known');
    // Nothing was where no case was chosen to run: each of them connects.
    if (spoken.size > 0) expect(spoken).toEqual(new Set(['h2']));
  });
  const suite = s3Suite(store, (connection) => {
    const backend = s3({ ...connection, http2: 'prefer' });
    made.push(backend);
    return backend;
  });
  return { ...suite, http2: 'offered' };
}
