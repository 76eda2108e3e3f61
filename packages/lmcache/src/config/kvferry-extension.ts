import { keyProblem, nearestName } from '@kvferry/core';
import type { ConfigFinding, KvferryExtension } from '../types.ts';
import { findings, type Subject } from './findings.ts';
import { type PyNode, plainValue, pythonText } from './python-values.ts';
import { KEY_TABLE, type KeySpec, keySpec, LEVEL_PREFIX } from './table.ts';

/** The map `extra_config.kvferry`, read, with all there is to say about it. */
export interface ReadExtension {
  readonly extension: KvferryExtension;
  readonly findings: readonly ConfigFinding[];
  /** The nodes of the keys in force, by their names in the file. */
  readonly set: ReadonlyMap<string, PyNode>;
}

/**
 * Reads the map `extra_config.kvferry`. Strict, since LMCache ignores it and nobody else is to be followed: a value of another type, an
 * unknown name or two that contradict each other are errors. `null` is as good as not there.
 */
export function readExtension(
  map: PyNode | undefined,
  subjectOf: (key: string, node: PyNode) => Subject,
): ReadExtension {
  if (map === undefined || map.value.kind === 'null') return { extension: {}, findings: [], set: new Map() };
  const found: ConfigFinding[] = [];
  const set = new Map<string, PyNode>();
  if (map.value.kind !== 'map') {
    found.push(
      findings.kvferryValue(subjectOf('extra_config.kvferry', map), 'a map', 'endpoint: "https://s3.example.com"'),
    );
    return { extension: {}, findings: found, set };
  }
  const values: Record<string, ExtensionValue> = {};
  for (const { key, node } of map.value.entries) {
    const at = subjectOf(LEVEL_PREFIX.kvferry + key, node);
    const spec = keySpec('kvferry', key);
    if (spec === undefined) {
      const names = KEY_TABLE.kvferry.map((each) => each.key);
      found.push(findings.kvferryUnknown(at, nearestName(key, names), names));
      continue;
    }
    if (node.value.kind === 'null') continue;
    const value = readValue(spec, node);
    if (value === undefined) {
      const [expected, example] = EXPECTED[key] ?? choicesOf(spec);
      found.push(findings.kvferryValue(at, expected, example));
      continue;
    }
    values[key] = value;
    set.set(key, node);
  }
  return { extension: toExtension(values), findings: found, set };
}

/** Whether Python takes a text as `PYTHONHASHSEED`. */
export function isHashSeed(text: string): boolean {
  return text === 'random' || (/^\d{1,10}$/.test(text) && Number(text) <= 4_294_967_295);
}

/** What a value must be, where its type and choices do not say it all. */
const EXPECTED: Readonly<Record<string, readonly [expected: string, example: string]>> = {
  endpoint: ['a host or an http or https URL', '"https://s3.example.com:9000"'],
  bucket: ['the name of a bucket', '"my-bucket"'],
  ca_file: ['the path of a file', '"/etc/ssl/my-ca.pem"'],
  profile: ['the name of a profile', '"my-profile"'],
  session_token: ['text in quotes', '"…"'],
  key_prefix: ['a prefix of object keys: segments joined by single slashes', '"team-a/"'],
  python_hash_seed: ['a seed as PYTHONHASHSEED takes it: 0 to 4294967295, or random', '"0"'],
  python_version: ['a version of Python', '"3.12"'],
  vllm: ['true or false', 'true'],
  prestage: ['true or false', 'true'],
  provider_profile: ['a map', '{ id: probed, addressing: [path], create: true }'],
  none_hash: ['a whole number of 64 bits', '"5313149338359954478"'],
  cache_salt: ['text of at most 128 characters, none of them @, / or \\', '"tenant-1"'],
  revision: ['text in quotes', '"main"'],
  adapter: ['text in quotes', '"my-lora"'],
  quantisation: ['text in quotes', '"fp8_ds_mla"'],
  backends: ['a list of package names', '["kvferry-backend-foo"]'],
  options: ['a map', '{ timeout: 5 }'],
};

function choicesOf(spec: KeySpec): readonly [expected: string, example: string] {
  const choices = spec.choices ?? [];
  return [`one of ${choices.join(', ')}`, JSON.stringify(choices[0] ?? '')];
}

type ExtensionValue = string | boolean | readonly string[] | Readonly<Record<string, unknown>>;

function readValue(spec: KeySpec, node: PyNode): ExtensionValue | undefined {
  const { value } = node;
  switch (spec.key) {
    case 'vllm':
    case 'prestage':
      return value.kind === 'bool' ? value.value : undefined;
    case 'backends': {
      const items = value.kind === 'list' ? value.items : [node];
      const names = items.map((item) => (item.value.kind === 'text' ? item.value.value : ''));
      return names.includes('') ? undefined : names;
    }
    case 'options':
    case 'provider_profile':
      return value.kind === 'map' ? (plainValue(node) as Readonly<Record<string, unknown>>) : undefined;
    case 'python_hash_seed': {
      const seed = value.kind === 'int' || value.kind === 'text' ? pythonText(value) : undefined;
      // Octal and the like: the engine hashes the text of its variable, so a number must look as it reads.
      if (seed === undefined || (value.kind === 'int' && seed !== node.written)) return undefined;
      return isHashSeed(seed) ? seed : undefined;
    }
    case 'python_version':
      // Unquoted, 3.10 is the number 3.1: what is written counts.
      return (value.kind === 'text' || value.kind === 'float') && /^3\.\d{1,2}(?:\.\d+)?\S*$/.test(node.written)
        ? node.written
        : undefined;
    case 'none_hash': {
      const text = value.kind === 'int' || value.kind === 'text' ? pythonText(value) : undefined;
      if (text === undefined || !/^-?\d{1,20}$/.test(text)) return undefined;
      const number = BigInt(text);
      return number >= -(2n ** 63n) && number < 2n ** 64n ? number.toString() : undefined;
    }
    default: {
      if (value.kind !== 'text' || value.value === '') return undefined;
      if (spec.choices !== undefined && !spec.choices.includes(value.value)) return undefined;
      if (spec.key === 'key_prefix' && keyProblem(value.value.replace(/\/$/, '')) !== undefined) return undefined;
      if (spec.key === 'bucket' && /[/:\s]/.test(value.value)) return undefined;
      if (spec.key === 'cache_salt' && (value.value.length > 128 || /[@/\\\0]/.test(value.value))) return undefined;
      return value.value;
    }
  }
}

function toExtension(values: Readonly<Record<string, ExtensionValue>>): KvferryExtension {
  // `readValue` has seen to it that each has its type and is one of its choices.
  return {
    provider: values.provider,
    providerProfile: values.provider_profile,
    prestage: values.prestage,
    endpoint: values.endpoint,
    bucket: values.bucket,
    addressing: values.addressing,
    caFile: values.ca_file,
    profile: values.profile,
    sessionToken: values.session_token,
    keyPrefix: values.key_prefix,
    pythonHashSeed: values.python_hash_seed,
    pythonVersion: values.python_version,
    vllm: values.vllm,
    noneHash: values.none_hash,
    era: values.era,
    keyFormat: values.key_format,
    cacheSalt: values.cache_salt,
    revision: values.revision,
    adapter: values.adapter,
    quantisation: values.quantisation,
    backends: values.backends,
    options: values.options,
    verify: values.verify,
  } as KvferryExtension;
}
