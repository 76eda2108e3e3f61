import { GetObjectCommand, NoSuchKey, PutObjectCommand } from '@aws-sdk/client-s3';
import type { ConformanceSuite } from '@kvferry/conformance';
import { s3 } from '../s3.ts';
import { BUCKET, sdkClient, type TestStore } from './stores.ts';

/** The conformance suite of this backend on a store, through the fault proxy; past the backend it goes by the AWS SDK. */
export function s3Suite(store: TestStore): ConformanceSuite {
  const { endpoint, ca, credentials, region } = store;
  const options = { bucket: BUCKET, region, endpoint, credentials };
  // Long enough for a busy machine, short enough for the dozen cases that wait for them; so are two attempts. A store that shares this machine
  // answers 16 requests at a time in that time, and not always 64.
  const limits = {
    timeouts: { connectMs: 3000, firstByteMs: 1000, stallMs: 1000 },
    maxAttempts: 2,
    maxRequestsInFlight: 16,
  };
  const sdk = sdkClient(store);
  return {
    capabilities: s3(options).capabilities,
    upstream: endpoint,
    upstreamCa: ca,
    createTarget: (environment) => ({
      create: () =>
        s3({
          ...options,
          ...limits,
          connectTo: environment.connectTo,
          ...(ca === undefined ? {} : { tls: { ca: environment.ca } }),
        }),
      rawRead: async (key) => {
        try {
          const { Body } = await sdk.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
          return await Body?.transformToByteArray();
        } catch (thrown) {
          if (thrown instanceof NoSuchKey) return undefined;
          throw thrown;
        }
      },
      rawWrite: async (key, bytes) => {
        await sdk.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: bytes }));
      },
      secrets: [credentials.secretAccessKey],
      close: async () => {
        sdk.destroy();
        await store.stop();
      },
    }),
  };
}
