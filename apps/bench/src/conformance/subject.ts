import type { ConformanceSuite } from '@kvferry/conformance';
import type { RemoteBackend } from '@kvferry/core';
import type { S3Overrides } from 'kvferry';
import { BucketClient } from '../stores/bucket-client.ts';
import { bareBackends, underPrefix } from '../stores/seat.ts';
import type { OpenStore } from '../stores/types.ts';

/**
 * Limits of one attempt, in milliseconds. Cases wait for a limit to strike, and a store that is busy with 64 requests at once still has to
 * stay below it.
 */
const timeouts = { connectMs: 2_000, firstByteMs: 1_000, stallMs: 1_000 };

/** Requests at once to a store that shares this machine: as many as it answers in that time. */
const MAX_REQUESTS_OF_OWN = 16;

/** The suite for a store. */
export interface Subject {
  readonly suite: ConformanceSuite;
  /** Closes what the suite reached the store by, past the backend. */
  close(): void;
}

/** Makes the suite for a store, in `folder` of it: a prefix of all keys, empty or with a slash at its end. */
export async function subjectOf(store: OpenStore, folder: string): Promise<Subject> {
  const { isOwn, keyPrefix, s3, seat } = store;
  const prefix = keyPrefix + folder;
  const layer = underPrefix(prefix);
  const make = await bareBackends(seat);
  if (s3 === undefined) {
    const create = (): RemoteBackend => layer(make());
    const { capabilities } = await facts(create());
    return { suite: { capabilities, createTarget: () => ({ create }) }, close() {} };
  }
  const maxRequestsInFlight = isOwn ? MAX_REQUESTS_OF_OWN : undefined;
  const create = (changes: S3Overrides = {}): RemoteBackend =>
    layer(make({ timeouts, maxRequestsInFlight, ...changes }));
  const { connectTo } = seat.overrides;
  const { secretAccessKey, sessionToken } = s3.credentials;
  const past = new BucketClient(s3);
  return {
    suite: {
      capabilities: (await facts(create())).capabilities,
      upstream: s3.endpoint,
      upstreamCa: s3.ca,
      createTarget: (environment) => ({
        create: () => create({ connectTo: environment.connectTo ?? connectTo, ca: environment.ca ?? s3.ca }),
        rawRead: (key) => past.read(prefix + key),
        rawWrite: (key, bytes) => past.write(prefix + key, bytes),
        secrets: sessionToken === undefined ? [secretAccessKey] : [secretAccessKey, sessionToken],
      }),
    },
    close: () => past.close(),
  };
}

/** A backend that was made for what it says of itself alone. */
async function facts(backend: RemoteBackend): Promise<RemoteBackend> {
  await backend.close();
  return backend;
}
