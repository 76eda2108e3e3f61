import { Agent } from 'node:https';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startSimulator } from '@kvferry/s3-simulator';
import { findMinio, findVersityGateway } from '@kvferry/tooling/real-servers';

export const BUCKET = 'my-bucket';
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
export const STORES: Readonly<Record<string, (scheme: 'http' | 'https') => Promise<TestStore | MissingStore>>> = {
  simulator: (scheme) => startSimulated(scheme, BUCKET),
  MinIO: async (scheme) => withBucket(await findMinio({ scheme })),
  versitygw: async (scheme) => withBucket(await findVersityGateway({ scheme })),
};

/** The simulator with a directory bucket: no other server that can be had here knows them. */
export function startDirectoryBucket(scheme: 'http' | 'https'): Promise<TestStore> {
  return startSimulated(scheme, DIRECTORY_BUCKET);
}

/** Everything that an iteration gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
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

async function startSimulated(scheme: 'http' | 'https', bucket: string): Promise<TestStore> {
  const http2 = scheme === 'https' ? 'offered' : 'never';
  const simulator = await startSimulator({ scheme, http2, buckets: [bucket] });
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
