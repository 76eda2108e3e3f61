import { isUtf8 } from 'node:buffer';
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
  const bytes = await readBytes(file);
  const finding = encodingFinding(file, bytes);
  if (finding !== undefined) throw configInvalid(file, [finding]);
  return bytes.toString('utf8');
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    const reason =
      code === 'ENOENT'
        ? `there is no file ${file}; name an LMCache YAML file, in LMCACHE_CONFIG_FILE or as an option`
        : `cannot read ${file}: ${(thrown as Error).message}`;
    throw new KvferryError('CONFIG_INVALID', reason, { cause: thrown });
  }
}

/** Says that a file is not UTF-8; `undefined` where it is. Never quotes it: the line may hold a secret. */
function encodingFinding(file: string, bytes: Buffer): ConfigFinding | undefined {
  const notUtf8 = (line: number, problem: string, encoding: string): ConfigFinding => ({
    severity: 'error',
    key: '',
    value: '',
    source: { kind: 'file', file, line },
    problem: `${problem} LMCache and kvferry read nothing else.`,
    fix: `Save it as UTF-8: iconv -f ${encoding} -t UTF-8 <file> > <new file>`,
    scope: 'always',
  });
  const mark = bytes.length < 2 ? 0 : bytes.readUInt16BE(0);
  // ASCII in UTF-16 has a zero in every other byte, with a mark in front or without.
  const bigEndian = mark === 0xfeff || bytes[0] === 0;
  if (bigEndian || mark === 0xfffe || bytes[1] === 0) {
    return notUtf8(1, 'The file is UTF-16, not UTF-8.', bigEndian ? 'UTF-16BE' : 'UTF-16LE');
  }
  if (isUtf8(bytes)) return undefined;
  // No byte of a longer character is a line feed.
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    if (!isUtf8(bytes.subarray(start, end === -1 ? undefined : end))) break;
    start = end + 1;
  }
  return notUtf8(
    line,
    'The file is not UTF-8: this line has bytes that are no character.',
    '<its encoding, such as LATIN1>',
  );
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
