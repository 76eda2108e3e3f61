import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Dtype, KvferryError } from '@kvferry/core';
import type { EngineMetadata } from '../chunk-identity.ts';
import { findModel, type ModelShape, modelByName } from '../models.ts';
import { parseHubConfig } from './hub-config.ts';
import { fileError, type InputIo, parseInput, readInput } from './input-file.ts';
import { isDtype, knownDtypes, parseModelFile } from './model-file.ts';
import { givenEngineFlag, type SequenceFlags } from './subcommand.ts';

export type ModelFlags = Pick<SequenceFlags, 'model' | 'modelName' | 'worldSize' | 'rank' | 'kvDtype'>;

/**
 * The engine that `--model` and the flags beside it describe: a `model.json`, which says everything itself; or the `config.json` of a Hugging Face model (also the
 * folder that it lies in) or a name of the table, split over `--world-size` ranks, with vLLM and with `environmentSeed`.
 *
 * Throws INVALID_ARGUMENT that names the flag, the file, the key and what to write.
 */
export async function readEngine(
  flags: ModelFlags,
  environmentSeed: string | null,
  io: InputIo,
): Promise<EngineMetadata> {
  const { kvDtype } = flags;
  if (kvDtype !== undefined && !isDtype(kvDtype)) {
    throw new KvferryError('INVALID_ARGUMENT', `--kv-dtype: ${kvDtype} is none of ${knownDtypes.join(', ')}`);
  }
  const given = { ...flags, kvDtype };
  const named = findModel(flags.model);
  if (named !== undefined) return engineOf(named, given, environmentSeed);
  const file = await modelFile(flags.model);
  const content = parseInput('--model', file, await readInput('--model', file, io));
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw invalid(file, 'holds no model: a map of keys is expected');
  }
  const keys = content as Readonly<Record<string, unknown>>;
  if (!('num_hidden_layers' in keys || 'text_config' in keys || 'architectures' in keys)) {
    refuseFlags(flags, file);
    return parseModelFile(file, keys, environmentSeed);
  }
  return engineOf(parseHubConfig(file, keys, given), given, environmentSeed);
}

async function modelFile(model: string): Promise<string> {
  try {
    return (await stat(model)).isDirectory() ? join(model, 'config.json') : model;
  } catch (thrown) {
    const isPath = /[/\\]|\.json$/.test(model);
    if (isPath || (thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError('--model', model, thrown);
    // Neither a file nor a name: names are what people misspell.
    modelByName(model);
    throw thrown;
  }
}

type CheckedFlags = Omit<ModelFlags, 'kvDtype'> & { readonly kvDtype: Dtype | undefined };

/** One rank of a model that is split over tensor parallel ranks. */
function engineOf(model: ModelShape, flags: CheckedFlags, pythonHashSeed: string | null): EngineMetadata {
  const { worldSize = 1, rank = 0, kvDtype = model.dtype } = flags;
  if (worldSize < 1) throw new KvferryError('INVALID_ARGUMENT', '--world-size is a whole number from 1 upwards');
  if (rank >= worldSize) {
    throw new KvferryError('INVALID_ARGUMENT', `--rank is from 0 to ${worldSize - 1}, below --world-size, not ${rank}`);
  }
  return {
    modelName: flags.modelName ?? model.source,
    worldSize,
    workerId: rank,
    kvDtype,
    kvShape: { ...model.kvShape, kvHeads: headsPerRank(model, worldSize) },
    pythonHashSeed,
    vllm: true,
    tags: [],
  };
}

/** Heads are split over the ranks, and repeated where there are fewer heads than ranks. With MLA every rank has the one latent. */
function headsPerRank({ kvShape, name }: ModelShape, worldSize: number): number {
  const { kvHeads, mla } = kvShape;
  if (mla) return 1;
  if (kvHeads % worldSize === 0) return kvHeads / worldSize;
  if (worldSize % kvHeads === 0) return 1;
  throw new KvferryError(
    'INVALID_ARGUMENT',
    `--world-size: the ${kvHeads} KV heads of ${name} do not divide over ${worldSize} ranks`,
  );
}

function refuseFlags(flags: ModelFlags, file: string): void {
  const flag = givenEngineFlag(flags);
  if (flag === undefined) return;
  throw new KvferryError(
    'INVALID_ARGUMENT',
    `${flag} goes with a name or with a Hugging Face config.json; ${file} says it itself`,
  );
}

function invalid(file: string, problem: string): KvferryError {
  return new KvferryError('INVALID_ARGUMENT', `--model: ${file} ${problem}`);
}
