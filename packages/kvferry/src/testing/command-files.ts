import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Simulator } from '@kvferry/s3-simulator';
import { temporaryFolder } from './temporary-folder.ts';

/** What a run of the command is given. */
export interface CommandFiles {
  readonly folder: string;
  /** The flags that name the files. */
  readonly flags: readonly string[];
  /** Where bytes may go to and come from. */
  readonly kv: string;
}

export interface FilesOf {
  /** Lines of the configuration, in front of the store's. */
  readonly config: string;
  /** Lines of `extra_config.kvferry`, unindented. */
  readonly kvferry?: readonly string[] | undefined;
  readonly model: object;
  readonly tokens: readonly number[];
}

/** Writes configuration, model and tokens into a folder of the running test, for the bucket `my-bucket` of this simulator. */
export async function commandFiles(
  simulator: Simulator,
  { config, kvferry = [], model, tokens }: FilesOf,
): Promise<CommandFiles> {
  const folder = await temporaryFolder();
  const { accessKeyId, secretAccessKey } = simulator.credentials;
  const lines = [
    ...config.split('\n'),
    `remote_url: "s3://127.0.0.1:${simulator.port}"`,
    'extra_config:',
    '  disable_tls: True',
    `  s3_region: "${simulator.region}"`,
    `  aws_access_key_id: "${accessKeyId}"`,
    `  aws_secret_access_key: "${secretAccessKey}"`,
    '  kvferry:',
    '    bucket: my-bucket',
    '    provider: aws',
    ...kvferry.map((line) => `    ${line}`),
  ];
  const path = (name: string): string => join(folder, name);
  await writeFile(path('lmcache.yaml'), `${lines.join('\n')}\n`);
  await writeFile(path('model.json'), JSON.stringify(model));
  await writeFile(path('tokens.json'), JSON.stringify(tokens));
  const flags = ['--config', path('lmcache.yaml'), '--model', path('model.json'), '--tokens', path('tokens.json')];
  return { folder, flags, kv: path('kv.bin') };
}
