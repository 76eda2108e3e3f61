import type { ConfigFinding, ConfigSource } from '../types.ts';

/**
 * Prints a finding for a person: where it stands, what is wrong, and on a second line why and what to write.
 *
 *     lmcache.yaml:3: error: save_unfull_chunk: True cannot be used with an S3 remote.
 *       LMCache hashes the short last chunk and then drops it at PUT. Write: save_unfull_chunk: False
 */
export function formatFinding(finding: ConfigFinding): string {
  const [headline = '', ...reasons] = finding.problem.split(/(?<=\.) (?=[A-Z])/);
  const place = formatSource(finding.source);
  const start = place === '' ? '' : `${place}: `;
  return `${start}${finding.severity}: ${headline}\n  ${[...reasons, finding.fix].join(' ')}`;
}

function formatSource(source: ConfigSource): string {
  switch (source.kind) {
    case 'default':
      return '';
    case 'file':
      return source.line === 0 ? source.file : `${source.file}:${source.line}`;
    case 'environment':
      return source.variable;
  }
}

/** What a finding is about. */
export interface Subject {
  readonly key: string;
  /** As written; `(not shown)` for a credential, `''` where there is none. */
  readonly value: string;
  readonly source: ConfigSource;
}

/** Stands for the value of a credential. */
export const NOT_SHOWN = '(not shown)';

/** The wording of every finding, one entry per kind. */
export const findings = {
  // The file as a whole

  notReadable: (at: Subject, problem: string, fix: string): ConfigFinding =>
    finding('error', at, { problem: `The file is not YAML that PyYAML reads. ${problem}`, fix }),

  notMap: (at: Subject, what: string): ConfigFinding =>
    finding('error', at, {
      problem: `The file holds ${what} where keys are expected. LMCache stops.`,
      fix: 'Write key: value, one a line.',
    }),

  duplicateKey: (at: Subject, firstLine: number, lastLine: number): ConfigFinding =>
    warning(at, `stands twice, in lines ${firstLine} and ${lastLine}. The last one counts.`, 'Remove one.'),

  placeholder: (at: Subject, names: readonly string[]): ConfigFinding => ({
    ...warning(
      at,
      names.length > 0
        ? `holds the placeholder ${names.map((name) => `{${name}}`).join(', ')}. The store it names cannot be opened.`
        : 'is the placeholder of an example. The store it names cannot be opened.',
      names.length > 0
        ? `Write the value in its place, or give it on the command line: ${names.map((name) => `--set ${name}=<value>`).join(' ')}`
        : `Write your own value: ${lastPart(at.key)}: <value>`,
    ),
    scope: 'store',
  }),

  placeholderUnused: (at: Subject, present: readonly string[]): ConfigFinding =>
    finding('warning', at, {
      problem: `The placeholder ${at.key} is nowhere in the file. The value given for it has no effect.`,
      fix: present.length === 0 ? 'Leave it away.' : `The file has ${present.map((name) => `{${name}}`).join(', ')}.`,
    }),

  // Names

  unknownKey: (at: Subject, nearest: string | undefined): ConfigFinding =>
    warning(
      at,
      'is not a key that LMCache or kvferry knows here. It is ignored.',
      nearest === undefined ? 'Remove it.' : `Did you mean ${nearest}?`,
    ),

  belongsInExtraConfig: (at: Subject, key: string): ConfigFinding =>
    at.source.kind === 'environment'
      ? warning(
          at,
          `is not a variable that LMCache looks at. What it names belongs under extra_config.`,
          `Write: LMCACHE_EXTRA_CONFIG='{"${key}": …}' (it replaces the whole map)`,
        )
      : warning(
          at,
          `is ignored at top level. It belongs under extra_config.`,
          `Write: extra_config: ${key}: ${shownOr(at, '…')}`,
        ),

  belongsInKvferry: (at: Subject, key: string): ConfigFinding =>
    warning(
      at,
      `is ignored here. It belongs under extra_config: kvferry.`,
      `Write: extra_config: kvferry: { ${key}: ${shownOr(at, '…')} }`,
    ),

  belongsAtTopLevel: (at: Subject, key: string): ConfigFinding =>
    warning(
      at,
      'is ignored inside extra_config. It belongs at top level.',
      `Write, without indentation: ${key}: ${shownOr(at, '…')}`,
    ),

  removedOption: (at: Subject, instead: string): ConfigFinding =>
    warning(at, 'is gone since LMCache 0.3.10.post1. It is ignored.', instead),

  oldName: (at: Subject, current: string): ConfigFinding =>
    warning(
      at,
      `is the old name of ${current}. It still works.`,
      `Write: ${current}${at.source.kind === 'environment' ? '=' : ': '}${shownOr(at, '…')}`,
    ),

  deadAlias: (at: Subject, current: string | undefined): ConfigFinding =>
    warning(
      at,
      'is an old name that LMCache no longer reads. It is ignored.',
      current === undefined ? 'Remove it.' : `The name is ${current} now.`,
    ),

  unknownVariable: (at: Subject, nearest: string): ConfigFinding =>
    warning(at, 'is not a variable that LMCache looks at.', `Did you mean ${nearest}?`),

  encoderCache: (at: Subject): ConfigFinding =>
    warning(at, "configures LMCache's encoder cache. It has no effect here.", 'Nothing to do.'),

  noEffect: (at: Subject): ConfigFinding =>
    warning(at, 'has no effect here. kvferry does not have this feature of LMCache.', 'Nothing to do for kvferry.'),

  neverContacted: (at: Subject): ConfigFinding =>
    warning(
      at,
      'is never contacted. LMCache sends it its configuration and all environment variables, and takes overrides from it.',
      'Write what it would override into this file.',
    ),

  lmcacheRefuses: (at: Subject, why: string, fix: string): ConfigFinding =>
    warning(at, `makes LMCache refuse to start. ${why}`, fix),

  // Values

  notConvertible: (at: Subject, expected: string, example: string): ConfigFinding =>
    error(
      at,
      `is not ${expected}. LMCache warns, and goes on without the value.`,
      `Write ${expected}, such as ${lastPart(at.key)}: ${example}`,
    ),

  notConvertibleVariable: (at: Subject, expected: string, example: string): ConfigFinding =>
    error(
      at,
      `is not ${expected}. LMCache warns, and goes on as if the variable were not there.`,
      `Write ${expected}, such as ${variableOf(at)}=${example}`,
    ),

  notExtraConfig: (at: Subject): ConfigFinding =>
    error(
      at,
      'is not a map. LMCache reads its settings for S3 out of it.',
      at.source.kind === 'environment'
        ? `Write a JSON object: LMCACHE_EXTRA_CONFIG='{"s3_region": "us-east-1"}'`
        : 'Write the keys below extra_config:, indented.',
    ),

  emptyVariable: (at: Subject, taken: string): ConfigFinding =>
    warning(at, `is empty and set all the same. ${taken}`, `Unset it: unset ${variableOf(at)}`),

  extraConfigReplaced: (at: Subject, lost: readonly string[]): ConfigFinding =>
    warning(
      at,
      `replaces the whole extra_config of the file. Lost: ${lost.join(', ')}.`,
      'Repeat them in the variable, or unset it.',
    ),

  textForBool: (at: Subject): ConfigFinding =>
    warning(at, 'is taken as False. Of text LMCache knows only true and 1.', boolFix(at, 'true or false')),

  nullForBool: (at: Subject): ConfigFinding =>
    warning(at, 'has no value and is taken as off. Only a missing key has its default.', boolFix(at, 'True or False')),

  textIsTrue: (at: Subject): ConfigFinding =>
    warning(
      at,
      'is text and taken as true. Inside extra_config every text that is not empty is true to LMCache.',
      `Write without quotes: ${lastPart(at.key)}: ${/^(?:true|yes|on|1|y|t)$/i.test(unquoted(at.value)) ? 'True' : 'False'}`,
    ),

  readOtherwise: (at: Subject, taken: string): ConfigFinding =>
    warning(
      at,
      `is read as ${taken}. YAML 1.1 and LMCache read it otherwise than it looks.`,
      `Write: ${lastPart(at.key)}: ${taken}`,
    ),

  notPositive: (at: Subject, unit: string, standard: number | string): ConfigFinding =>
    error(
      at,
      `is not a positive number of ${unit}. LMCache accepts it, and cannot work with it.`,
      `Write a positive number; the default is ${lastPart(at.key)}: ${standard}`,
    ),

  chunkTooLong: (at: Subject): ConfigFinding =>
    error(
      at,
      'is more tokens than any sequence has. No chunk would ever be full.',
      'Write what the engine uses; the default is chunk_size: 256',
    ),

  noPool: (at: Subject): ConfigFinding =>
    warning(
      at,
      'leaves no CPU pool. Without a remote nothing at all is kept then, here as in LMCache.',
      'Write a positive number of GiB; the default is max_local_cpu_size: 5',
    ),

  poolTooSmall: (at: Subject): ConfigFinding =>
    error(
      at,
      'is less than one byte: the unit is GiB. LMCache accepts it, and cannot work with it.',
      'Write the GiB that the pool may take; the default is max_local_cpu_size: 5',
    ),

  poolTooLarge: (at: Subject): ConfigFinding =>
    error(
      at,
      'is more than any machine has: the unit is GiB. LMCache accepts it, and cannot allocate it.',
      'Write the GiB that the pool may take; the default is max_local_cpu_size: 5',
    ),

  negative: (at: Subject): ConfigFinding =>
    error(at, 'is less than 0. LMCache refuses to start.', `Write: ${lastPart(at.key)}: 0`),

  unknownName: (at: Subject, names: readonly string[], standard: string): ConfigFinding =>
    error(
      at,
      `is none of ${names.join(', ')}. LMCache accepts it and fails later, or not at all.`,
      `Write: ${lastPart(at.key)}: ${standard}`,
    ),

  unknownHash: (at: Subject): ConfigFinding =>
    warning(
      at,
      "is a hash that vLLM does not know. It is taken as Python's hash, as LMCache does.",
      'Write: pre_caching_hash_algorithm: sha256_cbor, or builtin if that is meant.',
    ),

  hashNotHere: (at: Subject): ConfigFinding =>
    error(
      at,
      'is a hash that kvferry does not compute. No chunk of such an engine would ever be found.',
      'Write in every engine: pre_caching_hash_algorithm: sha256_cbor',
    ),

  unusedByMultiProcess: (at: Subject): ConfigFinding =>
    warning(
      at,
      "has no effect with era: mp. LMCache's multi-process server hashes with BLAKE3, the same for every engine.",
      'Remove it, or write: extra_config: kvferry: { era: "current" }',
    ),

  // S3

  unfullChunkWithS3: (at: Subject): ConfigFinding =>
    at.key === 'enable_blending'
      ? error(
          at,
          'cannot be used with an S3 remote. It sets save_unfull_chunk, and LMCache drops every short chunk at PUT.',
          'Write: enable_blending: False and save_unfull_chunk: False',
        )
      : error(
          at,
          'cannot be used with an S3 remote. LMCache hashes the short last chunk and then drops it at PUT.',
          'Write: save_unfull_chunk: False',
        ),

  chunkMetaWithS3: (at: Subject): ConfigFinding =>
    error(
      at,
      at.value.startsWith('"') || at.value.startsWith("'")
        ? 'is text and so true, which S3 refuses. LMCache comes up without a remote.'
        : 'cannot be used with an S3 remote. LMCache comes up without one.',
      'Write, without quotes: save_chunk_meta: False',
    ),

  layerwiseWithS3: (at: Subject): ConfigFinding =>
    error(
      at,
      'cannot be used with an S3 remote. An object holds one whole chunk, and LMCache drops every PUT of a layer.',
      'Write: use_layerwise: False',
    ),

  serdeWithS3: (at: Subject): ConfigFinding =>
    error(
      at,
      'cannot be used with an S3 remote. LMCache drops every PUT, since the size is not that of a full chunk.',
      'Write: remote_serde: "naive"',
    ),

  serdeNotHere: (at: Subject): ConfigFinding =>
    error(at, 'is a serde that kvferry does not have.', 'Write: remote_serde: "naive"'),

  regionMissing: (at: Subject): ConfigFinding =>
    error(at, 'is missing or empty. LMCache comes up without a remote.', 'Add: extra_config: s3_region: "<region>"'),

  regionAtTopLevel: (at: Subject, stray: Subject): ConfigFinding =>
    error(
      at,
      `is missing; it stands at top level (${formatSource(stray.source)}), where nobody reads it. LMCache comes up without a remote.`,
      `Move it, indented, under extra_config: s3_region: "${stray.value}"`,
    ),

  badAddress: (at: Subject, problem: string, fix: string): ConfigFinding =>
    error(at, `does not name a store. ${problem}`, fix),

  /** `host` undefined: an IP address, in front of which no bucket can stand. */
  bareBucket: (at: Subject, from: 'the region' | 'the endpoint', host: string | undefined): ConfigFinding =>
    warning(
      at,
      `is a bucket without a host. It works here, built from ${from}; to LMCache it is a host name that does not resolve.`,
      host === undefined
        ? 'If LMCache shares this file, give the store a host name with the bucket in front, and write that: remote_url: "s3://<bucket>.<host>"'
        : `If LMCache shares this file, write: remote_url: "s3://${host}"`,
    ),

  pluginS3: (at: Subject): ConfigFinding =>
    error(
      at,
      'has no plug-in for S3. LMCache comes up without a remote.',
      'Write: remote_url: "s3://<bucket>.<endpoint>"',
    ),

  credentialNotText: (at: Subject): ConfigFinding =>
    error(
      at,
      'is not text but a number or the like. YAML has changed its digits, and LMCache passes on what is left.',
      `Quote it: ${lastPart(at.key)}: "…"`,
    ),

  credentialAlone: (at: Subject, missing: string): ConfigFinding =>
    warning(
      at,
      `stands alone. Without ${missing} both are ignored, and the default chain of AWS is used.`,
      'Set both, or neither.',
    ),

  zoneMismatch: (at: Subject, bucket: string, bucketZone: string, hostZone: string): ConfigFinding =>
    error(
      at,
      `names zone ${hostZone}, and the bucket ${bucket} lies in ${bucketZone}. A directory bucket is reached in its own zone only.`,
      `Write: s3express-${bucketZone} in the host`,
    ),

  notDirectoryBucket: (at: Subject, bucket: string, zone: string): ConfigFinding =>
    error(
      at,
      `is a host of S3 Express, and ${bucket} is not the name of a directory bucket.`,
      `Write the whole name, with its zone: ${bucket}--${zone}--x-s3`,
    ),

  directoryBucketElsewhere: (at: Subject, bucket: string, zone: string, domain: string): ConfigFinding =>
    error(
      at,
      `is not a host of S3 Express, and ${bucket} is a directory bucket.`,
      `Write: remote_url: "s3://${bucket}.s3express-${zone}.${domain}"`,
    ),

  regionMismatch: (at: Subject, hostRegion: string): ConfigFinding =>
    error(
      at,
      `is not the region of the host, ${hostRegion}. Every request would be signed for the wrong region.`,
      `Write: extra_config: s3_region: "${hostRegion}", or the host of the region that is meant.`,
    ),

  regionCase: (at: Subject, region: string): ConfigFinding =>
    error(
      at,
      'is not a region of AWS, whose regions are in lower case.',
      `Write: extra_config: s3_region: "${region}"`,
    ),

  expressFlagUnneeded: (at: Subject, host: string): ConfigFinding =>
    warning(
      at,
      `is set, and ${host} is not a host of S3 Express. The host decides, as in LMCache: the bucket is opened as what it is.`,
      'Write: s3_enable_s3express: False, or the host of a directory bucket.',
    ),

  expressFlagMissing: (at: Subject): ConfigFinding =>
    warning(
      at,
      'is a host of S3 Express, and s3_enable_s3express is not set. The host decides: S3 Express is opened.',
      'Write: extra_config: s3_enable_s3express: True',
    ),

  notWithExpress: (at: Subject, host: string): ConfigFinding =>
    warning(at, `has no effect: ${host} is a host of S3 Express, which is reached in one way.`, 'Remove it.'),

  tlsOffOnAws: (at: Subject): ConfigFinding =>
    warning(
      at,
      'sends everything over plain http, to amazonaws.com. S3 Express refuses it, and everybody on the way can read it.',
      'Write: disable_tls: False',
    ),

  // extra_config.kvferry

  kvferryUnknown: (at: Subject, nearest: string | undefined, names: readonly string[]): ConfigFinding =>
    error(
      at,
      'is not an option of kvferry.',
      nearest === undefined ? `The options are ${names.join(', ')}.` : `Did you mean ${nearest}?`,
    ),

  kvferryValue: (at: Subject, expected: string, example: string): ConfigFinding =>
    error(at, `is not ${expected}.`, `Write: extra_config: kvferry: { ${lastPart(at.key)}: ${example} }`),

  badHashSeed: (at: Subject): ConfigFinding =>
    finding('warning', at, {
      problem: `PYTHONHASHSEED=${at.value} is not a seed. Python does not start with it; it is ignored here.`,
      fix: 'Write 0 to 4294967295, or random.',
    }),

  kvferryConflict: (at: Subject, problem: string, fix: string): ConfigFinding => error(at, problem, fix),
} as const;

function error(at: Subject, predicate: string, fix: string): ConfigFinding {
  return finding('error', at, { problem: `${named(at)} ${predicate}`, fix });
}

function warning(at: Subject, predicate: string, fix: string): ConfigFinding {
  return finding('warning', at, { problem: `${named(at)} ${predicate}`, fix });
}

function finding(
  severity: ConfigFinding['severity'],
  at: Subject,
  text: { readonly problem: string; readonly fix: string },
): ConfigFinding {
  return { severity, key: at.key, value: at.value, source: at.source, ...text, scope: 'always' };
}

/** `save_unfull_chunk: True`, or `LMCACHE_CHUNK_SIZE=0`. */
function named({ key, value, source }: Subject): string {
  if (value === NOT_SHOWN) return source.kind === 'environment' ? `${source.variable}, ${key}` : key;
  if (source.kind !== 'environment') return value === '' ? key : `${key}: ${value}`;
  // Of LMCACHE_EXTRA_CONFIG a value has its own key.
  if (key.includes('.')) return value === '' ? key : `${key}: ${value}`;
  return `${source.variable}=${value}`;
}

function lastPart(key: string): string {
  return key.replace(/^extra_config\.(?:kvferry\.)?/, '');
}

function variableOf(at: Subject): string {
  return at.source.kind === 'environment' ? at.source.variable : at.key;
}

function shownOr(at: Subject, otherwise: string): string {
  return at.value === '' || at.value === NOT_SHOWN || at.value.startsWith('(') ? otherwise : at.value;
}

function unquoted(value: string): string {
  return value.replace(/^"(.*)"$/s, '$1');
}

function boolFix(at: Subject, words: string): string {
  return at.source.kind === 'environment' && !at.key.includes('.')
    ? `Write ${words}: ${at.source.variable}=true`
    : `Write ${words}, without quotes: ${lastPart(at.key)}: True`;
}
