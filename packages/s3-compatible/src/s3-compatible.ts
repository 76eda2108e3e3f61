import type { RemoteBackend } from '@kvferry/core';
import {
  type Addressing,
  checkChoice,
  checkConnectionOptions,
  createS3Backend,
  credentialProvider,
  type S3ConnectionOptions,
} from '@kvferry/s3-protocol';
import { addressingOf, checkBucket, fail, onlyRegionOf, regionOf, storeOf } from './address.ts';
import { checkProfile, type StoreProfile } from './profile.ts';
import { PROVIDERS, type ProviderName, providerOfHost } from './providers.ts';

/** Options of {@link s3Compatible}. */
export interface S3CompatibleOptions extends S3ConnectionOptions {
  /**
   * URL of the store, without bucket: `https://host[:port]`. A host alone speaks what its provider speaks, else TLS. Default: `AWS_ENDPOINT_URL_S3`, else
   * `AWS_ENDPOINT_URL`; required, one way or the other.
   */
  readonly endpoint?: string | undefined;
  /** Region to sign for. Default: the only one of the provider (`auto` for R2 and GCS), else `AWS_REGION`, else `AWS_DEFAULT_REGION`. */
  readonly region?: string | undefined;
  /** Whose store it is, or a profile of one's own, as `probe` gives it. Default: what the host tells, else `generic`, the least there is. */
  readonly provider?: ProviderName | StoreProfile | undefined;
  /** Whether the bucket's name goes into the host or into the path. Default `auto`: the way that the profile names first, and the host allows. */
  readonly addressing?: Addressing | undefined;
  /**
   * `stat` makes the store load each object that it finds into its cache, before it is read: HEAD with `Range: bytes=0-0`. CoreWeave alone, through
   * cwlota.com; it counts as an access there. Default `false`.
   */
  readonly prestage?: boolean | undefined;
}

/**
 * Makes a backend for a bucket of any store that speaks S3, by a profile of what the store does. Nothing is read from disk or network before `open`.
 *
 * A store that takes no checksum gets its payloads signed by SHA-256, unless `payloadSigning` says otherwise: one of the two covers every byte.
 *
 * Throws CONFIG_INVALID, naming the option, for one that is unknown, missing, wrong or at odds with another.
 */
export function s3Compatible(options: S3CompatibleOptions): RemoteBackend {
  checkConnectionOptions(options, 's3-compatible', ['endpoint', 'region', 'provider', 'addressing', 'prestage']);
  checkChoice(options.addressing, 'addressing', ['auto', 'virtual', 'path'], fail);
  const { bucket, connectTo, prestage = false } = options;
  checkBucket(bucket);
  const store = storeOf(options);
  const { profile, region } = providerOf(options.provider, store.host);
  if (typeof prestage !== 'boolean') fail('`prestage` is true or false');
  if (prestage && !profile.prestages) {
    fail(`\`prestage\`: ${profile.id} has no cache that could be filled ahead; CoreWeave has one, at cwlota.com`);
  }
  return createS3Backend({
    scheme: 's3-compatible',
    endpoint: {
      ...store,
      bucket,
      addressing: addressingOf(options.addressing ?? 'auto', profile, store, bucket),
      region: regionOf(options, region),
      connectTo,
    },
    profile: { ...profile, stat: prestage ? 'head-first-byte' : 'head' },
    credentials: credentialProvider(options.credentials ?? 'default'),
    options: {
      ...options,
      payloadSigning: options.payloadSigning ?? (profile.checksum === 'none' ? 'sha256' : 'unsigned'),
    },
  });
}

interface ChosenProvider {
  readonly profile: StoreProfile;
  /** The only one, where there is only one. */
  readonly region: string | undefined;
}

function providerOf(provider: S3CompatibleOptions['provider'], host: string): ChosenProvider {
  if (provider === undefined) return PROVIDERS[providerOfHost(host)];
  if (typeof provider === 'object') {
    checkProfile(provider);
    return { profile: provider, region: onlyRegionOf(host) };
  }
  if (provider === ('aws' as string)) fail("`provider`: 'aws' has a backend of its own, @kvferry/s3");
  checkChoice(provider, 'provider', Object.keys(PROVIDERS), fail);
  return PROVIDERS[provider];
}
