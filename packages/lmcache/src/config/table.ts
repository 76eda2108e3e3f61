import { EXTRA_CONFIG_KEYS } from './table-extra-config.ts';
import { KVFERRY_KEYS } from './table-kvferry.ts';
import { TOP_LEVEL_KEYS } from './table-top-level.ts';

/** What a key holds. Lists may also be written as text with commas. */
export type KeyType = 'bool' | 'int' | 'float' | 'text' | 'int-list' | 'float-list' | 'text-list' | 'map';

/** One known key: what the loader, the JSON Schema and `docs/configuration.md` say about it. */
export interface KeySpec {
  /** Without the maps that it stands in. */
  readonly key: string;
  readonly type: KeyType;
  /** `null`: Python's None, so nothing. */
  readonly default: string | number | boolean | null;
  /** The values with a meaning, where there are few. */
  readonly choices?: readonly string[] | undefined;
  /** What it does here; absent where kvferry does not have the feature. */
  readonly here?: string | undefined;
  /** What it does in LMCache. */
  readonly lmcache: string;
  /** Never shown. */
  readonly secret?: true | undefined;
}

/** Where a key stands. */
export type KeyLevel = 'top' | 'extra' | 'kvferry';

/** The path of `extra_config` and of kvferry's own map in it, in front of a key's name. */
export const LEVEL_PREFIX: Readonly<Record<KeyLevel, string>> = {
  top: '',
  extra: 'extra_config.',
  kvferry: 'extra_config.kvferry.',
};

/** Every known key by level, in the order in which they are shown. */
export const KEY_TABLE: Readonly<Record<KeyLevel, readonly KeySpec[]>> = {
  top: TOP_LEVEL_KEYS,
  extra: EXTRA_CONFIG_KEYS,
  kvferry: KVFERRY_KEYS,
};

const byName: Readonly<Record<KeyLevel, ReadonlyMap<string, KeySpec>>> = {
  top: new Map(TOP_LEVEL_KEYS.map((spec) => [spec.key, spec])),
  extra: new Map(EXTRA_CONFIG_KEYS.map((spec) => [spec.key, spec])),
  kvferry: new Map(KVFERRY_KEYS.map((spec) => [spec.key, spec])),
};

/** The row of a key, or `undefined` for an unknown one. */
export function keySpec(level: KeyLevel, key: string): KeySpec | undefined {
  return byName[level].get(key);
}

/** Keys of `extra_config` that hold a name of the user's: `remote_storage_plugin.<name>.module_path`. */
export const PLUGIN_KEY: RegExp = /^(?:remote_storage_plugin|storage_plugin)\.[^.]+\.(?:module_path|class_name)$/;

/** Top-level names with which LMCache configures its encoder cache. */
export const ENCODER_CACHE_KEY: RegExp = /^ec(?:_.+)?$/;
