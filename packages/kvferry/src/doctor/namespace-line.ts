import type { Kv1KeyFormat } from '@kvferry/core';
import type { StoredGroup } from '../inspect/stored-group.ts';
import type { LoadedConfig } from '../load-config.ts';
import { isKv1Format } from '../namespace-record.ts';
import { type Check, problem } from './check.ts';
import { configLine } from './config-line.ts';
import type { EngineField, KnownEngine } from './engine.ts';

/** Which line makes each part of a namespace: a key of the configuration, or of the engine. */
const CONFIG_KEYS: Readonly<Record<string, string>> = {
  adapter: 'extra_config.kvferry.adapter',
  chunk_size: 'chunk_size',
  quantisation: 'extra_config.kvferry.quantisation',
  revision: 'extra_config.kvferry.revision',
  salt: 'extra_config.kvferry.cache_salt',
};
const ENGINE_FIELDS: Readonly<Record<string, EngineField>> = {
  dtype: 'kv_dtype',
  model: 'model_name',
  worker_id: 'worker_id',
  world_size: 'world_size',
};

/** The store has kvferry's own names, and none in this engine's namespace: says what the nearest stands for. */
export function namespaceLine(ours: readonly StoredGroup[], engine: KnownEngine, loaded: LoadedConfig): Check {
  const { identity } = engine;
  if (!isKv1Format(identity.keyFormat)) throw new Error('only a kv1 format has namespaces');
  const own = ownDescription(identity.keyFormat, engine);
  const differing = (group: StoredGroup): string[] =>
    Object.keys(own).filter((name) => JSON.stringify(group.description?.[name]) !== JSON.stringify(own[name]));
  const described = ours.filter(({ description }) => description !== null);
  const [nearest] = described.toSorted((one, other) => differing(one).length - differing(other).length);
  if (nearest === undefined) {
    return problem('match', `no chunk is in the namespace of this engine, and no other says what it stands for`);
  }
  const names = differing(nearest);
  const said = names.map((name) => `${name} ${shown(nearest.description?.[name])}, not ${shown(own[name])}`);
  const found = `no chunk is in the namespace of this engine; the nearest, ${nearest.namespace}, differs: ${said.join('; ')}`;
  const lines = names.map((name) => lineOf(name, nearest.description?.[name], engine, loaded));
  return problem('match', found, [...new Set(lines)].join('; and '));
}

function lineOf(name: string, stored: unknown, engine: KnownEngine, loaded: LoadedConfig): string {
  const field = ENGINE_FIELDS[name];
  if (field !== undefined) return engine.line(field, stored as string | number);
  const key = CONFIG_KEYS[name];
  if (key !== undefined) return configLine(loaded, key, stored === null ? undefined : JSON.stringify(stored));
  if (name !== 'hash' && name !== 'hash_seed') return 'kv_shape and tags of --model';
  return "pre_caching_hash_algorithm, or the engine's seed: extra_config: { kvferry: { python_hash_seed } }";
}

function ownDescription(format: Kv1KeyFormat, { identity }: KnownEngine): Readonly<Record<string, unknown>> {
  return JSON.parse(format.namespace(identity.scope).json) as Record<string, unknown>;
}

function shown(value: unknown): string {
  return value === null || value === undefined ? 'none' : String(value);
}
