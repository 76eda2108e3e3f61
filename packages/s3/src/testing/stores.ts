import { Agent } from 'node:https';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startSimulator } from '@kvferry/s3-simulator';
import { findMinio, findVersityGateway } from '@kvferry/tooling/real-servers';

export const BUCKET = 'my-bucket';

/** An S3 server with one bucket, whoever wrote it. */
export interface TestStore {
  readonly status: 'running';
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
  simulator: startSimulated,
  MinIO: async (scheme) => withBucket(await findMinio({ scheme })),
  versitygw: async (scheme) => withBucket(await findVersityGateway({ scheme })),
};

/** Everything that an iteration gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** The AWS SDK on a store, path style, with its own defaults for everything else. */
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

async function startSimulated(scheme: 'http' | 'https'): Promise<TestStore> {
  const simulator = await startSimulator({ scheme, buckets: [BUCKET] });
  const { ca, credentials, region, url } = simulator;
  return { status: 'running', endpoint: url, region, ca, credentials, stop: () => simulator.close() };
}

async function withBucket(server: Awaited<ReturnType<typeof findMinio>>): Promise<TestStore | MissingStore> {
  if (server.status === 'missing') return server;
  const store: TestStore = { ...server, ca: server.ca };
  const client = sdkClient(store);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  return store;
}
