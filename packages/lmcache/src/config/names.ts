import { nearestName } from '@kvferry/core';
import type { ConfigFinding } from '../types.ts';
import { findings, type Subject } from './findings.ts';
import { ENCODER_CACHE_KEY, KEY_TABLE, type KeyLevel, keySpec, LEVEL_PREFIX } from './table.ts';

/** Old names that LMCache still reads, at top level and as variables. */
export const WORKING_ALIASES: ReadonlyMap<string, string> = new Map([
  ['plugin_locations', 'runtime_plugin_locations'],
  ['external_backends', 'storage_plugins'],
]);

/** Says of a name that the table does not have what its writer most likely meant. */
export function unknownNameFinding(level: 'top' | 'extra', name: string, at: Subject): ConfigFinding {
  const removed = REMOVED_OPTIONS.get(name);
  if (removed !== undefined) return findings.removedOption(at, removed);
  if (level === 'top' && DEAD_ALIASES.has(name)) return findings.deadAlias(at, DEAD_ALIASES.get(name));
  if (level === 'top' && ENCODER_CACHE_KEY.test(name)) return findings.encoderCache(at);

  const kvferry = KVFERRY_BY_OTHER_NAMES.get(name) ?? (keySpec('kvferry', name) === undefined ? undefined : name);
  if (level === 'top' && keySpec('extra', name) !== undefined) return findings.belongsInExtraConfig(at, name);
  if (level === 'extra' && keySpec('top', name) !== undefined) return findings.belongsAtTopLevel(at, name);
  if (kvferry !== undefined) return findings.belongsInKvferry(at, kvferry);
  // A name of the own level first: only where none is near, one from elsewhere.
  const order: readonly KeyLevel[] = level === 'top' ? ['top', 'extra', 'kvferry'] : ['extra', 'top', 'kvferry'];
  for (const each of order) {
    const nearest = nearestName(
      name,
      KEY_TABLE[each].map((spec) => spec.key),
    );
    if (nearest !== undefined) {
      return findings.unknownKey(at, each === level ? nearest : `${placeOf(each)}: ${nearest}`);
    }
  }
  return findings.unknownKey(at, undefined);
}

/** Says what is near an `LMCACHE_*` variable that nobody reads; `undefined` where nothing is. */
export function unknownVariableFinding(variable: string, at: Subject): ConfigFinding | undefined {
  if (KNOWN_VARIABLES.has(variable) || variable.startsWith('LMCACHE_EC_')) return undefined;
  const name = variable.slice(VARIABLE_PREFIX.length).toLowerCase();
  if (keySpec('extra', name) !== undefined && keySpec('top', name) === undefined) {
    return findings.belongsInExtraConfig(at, name);
  }
  const nearest = nearestName(
    name,
    KEY_TABLE.top.map((spec) => spec.key),
  );
  return nearest === undefined ? undefined : findings.unknownVariable(at, variableName(nearest));
}

/** The variable that sets a top-level key. */
export function variableName(key: string): string {
  return `${VARIABLE_PREFIX}${key.toUpperCase()}`;
}

/** Names under which people look for a secret: their values are never shown, also where the key is unknown. */
export function isSecretName(path: string): boolean {
  const name = path.split('.').at(-1) ?? path;
  if (keySpec('extra', name)?.secret ?? keySpec('kvferry', name)?.secret ?? false) return true;
  if (keySpec('top', path) !== undefined || keySpec('extra', path.replace(LEVEL_PREFIX.extra, '')) !== undefined)
    return false;
  // A slip in the name of a secret is still about a secret.
  if (nearestName(name, SECRET_KEYS) !== undefined) return true;
  return /aws_|secret|passw|credential|access_?key|key_?id|api_?key|token$|signature/i.test(name.replaceAll('-', '_'));
}

const VARIABLE_PREFIX = 'LMCACHE_';

const SECRET_KEYS: readonly string[] = [...KEY_TABLE.extra, ...KEY_TABLE.kvferry]
  .filter((spec) => spec.secret === true)
  .map((spec) => spec.key);

/** Options of the S3 connector of LMCache 0.3.4 to 0.3.10, and what does their work here. */
const REMOVED_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['s3_part_size', 'Leave it away: kvferry plans parts by itself.'],
  ['s3_max_io_concurrency', 'To limit requests here, write: extra_config: s3_num_io_threads: <number>'],
  ['s3_max_inflight_reqs', 'To limit requests here, write: extra_config: s3_num_io_threads: <number>'],
  ['s3_file_prefix', 'For a prefix here, write: extra_config: kvferry: { key_prefix: "<prefix>" }'],
]);

const DEAD_ALIASES: ReadonlyMap<string, string | undefined> = new Map([
  ['enable_xpyd', 'enable_pd'],
  ['nixl_peer_host', 'pd_peer_host'],
  ['nixl_peer_init_port', 'pd_peer_init_port'],
  ['nixl_peer_alloc_port', 'pd_peer_alloc_port'],
  ['nixl_proxy_host', 'pd_proxy_host'],
  ['nixl_proxy_port', 'pd_proxy_port'],
  ['nixl_role', 'pd_role'],
  ['controller_url', 'controller_pull_url'],
  ['lmcache_worker_port', 'lmcache_worker_ports'],
  ['nixl_peer_port', undefined],
  ['nixl_receiver_port', undefined],
]);

/** What people call, from other tools, what stands in the map of kvferry. */
const KVFERRY_BY_OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['aws_session_token', 'session_token'],
  ['s3_session_token', 'session_token'],
  ['aws_profile', 'profile'],
  ['aws_endpoint_url', 'endpoint'],
  ['s3_endpoint', 'endpoint'],
  ['s3_endpoint_url', 'endpoint'],
  ['endpoint_url', 'endpoint'],
  ['s3_bucket', 'bucket'],
  ['s3_prefix', 'key_prefix'],
  ['s3_addressing', 'addressing'],
  ['PYTHONHASHSEED', 'python_hash_seed'],
]);

const KNOWN_VARIABLES: ReadonlySet<string> = new Set([
  ...KEY_TABLE.top.map((spec) => variableName(spec.key)),
  ...[...WORKING_ALIASES.keys()].map(variableName),
  'LMCACHE_CONFIG_FILE',
  'LMCACHE_FORCE_SKIP_SAVE',
  'LMCACHE_LOG_LEVEL',
  'LMCACHE_TRACK_USAGE',
]);

function placeOf(level: KeyLevel): string {
  return level === 'top' ? 'at top level' : level === 'extra' ? 'under extra_config' : 'under extra_config: kvferry';
}
