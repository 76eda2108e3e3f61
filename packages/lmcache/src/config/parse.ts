import type {
  ConfigEntry,
  ConfigFinding,
  ConfigSource,
  LmcacheConfig,
  LmcacheS3Config,
  ParsedConfig,
  ParseInput,
  RemoteTarget,
} from '../types.ts';
import { checkSettings } from './checks.ts';
import { findings } from './findings.ts';
import type { PyEntry } from './python-values.ts';
import { type Setting, Settings, shownValue } from './settings.ts';
import { type DuplicateKey, PLACEHOLDER, readYaml } from './yaml-document.ts';

/**
 * Reads an LMCache configuration as LMCache 0.5.6 reads it: YAML 1.1 by PyYAML's rules, LMCache's conversions, defaults before the file
 * before `LMCACHE_*` variables. Pure: text and environment come with the call.
 *
 * Never throws for what a user wrote. All there is to say is in `findings`; with an error among them `config` has defaults in the places at
 * fault and must not be used. A finding of scope `store` matters only when the store that the file names is opened.
 */
export function parseLmcacheConfig(input: ParseInput): ParsedConfig {
  const document = readDocument(input);
  if (document.status === 'refused') {
    const settings = new Settings({ ...input, text: undefined, env: {} }, [], []);
    return { config: configOf(settings, undefined), entries: settings.all.map(entryOf), findings: [document.finding] };
  }
  const settings = new Settings(input, document.entries, document.duplicates);
  const { findings: checked, address } = checkSettings(settings);
  const unused = unusedPlaceholders(input, document.filled);
  return {
    config: configOf(settings, address?.target),
    entries: settings.all.map(entryOf),
    findings: [...settings.findings, ...checked, ...unused].sort(byPlace),
  };
}

type ReadDocument =
  | {
      readonly status: 'read';
      readonly entries: readonly PyEntry[];
      readonly duplicates: readonly DuplicateKey[];
      readonly filled: ReadonlySet<string>;
    }
  | { readonly status: 'refused'; readonly finding: ConfigFinding };

function readDocument({ text, file, placeholders }: ParseInput): ReadDocument {
  if (text === undefined) return { status: 'read', entries: [], duplicates: [], filled: new Set() };
  const at = (line: number) => ({ key: '', value: '', source: { kind: 'file', file, line } as const });
  const yaml = readYaml(text, placeholders);
  if (yaml.status === 'refused') {
    return { status: 'refused', finding: findings.notReadable(at(yaml.line), yaml.problem, yaml.fix) };
  }
  const { root, duplicates, filled } = yaml;
  if (root === undefined) return { status: 'read', entries: [], duplicates, filled };
  if (root.value.kind !== 'map') {
    const what = root.value.kind === 'list' ? 'a list' : 'a single value';
    return { status: 'refused', finding: findings.notMap(at(root.line), what) };
  }
  return { status: 'read', entries: root.value.entries, duplicates, filled };
}

function unusedPlaceholders({ text, file, placeholders }: ParseInput, filled: ReadonlySet<string>): ConfigFinding[] {
  const present = new Set([...(text ?? '').matchAll(PLACEHOLDER)].map(([whole]) => whole.slice(1, -1)));
  const source: ConfigSource = text === undefined ? { kind: 'default' } : { kind: 'file', file, line: 0 };
  return Object.keys(placeholders)
    .filter((name) => !filled.has(name))
    .map((name) =>
      findings.placeholderUnused(
        { key: `{${name}}`, value: '', source },
        [...present].filter((other) => !filled.has(other)),
      ),
    );
}

/** 24 days: a timer of Node's takes 2^31 - 1 ms at most, and whoever writes more means for ever. */
const FOR_EVER_MS = 24 * 86_400_000;

function configOf(settings: Settings, target: RemoteTarget | undefined): LmcacheConfig {
  const number = (path: string): number => {
    const { value, spec } = settings.get(path);
    return typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : Number(spec.default);
  };
  const isOn = (path: string): boolean => settings.get(path).value === true;
  const text = (path: string): string | undefined => textOf(settings.get(path));
  const maybe = (path: string): boolean | undefined => {
    const { value } = settings.get(path);
    return typeof value === 'boolean' ? value : undefined;
  };
  const policy = String(settings.get('cache_policy').value).toUpperCase();
  return {
    chunkTokens: number('chunk_size'),
    localCpu: isOn('local_cpu'),
    maxLocalCpuBytes: isNoPool(settings) ? 0 : Math.floor(number('max_local_cpu_size') * 2 ** 30),
    cachePolicy: policy === 'LFU' || policy === 'FIFO' || policy === 'MRU' ? policy : 'LRU',
    saveUnfullChunk: isOn('save_unfull_chunk'),
    remoteUrl: target?.kind === 'plugin' ? target.url : target === undefined ? undefined : text('remote_url'),
    remoteSerde: 'naive',
    blockingTimeoutMs: Math.min(number('blocking_timeout_secs') * 1000, FOR_EVER_MS),
    pinTimeoutMs: Math.min(number('pin_timeout_sec') * 1000, FOR_EVER_MS),
    enableAsyncLoading: isOn('enable_async_loading'),
    // More than there can be tokens stands for never.
    minRetrieveTokens: Math.min(
      Math.max(0, Number(settings.get('min_retrieve_tokens').value ?? 0)),
      Number.MAX_SAFE_INTEGER,
    ),
    hashAlgorithm: text('pre_caching_hash_algorithm') ?? 'builtin',
    saveOnlyFirstRank: maybe('extra_config.save_only_first_rank'),
    remoteEnableMlaWorkerIdAs0: maybe('extra_config.remote_enable_mla_worker_id_as0'),
    s3: s3Of(settings, number('extra_config.s3_num_io_threads')),
    kvferry: settings.extension,
    hashSeedFromEnvironment: isVariable(settings.get('extra_config.kvferry.python_hash_seed'), 'PYTHONHASHSEED'),
  };
}

function s3Of(settings: Settings, ioThreads: number): LmcacheS3Config {
  const accessKeyId = textOf(settings.get('extra_config.aws_access_key_id'));
  const secretAccessKey = textOf(settings.get('extra_config.aws_secret_access_key'));
  const http2 = settings.get('extra_config.s3_prefer_http2');
  return {
    region: textOf(settings.get('extra_config.s3_region')),
    ioThreads,
    preferHttp2: http2.source.kind === 'default' ? undefined : http2.value === true,
    enableS3Express: settings.get('extra_config.s3_enable_s3express').value === true,
    disableTls: settings.get('extra_config.disable_tls').value === true,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey },
  };
}

/** LMCache takes 0 and less as no pool; with a remote it is an error already. */
function isNoPool(settings: Settings): boolean {
  const { value } = settings.get('max_local_cpu_size');
  return typeof value === 'number' && value <= 0;
}

function isVariable({ source }: Setting, variable: string): boolean {
  return source.kind === 'environment' && source.variable === variable;
}

function textOf({ value }: Setting): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function entryOf({ path, spec, value, source }: Setting): ConfigEntry {
  return {
    key: path,
    shown: shownEntry(spec.secret === true, path, value, source),
    source,
    effect: spec.here === undefined ? 'none' : 'yes',
  };
}

function shownEntry(secret: boolean, path: string, value: Setting['value'], source: ConfigSource): string {
  if (secret) return value === null || value === '' ? 'not set' : '(set)';
  // The one default in which kvferry differs from LMCache.
  if (path === 'extra_config.s3_prefer_http2' && source.kind === 'default')
    return 'not set (HTTP/1.1 here; True in LMCache)';
  return shownValue(value);
}

/** The file by lines, then what is about the file as a whole, then variables, then what stands nowhere. */
function byPlace(a: ConfigFinding, b: ConfigFinding): number {
  return rank(a.source) - rank(b.source);
}

function rank(source: ConfigSource): number {
  if (source.kind === 'file') return source.line === 0 ? 1e9 : source.line;
  return source.kind === 'environment' ? 2e9 : 3e9;
}
