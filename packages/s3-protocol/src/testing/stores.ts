import { Agent } from 'node:https';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type SimulatorOptions, startSimulator } from '@kvferry/s3-simulator';
import { findMinio, findVersityGateway } from '@kvferry/tooling/real-servers';
import { onTestFinished } from 'vitest';
import { BUCKET } from './store.ts';

/** A directory bucket, as S3 Express One Zone has them. */
const DIRECTORY_BUCKET = 'my-bucket--use1-az4--x-s3';

/** An S3 server with one bucket, whoever wrote it. */
export interface TestStore {
  readonly status: 'running';
  readonly bucket: string;
  readonly endpoint: string;
  readonly region: string;
  readonly ca: string | undefined;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

export interface MissingStore {
  readonly status: 'missing';
  readonly reason: string;
}

/** Every server that the same tests run against. */
export type StoreName = 'simulator' | 'MinIO' | 'versitygw';

export const STORES: Readonly<Record<StoreName, (scheme: 'http' | 'https') => Promise<TestStore | MissingStore>>> = {
  simulator: startPlainBucket,
  MinIO: async (scheme) => withBucket(await findMinio({ scheme })),
  versitygw: async (scheme) => withBucket(await findVersityGateway({ scheme })),
};

export const STORE_NAMES: readonly StoreName[] = Object.keys(STORES) as StoreName[];

/** A store for one test, stopped when that has ended. Where it is not on this machine, the test is skipped with the reason. */
export async function startForTest(
  name: StoreName,
  scheme: 'http' | 'https',
  skip: (reason: string) => never,
): Promise<TestStore> {
  const store = await STORES[name](scheme);
  if (store.status === 'missing') {
    console.warn(`${name} skipped: ${store.reason}`);
    return skip(store.reason);
  }
  onTestFinished(() => store.stop());
  return store;
}

/** The simulator with a general purpose bucket: it is always there. */
export function startPlainBucket(scheme: 'http' | 'https', options: SimulatorOptions = {}): Promise<TestStore> {
  return startSimulated(scheme, BUCKET, options);
}

/** The simulator with a directory bucket: no other server that can be had here knows them. */
export function startDirectoryBucket(scheme: 'http' | 'https'): Promise<TestStore> {
  return startSimulated(scheme, DIRECTORY_BUCKET);
}

/** The AWS SDK on a store, path style, with its own defaults for everything else. On a directory bucket it opens sessions by itself. */
export function sdkClient(store: Pick<TestStore, 'endpoint' | 'region' | 'ca' | 'credentials'>): S3Client {
  const { accessKeyId, secretAccessKey } = store.credentials;
  return new S3Client({
    endpoint: store.endpoint,
    region: store.region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    ...(store.ca === undefined ? {} : { requestHandler: { httpsAgent: new Agent({ ca: store.ca }) } }),
  });
}

async function startSimulated(
  scheme: 'http' | 'https',
  bucket: string,
  options: SimulatorOptions = {},
): Promise<TestStore> {
  const http2 = scheme === 'https' ? 'offered' : 'never';
  const simulator = await startSimulator({ scheme, http2, buckets: [bucket], ...options });
  const { ca, credentials, region, url } = simulator;
  return { status: 'running', bucket, endpoint: url, region, ca, credentials, stop: () => simulator.close() };
}

async function withBucket(server: Awaited<ReturnType<typeof findMinio>>): Promise<TestStore | MissingStore> {
  if (server.status === 'missing') return server;
  const store: TestStore = { ...server, bucket: BUCKET, ca: server.ca };
  const client = sdkClient(store);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  return store;
}
