import type { LoadedConfig } from 'kvferry';

/**
 * A configuration as both halves of the job use it: a shorter last chunk would reach no other process, and a minimum for what is loaded would be held
 * against each window of chunks alone.
 */
export function jobConfig(loaded: LoadedConfig): LoadedConfig {
  return { ...loaded, config: { ...loaded.config, saveUnfullChunk: false, minRetrieveTokens: 0 } };
}
