import { fileBackend, keyPrefix, type Layer, memoryBackend, type RemoteBackend } from '@kvferry/core';
import { remoteTarget } from '@kvferry/lmcache';
import { keyPrefixOf, type LoadedConfig, openS3, pluginFor, type S3Overrides } from 'kvferry';
import type { Seat } from './types.ts';

/** Makes a backend, with these changes where its store speaks S3. */
export type MakeBackend = (changes?: S3Overrides) => RemoteBackend;

/**
 * Makes backends of a seat's store, each a new one: as `backendFor` does, but bare, without its time limits, and without the configuration's prefix. Rejects
 * with CONFIG_INVALID where nothing opens the store.
 */
export async function bareBackends({ backends, loaded, overrides }: Seat): Promise<MakeBackend> {
  const target = remoteTarget(loaded.config);
  if (target.kind === 'none') throw new Error('a seat names its store');
  if (target.kind !== 'plugin') return (changes) => openS3(target, loaded, { ...overrides, ...changes });
  const { scheme, url } = target;
  const rest = url.slice(url.indexOf('://') + 3);
  if (scheme === 'memory') return () => memoryBackend({ namespace: rest });
  if (scheme === 'file') return () => fileBackend({ path: rest });
  const plugin = await pluginFor(scheme, loaded, { backends });
  return () => plugin.open({ url, options: loaded.config.kvferry.options ?? {} });
}

/** What a configuration puts in front of all keys, with the slash that stands between; empty: nothing. Who may write only below it can still run the bench. */
export function frontOf({ config }: LoadedConfig): string {
  const prefix = keyPrefixOf(config);
  return prefix === '' ? '' : `${prefix}/`;
}

/** The layer that keeps all keys under such a prefix. An empty one adds nothing. */
export function underPrefix(prefix: string): Layer {
  return prefix === '' ? (backend) => backend : keyPrefix({ prefix: prefix.slice(0, -1) });
}
