import { readFile } from 'node:fs/promises';
import { KvferryError } from '@kvferry/core';
import { type ConfigFinding, formatFinding, type ParsedConfig, parseLmcacheConfig } from '@kvferry/lmcache';

export interface LoadConfigOptions {
  /** Path of the YAML file. Default: `LMCACHE_CONFIG_FILE` of `env`; without either, environment and defaults alone count, as in LMCache. */
  readonly file?: string | undefined;
  /** Where `LMCACHE_*` and `PYTHONHASHSEED` are read. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Values for the `{NAME}` placeholders of a copied example. Default: none. */
  readonly placeholders?: Readonly<Record<string, string>> | undefined;
}

/** Stands for the file where there is none. */
export const NO_FILE = '(environment)';

/** A configuration without an error in it. Its warnings stand in `findings`: show them. */
export interface LoadedConfig extends ParsedConfig {
  /** The file read, or `(environment)`. */
  readonly file: string;
}

/**
 * Reads an LMCache configuration as LMCache 0.5.6 would. Throws CONFIG_INVALID with every error of the file in one message, each with its
 * line and the fix.
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  const env = options.env ?? process.env;
  const file = options.file ?? env.LMCACHE_CONFIG_FILE;
  const text = file === undefined ? undefined : await readConfigFile(file);
  const name = file ?? NO_FILE;
  const parsed = parseLmcacheConfig({ text, file: name, env, placeholders: options.placeholders ?? {} });
  const errors = parsed.findings.filter((finding) => finding.severity === 'error');
  if (errors.length > 0) throw configInvalid(name, parsed.findings);
  return { ...parsed, file: name };
}

async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    const reason =
      code === 'ENOENT'
        ? `there is no file ${file}; name an LMCache YAML file, in LMCACHE_CONFIG_FILE or as an option`
        : `cannot read ${file}: ${(thrown as Error).message}`;
    throw new KvferryError('CONFIG_INVALID', reason, { cause: thrown });
  }
}

/** The error for a configuration that must not be used: one finding after another, as they would be printed. */
export function configInvalid(file: string, findings: readonly ConfigFinding[]): KvferryError {
  const list = findings.map((finding) => formatFinding(finding)).join('\n');
  return new KvferryError('CONFIG_INVALID', `${file} cannot be used as it stands.\n${list}`);
}

/** The error for a configuration that names no remote where one is needed. */
export function noRemote({ file }: LoadedConfig): KvferryError {
  const reason =
    file === NO_FILE
      ? 'no configuration file is named, and the environment names no remote. Name an LMCache YAML file, with --config or in ' +
        'LMCACHE_CONFIG_FILE, or set LMCACHE_REMOTE_URL'
      : `${file} names no remote. Write: remote_url: "s3://<bucket>"`;
  return new KvferryError('CONFIG_INVALID', reason);
}
