import { KvferryError } from '@kvferry/core';
import {
  canStandInHost,
  namedRegion,
  namedStore,
  resolveAddressing,
  type StoreAddress,
  type StoreOptions,
} from '@kvferry/s3-protocol';
import type { AddressingStyle, StoreProfile } from './profile.ts';
import { PROVIDERS, providerOfHost, schemeOfHost } from './providers.ts';

/** The store that the options or the environment name. Throws CONFIG_INVALID without one. */
export function storeOf(options: StoreOptions): StoreAddress {
  const complete = (endpoint: string): string => {
    if (endpoint.includes('://')) return endpoint;
    const host = endpoint.replace(/:\d+$/, '');
    return `${options.tls === false ? 'http' : schemeOfHost(host)}://${endpoint}`;
  };
  const store = namedStore(options, fail, complete);
  return store ?? fail('`endpoint` is required: give it, or set AWS_ENDPOINT_URL_S3');
}

/** The region to sign for: the options', else the only one of this host's store, else the environment's. Throws CONFIG_INVALID without one. */
export function regionOf(options: StoreOptions, only: string | undefined): string {
  const region = namedRegion({ region: options.region ?? only }, fail);
  return region ?? fail('`region` is required: give it, or set AWS_REGION; a store without regions takes us-east-1');
}

/** The one region of the store at this host, where it has only one. */
export function onlyRegionOf(host: string): string | undefined {
  return PROVIDERS[providerOfHost(host)].region;
}

/** Decides where the bucket's name goes. Throws CONFIG_INVALID for a way that the store does not take, or that cannot work. */
export function addressingOf(
  wanted: 'auto' | AddressingStyle,
  profile: StoreProfile,
  store: StoreAddress,
  bucket: string,
): AddressingStyle {
  if (wanted === 'auto') return bestOf(profile, store, bucket);
  if (!profile.addressing.includes(wanted)) {
    fail(
      `\`addressing\`: '${wanted}' is not taken by ${profile.id}, which takes '${profile.addressing.join("', '")}'; leave it out`,
    );
  }
  // Where the store takes one way alone, another is no advice.
  return profile.addressing.length === 1 ? bestOf(profile, store, bucket) : resolveAddressing(wanted, store, bucket);
}

/** Checks the name of a bucket. Other stores than Amazon's take other names than Amazon S3 does. Throws CONFIG_INVALID. */
export function checkBucket(bucket: string): void {
  if (/[/:\s]/.test(bucket)) {
    fail(`\`bucket\` is a name alone, without scheme, host or path, not ${JSON.stringify(bucket)}`);
  }
  if (/[{}<>]/.test(bucket)) fail(`\`bucket\`: ${JSON.stringify(bucket)} is a placeholder; write the bucket's name`);
  if (bucket.length > 255) fail(`\`bucket\` has at most 255 characters; this one has ${bucket.length}`);
}

export function fail(reason: string): never {
  throw new KvferryError('CONFIG_INVALID', `s3-compatible: ${reason}`);
}

function bestOf(profile: StoreProfile, store: StoreAddress, bucket: string): AddressingStyle {
  for (const style of profile.addressing) {
    // `auto` is `path` exactly where the host cannot carry this bucket.
    if (style === 'path' || resolveAddressing('auto', store, bucket) === 'virtual') return style;
  }
  if (!canStandInHost(bucket)) {
    fail(
      `\`bucket\`: ${profile.id} takes the bucket only in front of its host, and no host name holds ${JSON.stringify(bucket)}`,
    );
  }
  const dotted = store.scheme === 'https' && bucket.includes('.');
  const obstacle = dotted
    ? `${JSON.stringify(bucket)} has dots, which no wildcard certificate covers`
    : `${store.host} takes no name in front of it: name the store's own host, and where to connect by connectTo`;
  fail(`${profile.id} takes the bucket only in front of its host, and ${obstacle}`);
}
