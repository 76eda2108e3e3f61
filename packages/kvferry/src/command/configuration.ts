import { formatFinding } from '@kvferry/lmcache';
import pc from 'picocolors';
import { type LoadedConfig, loadConfig, noRemote } from '../load-config.ts';
import { type CommandIo, say } from './io.ts';
import type { StoreFlags } from './subcommand.ts';

/** Reads the configuration that the flags name. Throws as `loadConfig`. */
export function readConfiguration({ config, set }: StoreFlags, { env }: CommandIo): Promise<LoadedConfig> {
  return loadConfig({ file: config, env, placeholders: set });
}

/** Says what is wrong with a configuration whatever store is used; opening its own store makes errors of the other findings. */
export function sayFindings({ findings }: LoadedConfig, { stderr }: CommandIo): void {
  for (const finding of findings) if (finding.scope === 'always') say(stderr, pc.yellow(formatFinding(finding)));
}

/** Throws CONFIG_INVALID where a configuration names no remote. */
export function requireRemote(loaded: LoadedConfig): void {
  if (loaded.config.remoteUrl === undefined) throw noRemote(loaded);
}
