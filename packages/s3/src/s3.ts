import { KvferryError, type RemoteBackend } from '@kvferry/core';
import {
  type Addressing,
  checkChoice,
  checkConnectionOptions,
  createS3Backend,
  credentialProvider,
  namedRegion,
  namedStore,
  resolveAddressing,
  type S3ConnectionOptions,
  type S3Profile,
  type StoreAddress,
} from '@kvferry/s3-protocol';
import { bucketNameProblem } from './bucket-name.ts';

/** Options of {@link s3}. */
export interface S3Options extends S3ConnectionOptions {
  /** Region of the bucket. Default: `AWS_REGION`, else `AWS_DEFAULT_REGION`. */
  readonly region?: string | undefined;
  /**
   * URL of the store, without bucket: `https://host[:port]`. Default: `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`,
   * else AWS's endpoint of the region.
   */
  readonly endpoint?: string | undefined;
  /**
   * Whether the bucket's name goes into the host or into the path. Default `auto`: path for addresses, single labels,
   * and dotted names over TLS; else host.
   */
  readonly addressing?: Addressing | undefined;
}

/**
 * Makes a backend for a general purpose bucket of Amazon S3, or of a store that behaves like it at `endpoint`. Nothing
 * is read from disk or network before `open`.
 *
 * Throws CONFIG_INVALID, naming the option, for one that is unknown, missing, wrong or at odds with another.
 */
export function s3(options: S3Options): RemoteBackend {
  checkConnectionOptions(options, 's3', ['region', 'endpoint', 'addressing']);
  checkChoice(options.addressing, 'addressing', ['auto', 'virtual', 'path'], fail);
  const { bucket, connectTo } = options;
  const problem = bucketNameProblem(bucket);
  if (problem !== undefined) fail(`\`bucket\`: ${JSON.stringify(bucket)}: a bucket's name ${problem}`);

  const region = namedRegion(options, fail) ?? fail('`region` is required: give it, or set AWS_REGION');
  const store = storeOf(options, region);
  return createS3Backend({
    scheme: 's3',
    endpoint: {
      ...store,
      bucket,
      addressing: resolveAddressing(options.addressing ?? 'auto', store, bucket),
      region,
      connectTo,
    },
    profile: awsProfile,
    credentials: credentialProvider(options.credentials ?? 'default'),
    options,
  });
}

/** What Amazon S3 does. The largest single PUT is 5 GiB ("Amazon S3 multipart upload limits" in its user guide). */
const awsProfile: S3Profile = {
  id: 'aws',
  create: true,
  checksum: 'crc32c',
  bulkDelete: true,
  maxPutBytes: 5 * 1024 ** 3,
  multipart: { thresholdBytes: 64 * 1024 ** 2, partBytes: 16 * 1024 ** 2, fullObjectChecksum: true },
  listing: 'any',
};

function storeOf(options: S3Options, region: string): StoreAddress {
  const named = namedStore(options, fail);
  if (named !== undefined) return named;
  // AWS in China is a partition of its own, with its own suffix.
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const scheme = options.tls === false ? 'http' : 'https';
  return { scheme, host: `s3.${region.toLowerCase()}.${suffix}`, port: scheme === 'https' ? 443 : 80 };
}

function fail(reason: string): never {
  throw new KvferryError('CONFIG_INVALID', `s3: ${reason}`);
}
