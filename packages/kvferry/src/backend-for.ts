import {
  deadline,
  fileBackend,
  KvferryError,
  keyPrefix,
  memoryBackend,
  type RemoteBackend,
  withLayers,
} from '@kvferry/core';
import { type RemoteTarget, remoteTarget } from '@kvferry/lmcache';
import { s3 } from '@kvferry/s3';
import type { CredentialSource } from '@kvferry/s3-protocol';
import { configInvalid, type LoadedConfig } from './load-config.ts';

export interface BackendOptions {
  /** URL of a store to use in place of the one that the configuration names. Placeholders of a copied example are then no error. */
  readonly endpoint?: string | undefined;
  /** Credentials in place of the configuration's. */
  readonly credentials?: CredentialSource | undefined;
  /** PEM of the authority to trust, in place of the configuration's `ca_file`. */
  readonly ca?: string | undefined;
}

type S3Target = Extract<RemoteTarget, { readonly kind: 's3' | 's3-express' | 's3-compatible' }>;

/**
 * Makes the backend that a configuration names, not yet open. Every read on it answers within `blocking_timeout_secs`, and keys get `key_prefix`.
 *
 * Throws CONFIG_INVALID where the configuration names no remote, or still has the placeholders of a copied example; UNSUPPORTED, naming it, for a
 * backend that is not there.
 */
export function backendFor(loaded: LoadedConfig, options: BackendOptions = {}): RemoteBackend {
  const { config, file } = loaded;
  if (options.endpoint === undefined) {
    const unfilled = loaded.findings.filter((finding) => finding.scope === 'store');
    if (unfilled.length > 0) throw configInvalid(file, unfilled);
  }
  const target = remoteTarget(config);
  // As in LMCache it bounds what an engine waits for. A put that moves is not cut off: the backend's own limits end one that does not.
  const layers = [deadline({ callMs: config.blockingTimeoutMs, operations: ['open', 'stat', 'get'] })];
  if (config.kvferry.keyPrefix !== undefined) layers.unshift(keyPrefix({ prefix: config.kvferry.keyPrefix }));
  return withLayers(openTarget(target, loaded, options), ...layers);
}

/** One line that says what a configuration opens, without opening it. */
export function describeRemote(loaded: LoadedConfig): string {
  const target = remoteTarget(loaded.config);
  switch (target.kind) {
    case 'none':
      return 'no remote: remote_url is not set';
    case 'plugin':
      return `${target.scheme} backend at ${target.url}`;
    case 's3':
      return `s3 backend: ${bucketAndStore(target)}`;
    case 's3-express':
      return `s3-express backend: ${bucketAndStore(target)}`;
    case 's3-compatible':
      return `s3-compatible backend (${target.provider}): ${bucketAndStore(target)}`;
  }
}

function bucketAndStore(target: S3Target): string {
  return `bucket ${target.bucket} at ${target.scheme}://${target.endpointHost}, region ${target.region}`;
}

function openTarget(target: RemoteTarget, loaded: LoadedConfig, options: BackendOptions): RemoteBackend {
  switch (target.kind) {
    case 'none':
      throw new KvferryError('CONFIG_INVALID', `${loaded.file} names no remote. Write: remote_url: "s3://<bucket>"`);
    case 'plugin':
      return openUrl(target.scheme, target.url);
    case 's3':
      return openS3(target, loaded, options);
    case 's3-express':
    case 's3-compatible':
      throw new KvferryError(
        'UNSUPPORTED',
        `${loaded.file} names the ${target.kind} backend (${bucketAndStore(target)}), which this version of kvferry cannot open; it opens general purpose S3 buckets${hintFor(target)}`,
      );
  }
}

/** A store that nobody knows may well behave like Amazon S3: its owner can say so. */
function hintFor(target: S3Target): string {
  if (target.kind !== 's3-compatible' || target.provider === 'coreweave') return '';
  return '. If this store behaves like Amazon S3, add: extra_config: kvferry: { provider: aws }';
}

/** The stores that core brings. */
function openUrl(scheme: string, url: string): RemoteBackend {
  const rest = url.slice(url.indexOf('://') + 3);
  if (scheme === 'file') return fileBackend({ path: rest });
  if (scheme === 'memory') return memoryBackend({ namespace: rest });
  throw new KvferryError(
    'UNSUPPORTED',
    `remote_url: ${scheme}:// is no store that this version of kvferry opens. Write one of s3://, file:// or memory://`,
  );
}

function openS3(target: S3Target, loaded: LoadedConfig, options: BackendOptions): RemoteBackend {
  const { config } = loaded;
  const { kvferry } = config;
  const endpoint = options.endpoint ?? namedEndpoint(target, loaded);
  const plain = endpoint === undefined ? config.s3.disableTls : endpoint.startsWith('http://');
  if (kvferry.verify === 'full') {
    throw new KvferryError(
      'UNSUPPORTED',
      'verify: full is not there yet; write verify: fast, which checks by CRC32C where the store has it',
    );
  }
  const trust = options.ca === undefined ? { caFile: kvferry.caFile } : { ca: options.ca };
  return s3({
    bucket: target.bucket,
    region: target.region,
    endpoint,
    addressing: target.addressing,
    credentials: options.credentials ?? credentialSource(loaded),
    tls: plain ? false : trust,
    maxRequestsInFlight: config.s3.ioThreads,
    verify: kvferry.verify,
  });
}

/** The endpoint that a configuration names. For `s3://<bucket>` alone it names none: then `AWS_ENDPOINT_URL_S3` counts, or AWS's own. */
function namedEndpoint(target: S3Target, { config }: LoadedConfig): string | undefined {
  const isBare = config.kvferry.endpoint === undefined && config.remoteUrl === `s3://${target.bucket}`;
  return isBare ? undefined : `${target.scheme}://${target.endpointHost}`;
}

function credentialSource({ config }: LoadedConfig): CredentialSource {
  const { credentials } = config.s3;
  if (credentials !== undefined) return { ...credentials, sessionToken: config.kvferry.sessionToken };
  if (config.kvferry.profile !== undefined) return { awsProfile: config.kvferry.profile };
  return 'default';
}
