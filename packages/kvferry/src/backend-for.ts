import {
  circuitBreaker,
  deadline,
  fileBackend,
  keyPrefix,
  memoryBackend,
  metrics,
  type RemoteBackend,
  withLayers,
} from '@kvferry/core';
import { type RemoteTarget, remoteTarget } from '@kvferry/lmcache';
import { keyPrefixOf } from './key-prefix.ts';
import { configInvalid, type LoadedConfig, noRemote } from './load-config.ts';
import { describeS3, openS3, type S3Overrides } from './open-s3.ts';
import { type PluginSources, pluginFor } from './plugins.ts';

/** What a caller puts in place of a configuration's, and where further backends come from. */
export interface BackendOptions extends PluginSources, S3Overrides {}

type UrlTarget = Extract<RemoteTarget, { readonly kind: 'plugin' }>;

/**
 * Makes the backend that a configuration names, not yet open. Every read on it answers within `blocking_timeout_secs`, keys get `key_prefix`, a store that
 * is down is left alone for a second at a time, and each call is published on the diagnostics channel `kvferry:call`.
 *
 * Rejects with CONFIG_INVALID where the configuration names no remote, or one that nothing here opens, or still has the placeholders of a copied example.
 */
export async function backendFor(loaded: LoadedConfig, options: BackendOptions = {}): Promise<RemoteBackend> {
  const { config } = loaded;
  const layers = [
    circuitBreaker(),
    // As in LMCache it bounds what an engine waits for. A put that moves is not cut off: the backend's own limits end one that does not.
    deadline({ callMs: config.blockingTimeoutMs, operations: ['open', 'stat', 'get'] }),
    metrics(),
  ];
  const prefix = keyPrefixOf(config);
  if (prefix !== '') layers.unshift(keyPrefix({ prefix }));
  return withLayers(await bareBackendFor(loaded, options), ...layers);
}

/** The same without any layer, `key_prefix` included: for whoever looks at the store itself. Rejects as `backendFor` does. */
export async function bareBackendFor(loaded: LoadedConfig, options: BackendOptions): Promise<RemoteBackend> {
  const { config, file } = loaded;
  if (options.endpoint === undefined && options.connectTo === undefined) {
    const unfilled = loaded.findings.filter((finding) => finding.scope === 'store');
    // Only a warning as long as nobody opens the store.
    if (unfilled.length > 0)
      throw configInvalid(
        file,
        unfilled.map((finding) => ({ ...finding, severity: 'error' })),
      );
  }
  return openTarget(remoteTarget(config), loaded, options);
}

/** One line that says what a configuration opens, without opening it. */
export function describeRemote(loaded: LoadedConfig): string {
  const target = remoteTarget(loaded.config);
  switch (target.kind) {
    case 'none':
      return 'no remote: remote_url is not set';
    case 'plugin':
      return `${target.scheme} backend at ${target.url}`;
    default:
      return describeS3(target, loaded.config);
  }
}

async function openTarget(target: RemoteTarget, loaded: LoadedConfig, options: BackendOptions): Promise<RemoteBackend> {
  switch (target.kind) {
    case 'none':
      throw noRemote(loaded);
    case 'plugin':
      return openUrl(target, loaded, options);
    default:
      return openS3(target, loaded, options);
  }
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
