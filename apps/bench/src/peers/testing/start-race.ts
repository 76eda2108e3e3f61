import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { loadConfig } from 'kvferry';
import { onTestFinished } from 'vitest';
import type { PeerRace } from '../types.ts';

export const OBJECT_BYTES: number = 256 * 1024;

/** A simulator with four objects, and a race over them with short turns and wide bounds. */
export async function startRace(
  changes: Partial<PeerRace>,
  { bucket = 'my-bucket', scheme = 'http' }: { readonly bucket?: string; readonly scheme?: 'http' | 'https' } = {},
): Promise<{ readonly simulator: Simulator; readonly race: PeerRace }> {
  const simulator = await startSimulator({ scheme, buckets: [bucket] });
  onTestFinished(() => simulator.close());
  const objects = Array.from({ length: 4 }, (_, index) => `run/object-${index}`);
  for (const [index, key] of objects.entries()) {
    await simulator.putObject(bucket, key, Buffer.alloc(OBJECT_BYTES, index));
  }
  const { ca, credentials, region, url: endpoint } = simulator;
  const loaded = await loadConfig({
    env: { LMCACHE_REMOTE_URL: `s3://${bucket}`, LMCACHE_EXTRA_CONFIG: JSON.stringify({ s3_region: region }) },
  });
  const { accessKeyId, secretAccessKey } = credentials;
  const keys = { accessKeyId, secretAccessKey };
  const race: PeerRace = {
    s3: {
      endpoint,
      addressing: 'path',
      region,
      bucket,
      ca,
      credentials: keys,
      isExpress: bucket.endsWith('--x-s3'),
    },
    seat: { loaded, backends: [], overrides: { endpoint, bucket, region, credentials: keys, ca } },
    objects,
    objectBytes: OBJECT_BYTES,
    concurrency: 4,
    rounds: 1,
    turnMs: 5,
    maxMs: 60_000,
    maxBytes: 2 ** 40,
    signal: new AbortController().signal,
    ...changes,
  };
  return { simulator, race };
}
