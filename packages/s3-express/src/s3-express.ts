import { KvferryError, type RemoteBackend } from '@kvferry/core';
import {
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
import { readBucketName } from './bucket-name.ts';
import { SessionProvider } from './session-provider.ts';

/** Options of {@link s3Express}. */
export interface S3ExpressOptions extends S3ConnectionOptions {
  /** Name of a directory bucket, with its zone: `my-bucket--use1-az4--x-s3`. */
  readonly bucket: string;
  /** Region of the bucket. Default: `AWS_REGION`, else `AWS_DEFAULT_REGION`. */
  readonly region?: string | undefined;
  /**
   * URL of the store, without bucket: `https://host[:port]`. Default: `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`,
   * else AWS's endpoint of the bucket's zone. The bucket goes into the path where the host is an address or a single
   * label, as those of simulators are; else into the host.
   */
  readonly endpoint?: string | undefined;
}

/**
 * Makes a backend for a directory bucket of S3 Express One Zone. Nothing is read from disk or network before `open`; the
 * session that requests go under is opened with the first of them, and kept.
 *
 * Throws CONFIG_INVALID, naming the option, for one that is unknown, missing, wrong or at odds with another.
 */
export function s3Express(options: S3ExpressOptions): RemoteBackend {
  checkConnectionOptions(options, 's3Express', ['region', 'endpoint']);
  const { bucket, connectTo } = options;
  const name = readBucketName(bucket);
  if (name.status === 'invalid') {
    fail(`\`bucket\`: ${JSON.stringify(bucket)}: a directory bucket's name ${name.problem}`);
  }
  if (options.credentials === 'anonymous') {
    fail("`credentials`: 'anonymous' opens no session, and a directory bucket takes no request without one");
  }
  const region = namedRegion(options, fail) ?? fail('`region` is required: give it, or set AWS_REGION');
  const store = namedStore(options, fail) ?? zonalEndpoint(name.zone, region, options.tls);
  checkZone(store.host, name.zone, region);

  const credentials = credentialProvider(options.credentials ?? 'default');
  return createS3Backend({
    scheme: 's3-express',
    endpoint: { ...store, bucket, addressing: resolveAddressing('auto', store, bucket), region, connectTo },
    profile: directoryBucketProfile,
    credentials,
    signing: { service: 's3express', tokenHeader: 'x-amz-s3session-token' },
    sessions: {
      right: 's3express:CreateSession',
      provider: (send) => new SessionProvider(credentials, send),
    },
    options,
  });
}

/** What directory buckets do, each line with its source in AWS's documentation of Amazon S3. */
const directoryBucketProfile: S3Profile = {
  id: 'aws-s3-express',
  // What's New of 20 August 2024: conditional writes of PutObject and CompleteMultipartUpload "in both general purpose and directory buckets".
  create: true,
  // User guide, "Optimizing directory bucket performance": CRC32, CRC32C, SHA-1 and SHA-256; CRC32 and CRC32C for best performance; no MD5.
  checksum: 'crc32c',
  // API reference, "DeleteObjects": with a checksum header, which the SDK sends as CRC32.
  bulkDelete: true,
  // User guide, "Amazon S3 multipart upload limits": 5 GiB in a single PUT; nothing else is said of directory buckets.
  maxPutBytes: 5 * 1024 ** 3,
  multipart: {
    // User guide, "Using multipart uploads with directory buckets": worth it from 100 MB on.
    thresholdBytes: 128 * 1024 ** 2,
    // The same: 5 MiB to 5 GiB, part numbers from 1 without a gap.
    partBytes: 16 * 1024 ** 2,
    // Nowhere promised for directory buckets: what is uploaded in parts is verified by its length.
    fullObjectChecksum: false,
  },
  // User guide, "Differences for directory buckets": prefixes must end in `/`, and nothing comes in order.
  listing: 'folders',
};

/** User guide, "Regional and Zonal endpoints for directory buckets in an Availability Zone"; "Data protection and encryption": TLS only. */
function zonalEndpoint(zone: string, region: string, tls: S3ConnectionOptions['tls']): StoreAddress {
  if (tls === false)
    fail('`tls: false`: S3 Express One Zone is reached over TLS alone; give the `endpoint` of another store');
  // AWS in China is a partition of its own, with its own suffix.
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return { scheme: 'https', host: `s3express-${zone}.${region.toLowerCase()}.${suffix}`, port: 443 };
}

/** A zonal endpoint has the buckets of its zone alone; asked for another it says no more than that there is no such bucket. */
function checkZone(host: string, zone: string, region: string): void {
  const named = /^s3express-(?:fips-)?(?<zone>[a-z0-9-]+)\.(?:dualstack\.)?(?<region>[a-z0-9-]+)\.amazonaws\.com/.exec(
    host,
  )?.groups;
  if (named === undefined) return;
  if (named.zone !== zone) {
    fail(
      `the endpoint ${host} is that of the zone ${named.zone}, and the bucket is in ${zone}: leave \`endpoint\` out`,
    );
  }
  if (named.region !== region) {
    fail(`the endpoint ${host} is in ${named.region}, and \`region\` is ${region}: set region: '${named.region}'`);
  }
}

function fail(reason: string): never {
  throw new KvferryError('CONFIG_INVALID', `s3Express: ${reason}`);
}
