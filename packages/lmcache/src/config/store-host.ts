/** What a host says about the store behind it. */
export interface StoreHost {
  /** `aws`, `coreweave`, …; `generic` for a host that no known store has. */
  readonly provider: string;
  readonly express: boolean;
  /** What stands in front of the store's own name; `undefined` where nothing does. */
  readonly bucket: string | undefined;
  /** The store's own name, and port where one was given. */
  readonly endpointHost: string;
  /** As the host has it; `undefined` where it names none. */
  readonly region: string | undefined;
  /** Availability zone of an S3 Express host. */
  readonly zone: string | undefined;
}

/**
 * Reads a host, with or without port, by the suffixes of known stores. Of a host that none of them owns, the first label is the bucket and
 * the rest the store; a single label or an IP address has no bucket in it. Placeholders such as `{REGION}` count as text.
 */
export function readStoreHost(hostAndPort: string): StoreHost {
  const port = /:\d+$/.exec(hostAndPort)?.[0] ?? '';
  const host = hostAndPort.slice(0, hostAndPort.length - port.length);
  for (const { provider, express, pattern } of KNOWN) {
    const groups = pattern.exec(host)?.groups;
    if (groups === undefined) continue;
    return {
      provider,
      express,
      bucket: groups.bucket,
      endpointHost: `${lowerCase(groups.store ?? host)}${port}`,
      region: groups.region === undefined ? undefined : lowerCase(groups.region),
      zone: groups.zone === undefined ? undefined : lowerCase(groups.zone),
    };
  }
  const dot = isIpAddress(host) ? -1 : host.indexOf('.');
  return {
    provider: 'generic',
    express: false,
    bucket: dot === -1 ? undefined : host.slice(0, dot),
    endpointHost: dot === -1 ? hostAndPort : hostAndPort.slice(dot + 1),
    region: undefined,
    zone: undefined,
  };
}

/** An IPv4 address, or an IPv6 one in brackets. */
export function isIpAddress(host: string): boolean {
  return /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\])$/.test(host);
}

/** Zone of a directory bucket (`name--use1-az4--x-s3`); `undefined` for any other bucket. */
export function directoryBucketZone(bucket: string): string | undefined {
  const parts = bucket.split('--');
  return parts.length >= 3 && parts.at(-1) === 'x-s3' ? parts.at(-2) : undefined;
}

/** AWS's domain for a region: China has its own. */
export function awsDomain(region: string): string {
  return region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
}

const NAME = '[^.]+';

/**
 * Hosts of known stores. AWS: "Amazon S3 endpoints and quotas" and "Regional and Zonal endpoints" of its documentation; the dash form
 * (`s3-us-west-2`) is its old one. The bucket is greedy: it may have dots, the store's own name is the shortest that fits.
 */
const KNOWN: readonly { readonly provider: string; readonly express: boolean; readonly pattern: RegExp }[] = [
  aws(`s3express-(?:fips-)?(?<zone>${NAME})\\.(?<region>${NAME})`, true),
  aws('s3-accelerate(?:\\.dualstack)?'),
  aws(`bucket\\.vpce-${NAME}\\.s3\\.(?<region>${NAME})\\.vpce`),
  aws(`s3(?:-fips)?\\.dualstack\\.(?<region>${NAME})`),
  aws(`s3(?:-fips)?\\.(?<region>${NAME})`),
  aws(`s3-(?<region>[a-z]{2}-${NAME}-\\d)`),
  aws('s3'),
  store('coreweave', '(?:cwlota|cwobject)\\.com'),
  store('r2', `${NAME}\\.(?:eu|fedramp)\\.r2\\.cloudflarestorage\\.com`),
  store('r2', `${NAME}\\.r2\\.cloudflarestorage\\.com`),
  store('gcs', 'storage\\.googleapis\\.com'),
];

function aws(service: string, express = false): (typeof KNOWN)[number] {
  return { ...store('aws', `${service}\\.amazonaws\\.com(?:\\.cn)?`), express };
}

function store(provider: string, name: string): (typeof KNOWN)[number] {
  return { provider, express: false, pattern: new RegExp(`^(?:(?<bucket>.+)\\.)?(?<store>${name})$`, 'i') };
}

/** Host names have no case; placeholders do. */
function lowerCase(text: string): string {
  return text.replace(/\{\w+\}|[^{}]+/g, (part) => (part.startsWith('{') ? part : part.toLowerCase()));
}
