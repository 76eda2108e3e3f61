import {
  circuitBreaker,
  deadline,
  fileBackend,
  KvferryError,
  keyPrefix,
  memoryBackend,
  metrics,
  type RemoteBackend,
  withLayers,
} from '@kvferry/core';
import { type RemoteTarget, remoteTarget } from '@kvferry/lmcache';
import { s3 } from '@kvferry/s3';
import type { CredentialSource } from '@kvferry/s3-protocol';
import { configInvalid, type LoadedConfig } from './load-config.ts';
import { type PluginSources, pluginFor } from './plugins.ts';

export interface BackendOptions extends PluginSources {
  /** URL of a store to use in place of the one that the configuration names. Placeholders of a copied example are then no error. */
  readonly endpoint?: string | undefined;
  /** Credentials in place of the configuration's. */
  readonly credentials?: CredentialSource | undefined;
  /** PEM of the authority to trust, in place of the configuration's `ca_file`. */
  readonly ca?: string | undefined;
}

type UrlTarget = Extract<RemoteTarget, { readonly kind: 'plugin' }>;
type S3Target = Extract<RemoteTarget, { readonly kind: 's3' | 's3-express' | 's3-compatible' }>;

/**
 * Makes the backend that a configuration names, not yet open. Every read on it answers within `blocking_timeout_secs`, keys get `key_prefix`, a store that
 * is down is left alone for a second at a time, and each call is published on the diagnostics channel `kvferry:call`.
 *
 * Rejects with CONFIG_INVALID where the configuration names no remote, or still has the placeholders of a copied example; UNSUPPORTED, naming it, for a
 * backend that is not there.
 */
export async function backendFor(loaded: LoadedConfig, options: BackendOptions = {}): Promise<RemoteBackend> {
  const { config, file } = loaded;
  if (options.endpoint === undefined) {
    const unfilled = loaded.findings.filter((finding) => finding.scope === 'store');
    // Only a warning as long as nobody opens the store.
    if (unfilled.length > 0)
      throw configInvalid(
        file,
        unfilled.map((finding) => ({ ...finding, severity: 'error' })),
      );
  }
  const target = remoteTarget(config);
  const layers = [
    circuitBreaker(),
    // As in LMCache it bounds what an engine waits for. A put that moves is not cut off: the backend's own limits end one that does not.
    deadline({ callMs: config.blockingTimeoutMs, operations: ['open', 'stat', 'get'] }),
    metrics(),
  ];
  const prefix = config.kvferry.keyPrefix?.replace(/\/$/, '');
  if (prefix !== undefined) layers.unshift(keyPrefix({ prefix }));
  return withLayers(await openTarget(target, loaded, options), ...layers);
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

async function openTarget(target: RemoteTarget, loaded: LoadedConfig, options: BackendOptions): Promise<RemoteBackend> {
  switch (target.kind) {
    case 'none':
      throw new KvferryError('CONFIG_INVALID', `${loaded.file} names no remote. Write: remote_url: "s3://<bucket>"`);
    case 'plugin':
      return openUrl(target, loaded, options);
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

/** A store that core brings, or that a plug-in does. */
async function openUrl(
  { scheme, url }: UrlTarget,
  loaded: LoadedConfig,
  options: BackendOptions,
): Promise<RemoteBackend> {
  const rest = url.slice(url.indexOf('://') + 3);
  if (scheme === 'file') return fileBackend({ path: rest });
  if (scheme === 'memory') return memoryBackend({ namespace: rest });
  const plugin = await pluginFor(scheme, loaded, options);
  return plugin.open({ url, options: loaded.config.kvferry.options ?? {} });
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
