import type { StoreProfile } from './profile.ts';

/** Names by which `provider` takes a profile. */
export type ProviderName = 'coreweave' | 'minio' | 'r2' | 'gcs' | 'ceph' | 'versitygw' | 'generic';

/** A host that tells whose store it is. */
export interface ProviderHost {
  /** The host is this name, or ends in a dot and this name. */
  readonly suffix: string;
  /** What it speaks where an endpoint names no scheme. */
  readonly scheme: 'http' | 'https';
}

/** One provider, or one server to run oneself. */
export interface Provider {
  readonly profile: StoreProfile;
  /** Hosts that nobody else has. Empty for what runs under names of one's own. */
  readonly hosts: readonly ProviderHost[];
  /** Region that all requests are signed for, where the store has only one. */
  readonly region: string | undefined;
}

/** Largest part, and so the largest single PUT that all of them take: S3's ("Amazon S3 multipart upload limits"). */
const S3_PUT_BYTES = 5 * 1024 ** 3;
const MIB = 1024 ** 2;

/** Parts as the backend for Amazon S3 makes them: a chunk of KV cache mostly fits one request. */
export const S3_PARTS: { readonly thresholdBytes: number; readonly partBytes: number } = {
  thresholdBytes: 64 * MIB,
  partBytes: 16 * MIB,
};

/**
 * What is known of each, and from where. Where a source says nothing, a line says what works everywhere: no conditional PUT, single deletes, no checksum
 * of what was uploaded in parts. `measured`: by `probe` and the conformance suite of this repository.
 */
export const PROVIDERS: Readonly<Record<ProviderName, Provider>> = {
  coreweave: {
    // https://docs.coreweave.com/products/storage/object-storage/buckets/configure-endpoints: cwlota.com inside the cluster, over plain http.
    hosts: [
      { suffix: 'cwlota.com', scheme: 'http' },
      { suffix: 'cwobject.com', scheme: 'https' },
    ],
    // The availability zone, such as US-EAST-04A: the same page.
    region: undefined,
    profile: {
      id: 'coreweave',
      // "Path-style addressing is not supported": the same page.
      addressing: ['virtual'],
      // 412 where the key is taken, also when writers race: https://docs.coreweave.com/changelog/release-notes/ai-object-storage-conditional-writes
      create: true,
      // Not documented. A store that does not know the header leaves it alone, and its values are verified by length.
      checksum: 'crc32c',
      // Not documented.
      bulkDelete: false,
      listing: 'any',
      maxPutBytes: S3_PUT_BYTES,
      // Reads of 15 MB and more, parts of 50 MB and more, which the cache spreads over its nodes:
      // https://docs.coreweave.com/products/storage/object-storage/improving-performance/best-practices
      multipart: { thresholdBytes: 100 * MIB, partBytes: 50 * MIB, fullObjectChecksum: false },
      // On cwlota.com alone: https://docs.coreweave.com/products/storage/object-storage/improving-performance/prestage-cache
      prestages: true,
    },
  },
  minio: {
    hosts: [],
    region: undefined,
    profile: {
      id: 'minio',
      // Measured. Buckets in the host need MINIO_DOMAIN, buckets in the path need nothing.
      addressing: ['path', 'virtual'],
      // Measured: 412, and one winner each in 20 races of 16 writers.
      create: true,
      // Measured: a wrong one is refused (400 XAmzContentChecksumMismatch), nothing is stored, and GET gives it back.
      checksum: 'crc32c',
      // Measured.
      bulkDelete: true,
      listing: 'any',
      maxPutBytes: S3_PUT_BYTES,
      // Measured. Full-object checksums: https://github.com/minio/minio/pull/20855
      multipart: { ...S3_PARTS, fullObjectChecksum: true },
      prestages: false,
    },
  },
  r2: {
    hosts: [{ suffix: 'r2.cloudflarestorage.com', scheme: 'https' }],
    // https://developers.cloudflare.com/r2/api/s3/api/, "Bucket region".
    region: 'auto',
    profile: {
      id: 'r2',
      // The endpoint is the account's; both styles: the same page.
      addressing: ['path', 'virtual'],
      // Listed for PutObject on the same page; 412. What it says when writers race is not documented, and it takes one write a second per key
      // (https://developers.cloudflare.com/r2/platform/limits/): the others are THROTTLED and tried again.
      create: true,
      // The same page, "Checksum types".
      checksum: 'crc32c',
      // The same page.
      bulkDelete: true,
      listing: 'any',
      // 5 MiB less than 5 GiB: https://developers.cloudflare.com/r2/platform/limits/
      maxPutBytes: S3_PUT_BYTES - 5 * MIB,
      // CRC32C of a multipart upload is composite alone: "Checksum types". Parts of one size, as ours are.
      multipart: { ...S3_PARTS, fullObjectChecksum: false },
      prestages: false,
    },
  },
  gcs: {
    hosts: [{ suffix: 'storage.googleapis.com', scheme: 'https' }],
    // Any region is taken; Google's own samples say auto: https://cloud.google.com/storage/docs/aws-simple-migration
    region: 'auto',
    profile: {
      id: 'gcs',
      // https://cloud.google.com/storage/docs/request-endpoints, "XML API"
      addressing: ['path', 'virtual'],
      // If-None-Match is for reads: https://cloud.google.com/storage/docs/request-preconditions (writes have x-goog-if-generation-match).
      create: false,
      // A PUT with x-amz-checksum-* is refused (ExcessHeaderValues): https://github.com/milvus-io/milvus-storage/pull/480
      checksum: 'none',
      // https://cloud.google.com/storage/docs/xml-api/post-bucket; with the CRC32 that the AWS SDK sends: the same pull request.
      bulkDelete: true,
      listing: 'any',
      maxPutBytes: S3_PUT_BYTES,
      multipart: { ...S3_PARTS, fullObjectChecksum: false },
      prestages: false,
    },
  },
  ceph: {
    hosts: [],
    region: undefined,
    profile: {
      id: 'ceph',
      // Buckets in the host need rgw_dns_name: https://docs.ceph.com/en/latest/radosgw/s3/commons/
      addressing: ['path', 'virtual'],
      // Only newer releases have it (https://github.com/ceph/s3-tests/issues/583), and it depends on what they store in
      // (https://github.com/ceph/ceph/pull/69991).
      create: false,
      // Kept and verified from Squid on (https://github.com/ceph/ceph/pull/55076); before, the header is left alone.
      checksum: 'crc32c',
      // Not documented for requests without Content-MD5.
      bulkDelete: false,
      listing: 'any',
      maxPutBytes: S3_PUT_BYTES,
      multipart: { ...S3_PARTS, fullObjectChecksum: false },
      prestages: false,
    },
  },
  versitygw: {
    hosts: [],
    region: undefined,
    profile: {
      id: 'versitygw',
      // Measured (1.8.0). Buckets in the host need --vd.
      addressing: ['path', 'virtual'],
      // Measured: 412, and one winner each in 20 races of 16 writers.
      create: true,
      // Measured: a wrong one is refused (400 BadDigest), nothing is stored, and GET gives it back.
      checksum: 'crc32c',
      // Measured.
      bulkDelete: true,
      listing: 'any',
      maxPutBytes: S3_PUT_BYTES,
      // Measured: a longer name is stored once, and 409 ExistingObjectIsDirectory ever after. It is replaced through a file beside it, whose name is 28
      // bytes longer (`.<name>.sgwtmp.<nanoseconds>`), in a file system that takes names of 255.
      maxKeyBytes: 227,
      // Measured.
      multipart: { ...S3_PARTS, fullObjectChecksum: true },
      prestages: false,
    },
  },
  generic: {
    hosts: [],
    region: undefined,
    // The least there is: what every store that calls itself S3-compatible does. `probe` finds out more.
    profile: {
      id: 'generic',
      // As Amazon S3 has it; by path where the host is an address or a single label.
      addressing: ['virtual', 'path'],
      create: false,
      checksum: 'crc32c',
      bulkDelete: false,
      listing: 'any',
      maxPutBytes: S3_PUT_BYTES,
      multipart: 'none',
      prestages: false,
    },
  },
};

/** Whose store answers at this host; `generic` for a host that tells nothing. */
export function providerOfHost(host: string): ProviderName {
  for (const [name, { hosts }] of Object.entries(PROVIDERS)) {
    if (hosts.some(({ suffix }) => isUnder(host, suffix))) return name as ProviderName;
  }
  return 'generic';
}

/** What a host speaks that an endpoint names without a scheme. */
export function schemeOfHost(host: string): 'http' | 'https' {
  const { hosts } = PROVIDERS[providerOfHost(host)];
  return hosts.find(({ suffix }) => isUnder(host, suffix))?.scheme ?? 'https';
}

function isUnder(host: string, suffix: string): boolean {
  const name = host.toLowerCase();
  return name === suffix || name.endsWith(`.${suffix}`);
}
