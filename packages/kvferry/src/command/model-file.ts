import { DTYPE_BYTES, type Dtype, type KeyScope, KvferryError, nearestName } from '@kvferry/core';
import type { EngineMetadata } from '../chunk-identity.ts';

type Keys = Readonly<Record<string, unknown>>;

/** Element types that a cache can have. */
export const knownDtypes: readonly string[] = Object.keys(DTYPE_BYTES);

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPE_BYTES, name);
}

const MODEL_KEYS = [
  'model_name',
  'world_size',
  'worker_id',
  'kv_dtype',
  'kv_shape',
  'python_hash_seed',
  'vllm',
  'tags',
  'pipeline_parallel_size',
  'decode_context_parallel_size',
];
const SHAPE_KEYS = ['layers', 'kv_heads', 'head_size', 'mla'];

/**
 * Reads a `model.json`: one rank of an engine, as it says itself. A `python_hash_seed` of `null` means that the engine has none, whatever this process has; one
 * that is left out is this process's.
 *
 * Throws INVALID_ARGUMENT that names the file and the key.
 */
export function parseModelFile(file: string, keys: Keys, environmentSeed: string | null): EngineMetadata {
  const at = new ModelFile(file);
  at.checkNames(keys, MODEL_KEYS, '');
  const shape = at.map(keys, 'kv_shape');
  at.checkNames(shape, SHAPE_KEYS, 'kv_shape.');
  const kvDtype = at.text(keys, 'kv_dtype');
  if (!isDtype(kvDtype)) {
    const nearest = nearestName(kvDtype, knownDtypes);
    const hint =
      nearest === undefined ? `is none of ${knownDtypes.join(', ')}` : `is unknown; did you mean ${nearest}?`;
    throw at.problem('kv_dtype', `${JSON.stringify(kvDtype)} ${hint}`);
  }
  return {
    modelName: at.text(keys, 'model_name'),
    worldSize: at.count(keys, 'world_size', 1, 1),
    workerId: at.count(keys, 'worker_id', 0, 0),
    kvDtype,
    kvShape: {
      layers: at.count(shape, 'layers', 1, undefined, 'kv_shape.'),
      kvHeads: at.count(shape, 'kv_heads', 1, undefined, 'kv_shape.'),
      headSize: at.count(shape, 'head_size', 1, undefined, 'kv_shape.'),
      mla: at.flag(shape, 'mla', false, 'kv_shape.'),
    },
    pythonHashSeed: seedOf(at, keys, environmentSeed),
    vllm: at.flag(keys, 'vllm', true),
    tags: tagsOf(at, keys),
    pipelineStages: at.count(keys, 'pipeline_parallel_size', 1, 1),
    decodeContextRanks: at.count(keys, 'decode_context_parallel_size', 1, 1),
  };
}

function seedOf(at: ModelFile, keys: Keys, environmentSeed: string | null): string | null {
  const seed = keys.python_hash_seed;
  if (seed === undefined) return environmentSeed;
  if (seed === null || typeof seed === 'string') return seed;
  if (Number.isSafeInteger(seed)) return String(seed);
  throw at.problem('python_hash_seed', 'is text such as "0", or null where the engine has none');
}

/** A map of names and values; or a list of pairs, which also keeps the order of names that look like numbers. */
function tagsOf(at: ModelFile, keys: Keys): KeyScope['tags'] {
  const { tags } = keys;
  if (tags === undefined || tags === null) return [];
  const pairs = Array.isArray(tags) ? tags : typeof tags === 'object' ? Object.entries(tags) : undefined;
  if (pairs === undefined) throw at.problem('tags', 'is a map of names and values');
  const read: (readonly [string, string])[] = [];
  for (const pair of pairs as readonly unknown[]) {
    const [name, value] = Array.isArray(pair) && pair.length === 2 ? pair : [];
    if (typeof name !== 'string' || !(typeof value === 'string' || Number.isSafeInteger(value))) {
      throw at.problem('tags', 'is a map of names and texts, such as { "user": "alice" }');
    }
    read.push([name, String(value)]);
  }
  // JavaScript puts such names first, whatever their place in the file; and the order is part of the key.
  if (!Array.isArray(tags) && read.length > 1 && read.some(([name]) => /^(?:0|[1-9]\d*)$/.test(name))) {
    throw at.problem(
      'tags',
      'has names that are numbers, whose order is lost; write a list: [["1", "a"], ["user", "b"]]',
    );
  }
  return read;
}

/** Reads the keys of a model file, and says what is wrong with one. */
class ModelFile {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  checkNames(keys: Keys, known: readonly string[], path: string): void {
    for (const name of Object.keys(keys)) {
      if (known.includes(name)) continue;
      const nearest = nearestName(name, known);
      const hint = nearest === undefined ? `known are ${known.join(', ')}` : `did you mean ${nearest}?`;
      throw this.problem(path + name, `is unknown; ${hint}`);
    }
  }

  text(keys: Keys, name: string): string {
    const value = keys[name];
    if (typeof value === 'string' && value !== '') return value;
    throw this.problem(name, value === undefined ? 'is missing' : 'is text that is not empty');
  }

  map(keys: Keys, name: string): Keys {
    const value = keys[name];
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Keys;
    throw this.problem(name, value === undefined ? 'is missing' : 'is a map');
  }

  count(keys: Keys, name: string, least: number, standard: number | undefined, path = ''): number {
    const value = keys[name] ?? standard;
    if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
    throw this.problem(path + name, value === undefined ? 'is missing' : `is a whole number from ${least} upwards`);
  }

  flag(keys: Keys, name: string, standard: boolean, path = ''): boolean {
    const value = keys[name] ?? standard;
    if (typeof value === 'boolean') return value;
    throw this.problem(path + name, 'is true or false');
  }

  problem(name: string, what: string): KvferryError {
    return new KvferryError('INVALID_ARGUMENT', `--model: ${this.#file}: ${name} ${what}`);
  }
}
