import { KvferryError } from '@kvferry/core';
import type { EngineMetadata } from '../chunk-identity.ts';
import type { LoadedConfig } from '../load-config.ts';
import { readConfiguration, requireRemote } from './configuration.ts';
import type { CommandIo } from './io.ts';
import { readEngine } from './model.ts';
import { givenEngineFlag, type OptionalSequenceFlags } from './subcommand.ts';
import { readTokens } from './tokens.ts';

/** What a command is told that needs a store alone. */
export interface OptionalSequence {
  readonly loaded: LoadedConfig;
  readonly sequence: { readonly engine: EngineMetadata; readonly tokens: Uint32Array | undefined } | undefined;
}

/** Reads the configuration, and the engine and its tokens where there are some. Throws as `loadConfig` does, and INVALID_ARGUMENT that names the flag. */
export async function optionalSequence(flags: OptionalSequenceFlags, io: CommandIo): Promise<OptionalSequence> {
  const { model } = flags;
  const loaded = await readConfiguration(flags, io);
  requireRemote(loaded);
  if (model === undefined) {
    const alone = flags.tokens === undefined ? givenEngineFlag(flags) : '--tokens';
    if (alone !== undefined) throw new KvferryError('INVALID_ARGUMENT', `${alone} needs --model beside it`);
    return { loaded, sequence: undefined };
  }
  const engine = await readEngine({ ...flags, model }, loaded.config.kvferry.pythonHashSeed ?? null, io);
  const tokens = flags.tokens === undefined ? undefined : await readTokens(flags.tokens, io);
  return { loaded, sequence: { engine, tokens } };
}
