import type { LmcacheConfig } from '@kvferry/lmcache';
import { type EngineMetadata, pythonOf } from '../chunk-identity.ts';

/** Everything of a configuration and an engine that decides the name of a chunk, but for whose chunk it is. */
export interface HashSetting {
  readonly keyFormat: 'lmcache' | 'kv1';
  readonly era: 'current' | '0.4.1' | 'mp';
  readonly algorithm: 'builtin' | 'sha256_cbor';
  readonly vllm: boolean;
  /** `null`: not set. */
  readonly seed: string | null;
  readonly python: '3.10' | '3.12';
  readonly chunkTokens: number;
  /** A start of the chain that the configuration gives. */
  readonly noneHash: string | undefined;
}

/** A setting that is another than the configuration's, as a configuration says it. */
export interface SettingChange {
  /** `chunk_size`, or `extra_config.kvferry.era`. */
  readonly key: string;
  /** As YAML has it; `undefined`: the key has to go. */
  readonly value: string | undefined;
  /** What it means, as a sentence without a stop. */
  readonly means: string;
}

/** The setting that a configuration and an engine have. */
export function settingOf(config: LmcacheConfig, engine: EngineMetadata): HashSetting {
  const { chunkTokens, hashAlgorithm, kvferry } = config;
  const { python, pythonHashSeed, vllm } = pythonOf(config, engine);
  return {
    keyFormat: kvferry.keyFormat ?? 'lmcache',
    era: kvferry.era ?? 'current',
    // As LMCache takes any other name.
    algorithm: hashAlgorithm.startsWith('sha256_cbor') ? 'sha256_cbor' : 'builtin',
    vllm,
    seed: pythonHashSeed,
    python: python === 'up-to-3.10' ? '3.10' : '3.12',
    chunkTokens,
    noneHash: kvferry.noneHash,
  };
}

/** The same configuration with another setting in it. */
export function withSetting(config: LmcacheConfig, setting: HashSetting): LmcacheConfig {
  return {
    ...config,
    chunkTokens: setting.chunkTokens,
    hashAlgorithm: setting.algorithm,
    hashSeedFromEnvironment: false,
    kvferry: {
      ...config.kvferry,
      keyFormat: setting.keyFormat,
      era: setting.era,
      vllm: setting.vllm,
      pythonHashSeed: setting.seed ?? 'random',
      pythonVersion: setting.python,
      noneHash: setting.noneHash,
    },
  };
}

/** What engines are started with. LMCache's examples have 0; the others are what people write. */
const USUAL_SEEDS: readonly (string | null)[] = [null, '0', '1', '42', '123', '1234'];
const USUAL_CHUNKS: readonly number[] = [16, 32, 64, 128, 256, 512, 1024];
/** More than these many at once is a guess too many. */
const MOST_CHANGES = 3;

/** A setting, and how it differs from the one that it was made from. */
export interface GuessedSetting {
  readonly setting: HashSetting;
  readonly changes: readonly SettingChange[];
}

/**
 * The settings under which the chunks of this one may have been stored, itself first, then the nearest: each that gives other hashes, or other names, once.
 */
export function guessSettings(base: HashSetting): GuessedSetting[] {
  let settings: HashSetting[] = [base];
  const vary = <Name extends keyof HashSetting>(name: Name, choices: readonly HashSetting[Name][]): void => {
    const others = choices.filter((choice) => choice !== base[name]);
    settings = settings.flatMap((setting) => [setting, ...others.map((other) => ({ ...setting, [name]: other }))]);
  };
  vary('keyFormat', ['lmcache', 'kv1']);
  vary('era', ['current', '0.4.1', 'mp']);
  vary('algorithm', ['sha256_cbor', 'builtin']);
  vary('vllm', [true, false]);
  vary('seed', USUAL_SEEDS);
  vary('python', ['3.12', '3.10']);
  vary('chunkTokens', USUAL_CHUNKS);
  vary('noneHash', [undefined]);
  const seen = new Set<string>();
  return settings
    .map((setting) => ({ setting, changes: changesOf(base, setting) }))
    .filter(({ changes }) => changes.length <= MOST_CHANGES)
    .sort((one, other) => one.changes.length - other.changes.length)
    .filter(({ setting }) => {
      const chain = chainOf(setting);
      if (chain === undefined || seen.has(chain)) return false;
      seen.add(chain);
      return true;
    });
}

/** Equal where names are; `undefined` where hashes are random. */
function chainOf(setting: HashSetting): string | undefined {
  const { algorithm, chunkTokens, era, keyFormat, noneHash, python, seed, vllm } = setting;
  const chain = (...parts: readonly unknown[]): string => [keyFormat, chunkTokens, ...parts].join(' ');
  if (era === 'mp') return chain('blake3');
  if (vllm && algorithm === 'sha256_cbor') return chain('sha256_cbor', era, noneHash ?? `seed ${seed}`);
  if (noneHash !== undefined) return chain('python', noneHash);
  if (!vllm) return chain('python', 0);
  return seed === null ? undefined : chain('python', 'seed', seed, python);
}

const ALGORITHMS = {
  builtin: "its hash is Python's",
  sha256_cbor: 'its hash is SHA-256 over CBOR',
} as const;
const ERAS = {
  current: 'it is LMCache 0.4.6 or later, in process',
  '0.4.1': 'it is LMCache 0.4.1 to 0.4.5',
  mp: "it is LMCache's multi-process server",
} as const;
const KEY_FORMATS = { lmcache: "the names are LMCache's", kv1: "the names are kvferry's own" } as const;

function changesOf(base: HashSetting, setting: HashSetting): SettingChange[] {
  const { algorithm, chunkTokens, era, keyFormat, noneHash, python, seed, vllm } = setting;
  const changes: SettingChange[] = [];
  const note = (key: string, value: string | undefined, means: string): void =>
    void changes.push({ key, value, means });
  if (keyFormat !== base.keyFormat) note('extra_config.kvferry.key_format', keyFormat, KEY_FORMATS[keyFormat]);
  if (era !== base.era) note('extra_config.kvferry.era', JSON.stringify(era), ERAS[era]);
  if (chunkTokens !== base.chunkTokens)
    note('chunk_size', String(chunkTokens), `its chunks have ${chunkTokens} tokens`);
  if (algorithm !== base.algorithm) note('pre_caching_hash_algorithm', algorithm, ALGORITHMS[algorithm]);
  if (vllm !== base.vllm)
    note('extra_config.kvferry.vllm', vllm ? 'True' : 'False', `it runs ${vllm ? 'with' : 'without'} vLLM`);
  if (seed !== base.seed) {
    const means = seed === null ? 'its PYTHONHASHSEED is not set' : `its PYTHONHASHSEED is ${seed}`;
    note('extra_config.kvferry.python_hash_seed', JSON.stringify(seed ?? 'random'), means);
  }
  if (python !== base.python) {
    const means = python === '3.10' ? 'its Python is 3.10 or older' : 'its Python is 3.11 or newer';
    note('extra_config.kvferry.python_version', JSON.stringify(python), means);
  }
  if (noneHash !== base.noneHash) note('extra_config.kvferry.none_hash', undefined, 'it starts its chain by the rules');
  return changes;
}
