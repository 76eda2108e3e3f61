import { KvferryError } from '@kvferry/core';
import { formatFinding } from '@kvferry/lmcache';
import { type Command, Option } from 'commander';
import { type LoadedConfig, loadConfig } from 'kvferry';
import { collectSet } from 'kvferry/terminal';
import pc from 'picocolors';
import type { StoreRequest } from './types.ts';

/** What the flags of {@link addStoreFlags} come to. */
export interface StoreFlags {
  readonly backend: string | undefined;
  readonly target: string | undefined;
  readonly config: string | undefined;
  readonly live: true | undefined;
  readonly bucket: string | undefined;
  readonly region: string | undefined;
  readonly set: Readonly<Record<string, string>>;
}

/** Gives a command the flags by which a backend and its store are named. */
export function addStoreFlags(command: Command): Command {
  return command
    .option(
      '--backend <name>',
      'memory, file, s3, s3-express, s3-compatible, or a package or ./file of a plug-in (default: s3)',
    )
    .addOption(
      new Option(
        '--target <store>',
        'embedded (a simulator), minio, or the URL of a store: http(s)://… for s3, file://<folder>, foo://… of a plug-in (default: embedded)',
      ).conflicts('live'),
    )
    .option('--config <file>', 'LMCache YAML file: its bucket, region and prefix count, on the simulator')
    .option('--live', 'use the store that the configuration names (--config, else LMCACHE_CONFIG_FILE)')
    .option('--bucket <name>', 'a bucket that exists; the run stays under one prefix of its own (default: a new one)')
    .option('--region <name>', "region of the bucket (default: the configuration's, AWS_REGION, us-east-1)")
    .addOption(
      new Option('--set <NAME=value>', 'fill the placeholder {NAME} of a copied example; repeatable')
        .argParser(collectSet)
        .default({}, 'none'),
    );
}

/** Reads the configuration, where one is asked for; what is to be said about it goes to standard error. */
export async function storeRequestOf(flags: StoreFlags): Promise<Omit<StoreRequest, 'runFolder'>> {
  const { backend, target, live = false, bucket, region } = flags;
  return { backend, target, live, bucket, region, loaded: await configOf(flags) };
}

async function configOf({ config, live, set }: StoreFlags): Promise<LoadedConfig | undefined> {
  if (config === undefined && live !== true) {
    if (Object.keys(set).length === 0) return undefined;
    throw new KvferryError('INVALID_ARGUMENT', '--set fills the placeholders of a configuration: add --config <file>');
  }
  const loaded = await loadConfig({ file: config, placeholders: set });
  for (const finding of loaded.findings) {
    // Opening the live store makes errors of these.
    if (live !== true || finding.scope === 'always') console.error(pc.yellow(formatFinding(finding)));
  }
  return loaded;
}
