import { GetObjectCommand, NoSuchKey, PutObjectCommand } from '@aws-sdk/client-s3';
import type { ConformanceSuite } from '@kvferry/conformance';
import { describeRemoteBackend } from '@kvferry/conformance/vitest';
import type { RemoteBackend } from '@kvferry/core';
import { describe, test } from 'vitest';
import type { S3ConnectionOptions } from '../types.ts';
import { STORES, type StoreName, sdkClient, type TestStore } from './stores.ts';

/** What a suite gives a backend package's factory: where the store is, through the proxy or past it, and limits that fit a test. */
export type SuiteConnection = S3ConnectionOptions & { readonly endpoint: string; readonly region: string };

/**
 * The conformance suite of an S3 backend on a store, through the fault proxy; past the backend it goes by the AWS SDK. `make` is the backend's factory
 * with whatever options the package wants tested.
 */
export function s3Suite(store: TestStore, make: (connection: SuiteConnection) => RemoteBackend): ConformanceSuite {
  const { bucket, endpoint, ca, credentials, region } = store;
  const connection = { bucket, region, endpoint, credentials };
  // Long enough for a busy machine, short enough for the dozen cases that wait for them; so are two attempts. A store that shares this machine
  // answers 16 requests at a time in that time, and not always 64.
  const limits = {
    timeouts: { connectMs: 3000, firstByteMs: 1000, stallMs: 1000 },
    maxAttempts: 2,
    maxRequestsInFlight: 16,
  };
  const sdk = sdkClient(store);
  return {
    capabilities: make(connection).capabilities,
    upstream: endpoint,
    upstreamCa: ca,
    createTarget: (environment) => ({
      create: () =>
        make({
          ...connection,
          ...limits,
          connectTo: environment.connectTo,
          // The proxy's own authority, or without one the store's.
          ...(ca === undefined ? {} : { tls: { ca: environment.ca ?? ca } }),
        }),
      rawRead: async (key) => {
        try {
          const { Body } = await sdk.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
          return await Body?.transformToByteArray();
        } catch (thrown) {
          if (thrown instanceof NoSuchKey) return undefined;
          throw thrown;
        }
      },
      rawWrite: async (key, bytes) => {
        await sdk.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }));
      },
      secrets: [credentials.secretAccessKey],
      close: async () => {
        sdk.destroy();
        await store.stop();
      },
    }),
  };
}

/** Registers the suite on one of the stores; where that is not on this machine, a skipped test with the reason. */
export async function describeOnStore(
  title: string,
  name: StoreName,
  scheme: 'http' | 'https',
  make: (connection: SuiteConnection) => RemoteBackend,
): Promise<void> {
  const store = await STORES[name](scheme);
  if (store.status === 'running') {
    describeRemoteBackend(title, s3Suite(store, make));
    return;
  }
  console.warn(`${title} skipped: ${store.reason}`);
  describe(title, () => test.skip(store.reason, () => {}));
}
