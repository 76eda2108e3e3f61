import { layoutBytes } from '@kvferry/core';
import { type LmcacheConfig, lmcacheDtypeNames } from '@kvferry/lmcache';
import { groupText, systemText } from '../inspect/group-text.ts';
import type { InspectReport } from '../inspect/inspect-store.ts';
import type { StoredGroup, StoredSystem } from '../inspect/stored-group.ts';
import { keyPrefixOf } from '../key-prefix.ts';
import type { LoadedConfig } from '../load-config.ts';
import { formatBytes, formatCount } from '../terminal/index.ts';
import { type Check, ok, problem, unknown, warning } from './check.ts';
import { configLine, currentLine } from './config-line.ts';
import type { EngineField, KnownEngine } from './engine.ts';
import { namespaceLine } from './namespace-line.ts';

/** What is compared: a configuration, with the engine where one was named, and what lies in its store. */
export interface Compared {
  readonly loaded: LoadedConfig;
  readonly engine: KnownEngine | undefined;
  readonly report: InspectReport;
}

/** Says whether a configuration's names are among those in the store, and if not, which line stands in the way. Needs no tokens. */
export function matchNames(compared: Compared): Check[] {
  const { engine, loaded, report } = compared;
  const everywhere = report.groups.filter(({ system }) => !BESIDE.has(system));
  const keyPrefix = keyPrefixOf(loaded.config) || null;
  const chunks = everywhere.filter((group) => group.keyPrefix === keyPrefix || formOf(group) === undefined);
  if (everywhere.length > 0 && !chunks.some((group) => formOf(group) !== undefined)) {
    const [elsewhere] = everywhere.filter((group) => group.keyPrefix !== keyPrefix && formOf(group) !== undefined);
    if (elsewhere !== undefined) return [otherPrefix(elsewhere, keyPrefix, compared)];
  }
  if (chunks.length === 0) {
    const seen = report.complete
      ? 'no chunk is stored yet'
      : `none of the first ${formatCount(report.objects)} objects is a chunk`;
    return [report.complete ? ok('match', `${seen}: there is nothing to compare with`) : unknown('match', seen)];
  }
  const ours = chunks.filter((group) => isOurs(group, compared));
  if (ours.length === 0) return [otherSystem(chunks, compared)];
  if (engine === undefined) return [hashForm(ours, compared) ?? ok('match', oursText(ours))];
  const own = ours.filter((group) => differences(engine.expected, group).length === 0);
  if (own.length === 0) return [otherEngine(ours, engine, compared)];
  const form = hashForm(own, compared);
  if (form !== undefined) return [form];
  return [
    sizes(own, engine, loaded) ?? ok('match', `${countText(own)} of this engine: ${groupText(own[0] as StoredGroup)}`),
  ];
}

/** What lies beside chunks and says nothing about them. */
const BESIDE: ReadonlySet<StoredSystem> = new Set([
  'lmcache-health-check',
  'kvferry-namespaces',
  'vllm-probe',
  'other',
]);

type Forms = Required<Pick<LmcacheConfig['kvferry'], 'keyFormat' | 'era'>>;

/** The settings by which names of a group's form are made; `undefined` for what kvferry does not read. */
function formOf({ releases, system }: StoredGroup): Partial<Forms> | undefined {
  if (system === 'kvferry') return { keyFormat: 'kv1' };
  if (system === 'lmcache-multi-process' && releases === '0.4.7 and later') return { keyFormat: 'lmcache', era: 'mp' };
  if (system !== 'lmcache') return undefined;
  if (releases === '0.3.13 and later') return { keyFormat: 'lmcache', era: 'current' };
  return releases === '0.3.13 to 0.4.5' ? { keyFormat: 'lmcache', era: '0.4.1' } : undefined;
}

/** Whether a group has the form of name that a configuration has. */
function isOurs(group: StoredGroup, compared: Compared): boolean {
  const { era = 'current', keyFormat = 'lmcache' } = compared.loaded.config.kvferry;
  const form = formOf(group);
  if (form?.keyFormat !== keyFormat) return false;
  if (keyFormat === 'kv1') return true;
  // Python's hashes have been the same since then.
  return form.era === (era === '0.4.1' && !hashesByDigest(compared) ? 'current' : era);
}

/** Whether a configuration's hash is SHA-256, as far as it says. */
function hashesByDigest({ engine, loaded }: Compared): boolean {
  const { hashAlgorithm, kvferry } = loaded.config;
  return hashAlgorithm.startsWith('sha256_cbor') && (kvferry.vllm ?? engine?.metadata.vllm ?? true);
}

/** All chunks lie under another prefix than the configuration's. */
function otherPrefix(elsewhere: StoredGroup, keyPrefix: string | null, compared: Compared): Check {
  const where = (prefix: string | null): string => (prefix === null ? 'no prefix' : `the prefix ${prefix}/`);
  const found = `this configuration looks under ${where(keyPrefix)}, and chunks lie under ${where(elsewhere.keyPrefix)}: ${groupText(elsewhere)}`;
  const value = elsewhere.keyPrefix === null ? undefined : JSON.stringify(elsewhere.keyPrefix);
  return mismatchOf(compared)(found, configLine(compared.loaded, 'extra_config.kvferry.key_prefix', value));
}

/** Everything that was seen is of another form of name. */
function otherSystem(chunks: readonly StoredGroup[], compared: Compared): Check {
  const { loaded, report } = compared;
  const mismatch = mismatchOf(compared);
  const seen = report.complete ? 'the store holds' : `the first ${formatCount(report.objects)} objects are`;
  const found = `no name is of the form that this configuration gives; ${seen}: ${list(chunks, systemText)}`;
  const readable = chunks.find((group) => formOf(group) !== undefined);
  if (readable === undefined) {
    const isOld = chunks.every(({ system }) => system.startsWith('lmcache'));
    if (isOld) return mismatch(`${found}, which kvferry does not read: update the engines, and they store anew`);
    const bucket = currentLine(loaded, 'remote_url') ?? 'remote_url';
    const text = `${found}, another system's layout: kvferry does not read it`;
    return mismatch(text, `${bucket}: name a bucket of LMCache's or kvferry's`);
  }
  const { era, keyFormat } = formOf(readable) ?? {};
  const { era: ownEra = 'current', keyFormat: ownFormat = 'lmcache' } = loaded.config.kvferry;
  const line = (key: string, value: string): string => configLine(loaded, `extra_config.kvferry.${key}`, value);
  const lines = [
    keyFormat === undefined || keyFormat === ownFormat ? [] : line('key_format', keyFormat),
    era === undefined || era === ownEra ? [] : line('era', JSON.stringify(era)),
  ].flat();
  const note =
    era === '0.4.1' ? '; those of 0.3.13 to 0.3.15 look alike and cannot be read, those of 0.4.1 to 0.4.5 can' : '';
  return mismatch(found + note, lines.join('; and '));
}

/** What does not match is a problem; where not all names were seen, it may only look so. */
function mismatchOf({ report }: Compared): (found: string, fix?: string) => Check {
  return report.complete ? (found, fix) => problem('match', found, fix) : (found, fix) => warning('match', found, fix);
}

/** The hashes are of another function than the configuration's, as far as their look tells. */
function hashForm(groups: readonly StoredGroup[], compared: Compared): Check | undefined {
  const { loaded } = compared;
  if (loaded.config.kvferry.era === 'mp') return undefined;
  const seen = new Set(groups.flatMap(({ hashes }) => hashes ?? []));
  if (seen.has('mixed') || seen.size !== 1) return undefined;
  const key = 'pre_caching_hash_algorithm';
  if (hashesByDigest(compared) && seen.has('python')) {
    const vllm = configLine(loaded, 'extra_config.kvferry.vllm', 'False');
    return problem(
      'match',
      "hashes in the store are Python's (some are negative), and this configuration's are SHA-256",
      `${configLine(loaded, key, 'builtin')}; or, for engines without vLLM, ${vllm}`,
    );
  }
  if (!hashesByDigest(compared) && seen.has('digest')) {
    const found = "hashes in the store are digests (some are 2^63 or more), and this configuration's are Python's";
    const isOff = loaded.config.hashAlgorithm.startsWith('sha256_cbor');
    const line = isOff
      ? configLine(loaded, 'extra_config.kvferry.vllm', 'True')
      : configLine(loaded, key, 'sha256_cbor');
    return problem('match', found, line);
  }
  return undefined;
}

type Field = 'model' | 'worldSize' | 'rank' | 'dtype' | 'cacheSalt' | 'namespace';

/** In the order in which they are told. A model's name weighs more than all others: chunks of another model help nobody. */
const FIELDS: readonly { readonly field: Field; readonly name: string; readonly engine: EngineField | undefined }[] = [
  { field: 'model', name: 'model', engine: 'model_name' },
  { field: 'worldSize', name: 'world size', engine: 'world_size' },
  { field: 'dtype', name: 'dtype', engine: 'kv_dtype' },
  { field: 'rank', name: 'rank', engine: 'worker_id' },
  { field: 'cacheSalt', name: 'cache_salt', engine: undefined },
  { field: 'namespace', name: 'namespace', engine: undefined },
];

/** Where what a name says differs. With kvferry's own names the namespace says everything. */
function differences(expected: StoredGroup, group: StoredGroup): (typeof FIELDS)[number][] {
  if (expected.system === 'kvferry') {
    return FIELDS.filter(({ field }) => field === 'namespace' && group.namespace !== expected.namespace);
  }
  return FIELDS.filter(({ field }) => field !== 'namespace' && group[field] !== expected[field]);
}

/** The store has chunks of this form, and none of this engine's. */
function otherEngine(ours: readonly StoredGroup[], engine: KnownEngine, { loaded }: Compared): Check {
  const { expected, identity } = engine;
  if (expected.system === 'kvferry') return namespaceLine(ours, engine, loaded);
  const weight = (group: StoredGroup): number =>
    differences(expected, group).reduce((sum, { field }) => sum + (field === 'model' ? 10 : 1), 0);
  const [nearest] = ours.toSorted((one, other) => weight(one) - weight(other) || other.objects - one.objects) as [
    StoredGroup,
  ];
  const differing = differences(expected, nearest);
  const said = differing.map(
    ({ field, name }) => `${name} ${nearest[field] ?? 'none'}, not ${expected[field] ?? 'none'}`,
  );
  const found = `nothing is stored for ${groupText(expected)}; the nearest is ${groupText(nearest)} (${said.join('; ')})`;
  const lines = differing.map(({ engine: named, field }) => {
    const stored = nearest[field];
    if (named !== undefined) return engine.line(named, engineValue(field, stored));
    return configLine(loaded, 'extra_config.kvferry.cache_salt', stored === null ? undefined : JSON.stringify(stored));
  });
  const slashes = nearest.model !== expected.model && identity.keyFormat.id === 'lmcache';
  const note = slashes ? ' (with / where the engine has one: a name in the store has _ for it)' : '';
  return problem('match', found, lines.join('; and ') + note);
}

function engineValue(field: Field, stored: string | number | null): string | number {
  const torch = Object.entries(lmcacheDtypeNames).find(([, name]) => field === 'dtype' && name === stored)?.[0];
  return torch ?? stored ?? '';
}

/** Chunks of this engine, and of another length than its chunks have. */
function sizes(own: readonly StoredGroup[], { identity }: KnownEngine, loaded: LoadedConfig): Check | undefined {
  const chunkBytes = layoutBytes(identity.layout);
  const seen = own.flatMap((group) => group.sizes);
  const right = seen.filter(({ bytes }) => bytes === chunkBytes);
  const wrong = seen.filter(({ bytes }) => bytes !== chunkBytes);
  const [most] = wrong.toSorted((one, other) => other.objects - one.objects);
  if (most === undefined) return undefined;
  const expected = `${formatCount(chunkBytes)} bytes, as chunk_size: ${loaded.config.chunkTokens} makes them`;
  if (right.length > 0) {
    const count = wrong.reduce((sum, { objects }) => sum + objects, 0);
    const found = `${formatCount(count)} of ${countText(own)} of this engine are of another length than ${expected}: short, or of another chunk_size`;
    return warning('match', found);
  }
  const tokenBytes = chunkBytes / loaded.config.chunkTokens;
  const found = `chunks of this engine's name have ${formatCount(most.bytes)} bytes, not ${expected}`;
  if (most.bytes % tokenBytes !== 0) {
    const shape = `no number of tokens of ${formatBytes(tokenBytes)} each: the model's shape is another`;
    return problem('match', `${found}, and that is ${shape}`, 'kv_shape and kv_dtype of --model');
  }
  return problem('match', found, configLine(loaded, 'chunk_size', String(most.bytes / tokenBytes)));
}

function oursText(ours: readonly StoredGroup[]): string {
  return `${countText(ours)} of the form that this configuration gives: ${list(ours, groupText)}`;
}

function countText(groups: readonly StoredGroup[]): string {
  const objects = groups.reduce((sum, group) => sum + group.objects, 0);
  return `${formatCount(objects)} ${objects === 1 ? 'chunk' : 'chunks'}`;
}

const MOST_LISTED = 3;

/** The first few, each once. */
function list(groups: readonly StoredGroup[], textOf: (group: StoredGroup) => string): string {
  const texts = [...new Set(groups.map(textOf))];
  const more = texts.length - MOST_LISTED;
  return more > 0 ? `${texts.slice(0, MOST_LISTED).join('; ')}; and ${more} more` : texts.join('; ');
}
