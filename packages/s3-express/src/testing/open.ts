import type { RemoteBackend } from '@kvferry/core';
import { type Simulator, type SimulatorOptions, startSimulator } from '@kvferry/s3-simulator';
import { onTestFinished } from 'vitest';
import { type S3ExpressOptions, s3Express } from '../s3-express.ts';

export const BUCKET = 'my-bucket--use1-az4--x-s3';
/** AWS's own name for where it is. */
export const ZONAL_HOST = 's3express-use1-az4.us-east-1.amazonaws.com';

/** A simulator with one directory bucket, closed when the test has ended. */
export async function startZone(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ buckets: [BUCKET], hosts: [ZONAL_HOST], ...options });
  onTestFinished(() => simulator.close());
  return simulator;
}

/** An open backend on its bucket, closed when the test has ended. */
export async function openBackend(
  simulator: Simulator,
  options: Partial<S3ExpressOptions> = {},
): Promise<RemoteBackend> {
  const { ca, credentials, region, url } = simulator;
  const backend = s3Express({
    bucket: BUCKET,
    region,
    endpoint: url,
    credentials: { accessKeyId: credentials.accessKeyId, secretAccessKey: credentials.secretAccessKey },
    ...(ca === undefined ? {} : { tls: { ca } }),
    ...options,
  });
  onTestFinished(() => backend.close());
  await backend.open();
  return backend;
}

/** How many sessions the simulator has been asked for. */
export function sessionRequests(simulator: Simulator): number {
  return simulator.requests.filter(({ url }) => url.includes('session=')).length;
}
