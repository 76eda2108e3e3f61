import { KvferryError } from '@kvferry/core';
import type { EngineMetadata } from '../chunk-identity.ts';
import { type LoadedConfig, loadConfig } from '../load-config.ts';
import { readInput } from './input-file.ts';
import type { CommandIo } from './io.ts';
import { readEngine } from './model.ts';
import type { OptionalSequenceFlags } from './subcommand.ts';
import { parseTokens } from './tokens.ts';

/** What a command is told that needs a store alone. */
export interface OptionalSequence {
  readonly loaded: LoadedConfig;
  readonly sequence: { readonly engine: EngineMetadata; readonly tokens: Uint32Array | undefined } | undefined;
}

/** Reads the configuration, and the engine and its tokens where there are some. Throws as `loadConfig` does, and INVALID_ARGUMENT that names the flag. */
export async function optionalSequence(flags: OptionalSequenceFlags, io: CommandIo): Promise<OptionalSequence> {
  const { model, modelName, worldSize, rank, kvDtype } = flags;
  const loaded = await loadConfig({ file: flags.config, env: io.env, placeholders: flags.set });
  if (loaded.config.remoteUrl === undefined) {
    throw new KvferryError('CONFIG_INVALID', `${loaded.file} names no remote. Write: remote_url: "s3://<bucket>"`);
  }
  if (model === undefined) {
    const alone = Object.entries({
      '--tokens': flags.tokens,
      '--model-name': modelName,
      '--world-size': worldSize,
      '--rank': rank,
      '--kv-dtype': kvDtype,
    }).find(([, value]) => value !== undefined);
    if (alone !== undefined) throw new KvferryError('INVALID_ARGUMENT', `${alone[0]} needs --model beside it`);
    return { loaded, sequence: undefined };
  }
  const engine = await readEngine({ ...flags, model }, loaded.config.kvferry.pythonHashSeed ?? null, io);
  const tokens =
    flags.tokens === undefined ? undefined : parseTokens(flags.tokens, await readInput('--tokens', flags.tokens, io));
  return { loaded, sequence: { engine, tokens } };
}
