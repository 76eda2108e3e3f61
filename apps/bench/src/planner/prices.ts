/** List prices of a store, in US dollars. */
export interface PriceList {
  readonly service: string;
  readonly region: string;
  readonly perThousandPuts: number;
  readonly perThousandGets: number;
  /** HEAD, and whatever else is neither a PUT, a GET, a LIST (which costs a PUT) nor a DELETE (which is free). */
  readonly perThousandOthers: number;
  readonly storagePerGibMonth: number;
  /** Charged by the service itself, inside its own region. Traffic that leaves the region is not in here. */
  readonly uploadPerGib: number;
  readonly retrievalPerGib: number;
  /** When the figures were last held against the source, or what `source` says of it. */
  readonly date: string;
  readonly source: string;
}

/** S3 Standard, the first 50 TB. What AWS calls a GB is 1024³ bytes. */
export const S3_STANDARD: PriceList = {
  service: 'S3 Standard',
  region: 'us-east-1',
  perThousandPuts: 0.005,
  perThousandGets: 0.0004,
  perThousandOthers: 0.0004,
  storagePerGibMonth: 0.023,
  uploadPerGib: 0,
  retrievalPerGib: 0,
  date: '2026-11-26',
  source: 'https://aws.amazon.com/s3/pricing/ (as others quote it: the page itself fills its figures in by script)',
};

/** S3 Express One Zone, since its prices were lowered in April 2025: from then on every byte is charged, before it was those beyond 512 KB of a request. */
export const S3_EXPRESS: PriceList = {
  service: 'S3 Express One Zone',
  region: 'us-east-1',
  perThousandPuts: 0.00113,
  perThousandGets: 0.00003,
  perThousandOthers: 0.00003,
  storagePerGibMonth: 0.11,
  uploadPerGib: 0.0032,
  retrievalPerGib: 0.0006,
  date: '2026-11-26',
  source:
    'https://aws.amazon.com/s3/faqs/ (a stored copy, worked examples under "S3 Express One Zone"; HEAD taken to cost a GET)',
};

/** Cloudflare R2, standard storage, without the free allowance of each month. */
export const R2: PriceList = {
  service: 'Cloudflare R2',
  region: 'any',
  perThousandPuts: 0.0045,
  perThousandGets: 0.00036,
  perThousandOthers: 0.00036,
  storagePerGibMonth: 0.015,
  uploadPerGib: 0,
  retrievalPerGib: 0,
  date: '2026-11-26',
  source: 'https://developers.cloudflare.com/r2/pricing/',
};

/** Google Cloud Storage, standard storage in one region. Storage is listed as $0.000027397 per GiB and hour. */
export const GCS: PriceList = {
  service: 'Google Cloud Storage',
  region: 'us-central1',
  perThousandPuts: 0.005,
  perThousandGets: 0.0004,
  perThousandOthers: 0.0004,
  storagePerGibMonth: 0.02,
  uploadPerGib: 0,
  retrievalPerGib: 0,
  date: '2026-11-26',
  source:
    'https://cloud.google.com/storage/pricing-examples (a stored copy; its example is us-east1, which costs the same)',
};

/** CoreWeave AI Object Storage, as long as it is read (its hot tier): neither requests nor traffic are charged. */
export const COREWEAVE: PriceList = {
  service: 'CoreWeave AI Object Storage',
  region: 'any',
  perThousandPuts: 0,
  perThousandGets: 0,
  perThousandOthers: 0,
  storagePerGibMonth: 0.06,
  uploadPerGib: 0,
  retrievalPerGib: 0,
  date: '2026-11-26',
  source: 'https://docs.coreweave.com/docs/pricing/pricing-storage (a stored copy, with the tiers of October 2025)',
};

/** Price lists by the end of the host that they are of. */
const BY_HOST: readonly (readonly [suffix: string, prices: PriceList])[] = [
  ['r2.cloudflarestorage.com', R2],
  ['storage.googleapis.com', GCS],
  ['cwlota.com', COREWEAVE],
  ['cwobject.com', COREWEAVE],
];

/** Regions in which S3 costs what it costs in us-east-1. */
const SAME_PRICE = /^us-(east-1|east-2|west-2)$/;
const REGION = /(?:^|[./-])((?:af|ap|ca|cn|eu|il|me|mx|sa|us)(?:-gov)?-[a-z]+-\d)(?:\.|$)/;

/**
 * The price list of a run's store: by the backend's scheme and the store as the run names it, `embedded`, `minio` or a URL. `null` for a store that nobody
 * charges for, for one that is not known, and for S3 in a region that costs something else.
 *
 * @param region of an S3 store whose URL does not name it
 */
export function pricesFor(backend: string, target: string, region?: string | undefined): PriceList | null {
  const host = hostOf(target);
  if (host === undefined) return null;
  const known = BY_HOST.find(([suffix]) => host === suffix || host.endsWith(`.${suffix}`));
  if (known !== undefined) return known[1];
  const isAws = host === 'amazonaws.com' || host.endsWith('.amazonaws.com');
  // `s3://my-bucket` names no host: that is AWS for these two, and anybody's store for `s3-compatible`.
  const isBucket = target.startsWith('s3://') && !host.includes('.') && !host.includes(':');
  if (!isAws && !(isBucket && (backend === 's3' || backend === 's3-express'))) return null;
  if (!SAME_PRICE.test(REGION.exec(host)?.[1] ?? region ?? 'us-east-1')) return null;
  return backend === 's3-express' || host.includes('s3express') ? S3_EXPRESS : S3_STANDARD;
}

function hostOf(target: string): string | undefined {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]+)/i.exec(target)?.[1];
  return authority?.replace(/^.*@/, '').replace(/:\d+$/, '').toLowerCase();
}
