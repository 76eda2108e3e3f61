import { type Command, InvalidArgumentError, Option } from 'commander';
import { collectSet, wholeNumber } from '../terminal/index.ts';
import type { CommandIo } from './io.ts';

/** One command of `kvferry`: its flags, and what it does. */
export interface Subcommand {
  readonly command: Command;
  /** Gives the exit code. `flags` are what the command's own options gave. */
  run(flags: unknown, io: CommandIo): Promise<number>;
}

/** The flags that say which store. */
export interface StoreFlags {
  readonly config: string | undefined;
  readonly set: Readonly<Record<string, string>>;
  readonly endpoint: string | undefined;
  readonly json: true | undefined;
}

/** The flags that say which engine beside `--model`. */
export interface EngineFlags {
  readonly modelName: string | undefined;
  readonly worldSize: number | undefined;
  readonly rank: number | undefined;
  readonly kvDtype: string | undefined;
}

/** The flags that say which store, which engine and which tokens. */
export interface SequenceFlags extends StoreFlags, EngineFlags {
  readonly model: string;
  readonly tokens: string;
}

/** The same, where engine and tokens only sharpen what is found. */
export interface OptionalSequenceFlags extends StoreFlags, EngineFlags {
  readonly model: string | undefined;
  readonly tokens: string | undefined;
}

const MODEL = ['--model <model>', 'model.json, a Hugging Face config.json, or the name of a model'] as const;
const TOKENS = [
  '--tokens <file>',
  "JSON: an array of token ids, or what vLLM's /tokenize answers; - for a pipe",
] as const;
const JSON_FLAG = ['--json', 'print the result as one JSON document'] as const;

/** Gives a command the flags of {@link SequenceFlags}. */
export function withSequenceFlags(command: Command): Command {
  return withEngineFlags(withStoreFlags(command).requiredOption(...MODEL))
    .requiredOption(...TOKENS)
    .option(...JSON_FLAG);
}

/** Gives a command the flags of {@link OptionalSequenceFlags}. */
export function withOptionalSequenceFlags(command: Command): Command {
  return withEngineFlags(withStoreFlags(command).option(...MODEL))
    .option(...TOKENS)
    .option(...JSON_FLAG);
}

function withStoreFlags(command: Command): Command {
  return command
    .option('--config <file>', 'LMCache YAML file (default: LMCACHE_CONFIG_FILE)')
    .addOption(
      new Option('--set <NAME=value>', 'fill the placeholder {NAME} of a copied example; repeatable')
        .argParser(collectSet)
        .default({}, 'none'),
    )
    .option('--endpoint <url>', 'S3 store to use in place of the one that the configuration names');
}

function withEngineFlags(command: Command): Command {
  return command
    .option('--model-name <name>', 'what the engine calls the model (for a config.json or a name)')
    .option('--world-size <n>', 'tensor parallel ranks (for a config.json or a name; default: 1)', wholeNumber)
    .option('--rank <n>', 'this rank, from 0 (for a config.json or a name; default: 0)', wholeNumber)
    .option('--kv-dtype <type>', "element type of the cache, by torch's name (default: the model's)");
}

/** The name of the first flag beside `--model` that was given. */
export function givenEngineFlag({ modelName, worldSize, rank, kvDtype }: EngineFlags): string | undefined {
  const values = { '--model-name': modelName, '--world-size': worldSize, '--rank': rank, '--kv-dtype': kvDtype };
  return Object.entries(values).find(([, value]) => value !== undefined)?.[0];
}

/** Reads a number of at least 1. */
export function positiveNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('write a whole number of at least 1.');
  return Number(text);
}
