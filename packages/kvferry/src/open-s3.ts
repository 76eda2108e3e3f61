import { availableParallelism } from 'node:os';
import { KvferryError, type RemoteBackend } from '@kvferry/core';
import type { LmcacheConfig, RemoteTarget } from '@kvferry/lmcache';
import { s3 } from '@kvferry/s3';
import { type S3CompatibleOptions, type StoreProfile, s3Compatible } from '@kvferry/s3-compatible';
import { s3Express } from '@kvferry/s3-express';
import type { CredentialSource, S3ConnectionOptions } from '@kvferry/s3-protocol';
import type { LoadedConfig } from './load-config.ts';

/** What a caller puts in place of a configuration's. */
export interface S3Overrides {
  /** URL of a store to use in place of the one that the configuration names. Placeholders of a copied example are then no error. */
  readonly endpoint?: string | undefined;
  /** Connects here in place of the store's host, whose name goes on the wire all the same. Placeholders of a copied example are then no error. */
  readonly connectTo?: S3ConnectionOptions['connectTo'];
  readonly bucket?: string | undefined;
  readonly region?: string | undefined;
  readonly credentials?: CredentialSource | undefined;
  /** PEM of the authority to trust, in place of `ca_file`. */
  readonly ca?: string | undefined;
  /** Limits of one attempt, in milliseconds. Default: the backend's own. */
  readonly timeouts?: S3ConnectionOptions['timeouts'];
  /** Attempts of one request, the first included. Default: the backend's own. */
  readonly maxAttempts?: number | undefined;
  /** Requests at once, where they are fewer than the configuration's. */
  readonly maxRequestsInFlight?: number | undefined;
}

/** A store that speaks S3. */
export type S3Target = Extract<RemoteTarget, { readonly kind: 's3' | 's3-express' | 's3-compatible' }>;

/**
 * Makes the backend of the store that a configuration's `remoteTarget` names, bare: without key prefix, breaker, deadline and metrics. For whoever puts
 * layers of their own around it. Throws CONFIG_INVALID for what the store does not take.
 */
export function openS3(target: S3Target, loaded: LoadedConfig, overrides: S3Overrides): RemoteBackend {
  const { config } = loaded;
  const { kvferry } = config;
  const endpoint = overrides.endpoint ?? namedEndpoint(target, config);
  const plain = endpoint === undefined ? config.s3.disableTls : endpoint.startsWith('http://');
  const trust = overrides.ca === undefined ? { caFile: kvferry.caFile } : { ca: overrides.ca };
  const connection: S3ConnectionOptions = {
    bucket: overrides.bucket ?? target.bucket,
    credentials: overrides.credentials ?? credentialSource(config),
    tls: plain ? false : trust,
    connectTo: overrides.connectTo,
    ...transportOf(config, overrides.maxRequestsInFlight),
    timeouts: overrides.timeouts,
    maxAttempts: overrides.maxAttempts,
    verify: kvferry.verify,
  };
  const address = { region: overrides.region ?? target.region, endpoint };
  if (target.kind === 's3-compatible') {
    return s3Compatible({
      ...connection,
      ...address,
      addressing: target.addressing,
      provider: providerOf(target, config, overrides),
      prestage: kvferry.prestage,
    });
  }
  refuseForAmazon(kvferry, target, loaded.file);
  if (target.kind === 's3-express') return s3Express({ ...connection, ...address });
  return s3({ ...connection, ...address, addressing: target.addressing });
}

/** One line that says which store this is, and how it is spoken to. */
export function describeS3(target: S3Target, config: LmcacheConfig): string {
  const kind =
    target.kind === 's3-compatible'
      ? `${target.kind} backend (${profileName(target, config)})`
      : `${target.kind} backend`;
  const endpoint =
    namedEndpoint(target, config) ?? (environmentEndpoint() || `${target.scheme}://${target.endpointHost}`);
  const store = `bucket ${target.bucket} at ${endpoint}, region ${target.region}`;
  const { http2, ioThreads, maxRequestsInFlight } = transportOf(config);
  const threads = `${ioThreads} I/O thread${ioThreads === 1 ? '' : 's'}`;
  const protocol = http2 === 'prefer' ? 'HTTP/2 where the store chooses it' : 'HTTP/1.1';
  return `${kind}: ${store}; at most ${maxRequestsInFlight} requests at once, ${threads}, ${protocol}`;
}

/**
 * How a configuration wants the store to be spoken to. LMCache's one key `s3_num_io_threads` means two things: it is the only way in which it limits what
 * goes out, and the threads that carry it, of which more than cores − 1 gain nothing.
 */
function transportOf(
  { s3: { ioThreads, preferHttp2 } }: LmcacheConfig,
  most: number = ioThreads,
): {
  readonly maxRequestsInFlight: number;
  readonly ioThreads: number;
  readonly http2: 'prefer' | 'never';
} {
  const maxRequestsInFlight = Math.min(ioThreads, most);
  return {
    maxRequestsInFlight,
    ioThreads: Math.min(maxRequestsInFlight, Math.max(1, availableParallelism() - 1)),
    http2: preferHttp2 === true ? 'prefer' : 'never',
  };
}

/**
 * Whose store it is. Another endpoint than the configuration's is another's store, unless the configuration says whose: then its host decides, as it does
 * for the configuration's own.
 */
function providerOf(
  target: S3Target,
  { kvferry }: LmcacheConfig,
  { endpoint }: S3Overrides,
): S3CompatibleOptions['provider'] {
  // Checked, field by field, by who takes it.
  if (kvferry.providerProfile !== undefined) return camelCased(kvferry.providerProfile) as StoreProfile;
  const provider = endpoint === undefined ? target.provider : kvferry.provider;
  return provider as Exclude<S3CompatibleOptions['provider'], StoreProfile>;
}

function profileName({ provider }: S3Target, { kvferry }: LmcacheConfig): string {
  const id = kvferry.providerProfile?.id;
  return typeof id === 'string' ? id : provider;
}

function refuseForAmazon(
  { prestage, providerProfile }: LmcacheConfig['kvferry'],
  { kind }: S3Target,
  file: string,
): void {
  const key = providerProfile === undefined ? (prestage === true ? 'prestage' : undefined) : 'provider_profile';
  if (key === undefined) return;
  // A host of S3 Express decides, whatever the provider.
  const fix = kind === 's3-express' ? 'Remove it.' : 'Remove it, or add: provider: generic';
  throw new KvferryError(
    'CONFIG_INVALID',
    `${file}: extra_config.kvferry.${key} is for stores other than Amazon's, and this is the ${kind} backend. ${fix}`,
  );
}

/** The endpoint that a configuration names. For `s3://<bucket>` alone it names none: then `AWS_ENDPOINT_URL_S3` counts, or AWS's own. */
function namedEndpoint(target: S3Target, config: LmcacheConfig): string | undefined {
  const named = config.remoteUrl?.slice('s3://'.length) ?? '';
  // A bucket's name that is no host: it has no dots, or is given once more as `bucket`.
  const isBare = config.kvferry.endpoint === undefined && (named === target.bucket || !/[.:[]/.test(named));
  return isBare ? undefined : `${target.scheme}://${target.endpointHost}`;
}

/** What a backend takes where no endpoint is named; an empty variable counts as none. */
function environmentEndpoint(): string | undefined {
  return process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL;
}

/** Where a configuration's credentials come from: its own keys, its profile, or the usual chain of AWS. */
export function credentialSource({ kvferry, s3: { credentials } }: LmcacheConfig): CredentialSource {
  if (credentials !== undefined) return { ...credentials, sessionToken: kvferry.sessionToken };
  if (kvferry.profile !== undefined) return { awsProfile: kvferry.profile };
  return 'default';
}

/** Keys as options have them, of a map as YAML has it. */
function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [
    key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    camelCased(inner),
  ]);
  return Object.fromEntries(entries);
}
