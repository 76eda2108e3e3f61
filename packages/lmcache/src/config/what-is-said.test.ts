import { expect, test } from 'vitest';
import type { ConfigFinding, LmcacheConfig } from '../types.ts';
import { formatFinding } from './findings.ts';
import { parseLmcacheConfig } from './parse.ts';

/** Four lines that give no finding. What a case adds is line 5, inside `extra_config` where it is indented. */
const S3 =
  'remote_url: "s3://b.s3.us-east-1.amazonaws.com"\nremote_serde: "naive"\nextra_config:\n  s3_region: "us-east-1"\n';
const URL_FORM = '"s3://<bucket>" or "s3://<bucket>.<endpoint>[:port]"';
const ZONAL = 'n--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com';

function url(remoteUrl: string): string {
  return S3.replace('s3://b.s3.us-east-1.amazonaws.com', remoteUrl);
}

function express(host: string, region: string, flag: 'True' | 'False'): string {
  return `remote_url: "s3://${host}"\nextra_config:\n  s3_region: "${region}"\n  s3_enable_s3express: ${flag}\n`;
}

interface More {
  readonly env?: Record<string, string>;
  readonly value?: string;
  readonly config?: Partial<LmcacheConfig>;
}

/** `at`: line or variable. `says`: words of the problem, divided by ` … `. */
type Row = readonly [
  text: string | undefined,
  key: string,
  at: number | string,
  says: string,
  fix: string,
  more?: More,
];

const errors: readonly Row[] = [
  [
    `${S3}save_unfull_chunk: True\n`,
    'save_unfull_chunk',
    5,
    'drops it at PUT',
    'save_unfull_chunk: False',
    { value: 'True' },
  ],
  [`${S3}enable_blending: true\n`, 'enable_blending', 5, 'save_unfull_chunk', 'save_unfull_chunk: False'],
  [`${S3}  save_chunk_meta: True\n`, 'extra_config.save_chunk_meta', 5, 'without one', 'save_chunk_meta: False'],
  [
    `${S3}  save_chunk_meta: "False"\n`,
    'extra_config.save_chunk_meta',
    5,
    'is text and so true',
    'without quotes',
    { value: '"False"' },
  ],
  [
    'remote_url: s3://b.s3.us-east-1.amazonaws.com\n',
    'extra_config.s3_region',
    1,
    'missing … without a remote',
    'extra_config: s3_region:',
  ],
  [
    'remote_url: s3://b.s3.us-east-1.amazonaws.com\nextra_config:\n  s3_region: ""\n',
    'extra_config.s3_region',
    3,
    'empty',
    's3_region: "<region>"',
  ],
  [
    'remote_url: s3://b.s3.us-east-1.amazonaws.com\nextra_config:\ns3_region: x\n',
    'extra_config.s3_region',
    2,
    'at top level … lmcache.yaml:3',
    'indented, under extra_config: s3_region: "x"',
  ],
  [`${S3}use_layerwise: true\n`, 'use_layerwise', 5, 'drops every PUT', 'use_layerwise: False'],
  [S3.replace('naive', 'cachegen'), 'remote_serde', 2, 'drops every PUT', 'remote_serde: "naive"'],
  [S3.replace('naive', 'zip'), 'remote_serde', 2, 'naive, kivi, cachegen', '"naive"'],
  ['cache_policy: newest\n', 'cache_policy', 1, 'LRU, LFU, FIFO, MRU', '"LRU"'],
  ['chunk_size: 0\n', 'chunk_size', 1, 'positive number of tokens', '256'],
  ['chunk_size: -5\n', 'chunk_size', 1, 'positive number', '256'],
  ['chunk_size: null\n', 'chunk_size', 1, 'positive number', '256'],
  ['blocking_timeout_secs: 0\n', 'blocking_timeout_secs', 1, 'positive number of seconds', '10'],
  ['blocking_timeout_secs:\n', 'blocking_timeout_secs', 1, 'positive number', '10'],
  [`${S3}max_local_cpu_size: 0\n`, 'max_local_cpu_size', 5, 'positive number of GiB', '5'],
  [`${S3}max_local_cpu_size: -1\n`, 'max_local_cpu_size', 5, 'positive number', '5'],
  ['max_local_cpu_size: 1e-10\n', 'max_local_cpu_size', 1, 'less than one byte', 'max_local_cpu_size: 5'],
  [`${S3}max_local_cpu_size: 1e12\n`, 'max_local_cpu_size', 5, 'more than any machine has', 'max_local_cpu_size: 5'],
  ['max_local_cpu_size: 8388608\n', 'max_local_cpu_size', 1, 'more than any machine has', 'the GiB'],
  ['max_local_cpu_size: .inf\n', 'max_local_cpu_size', 1, 'more than any machine has', 'the GiB', { value: '.inf' }],
  ['max_local_cpu_size: .nan\n', 'max_local_cpu_size', 1, 'positive number of GiB', '5'],
  ['max_local_cpu_size:\n', 'max_local_cpu_size', 1, 'positive number of GiB', '5'],
  [
    undefined,
    'max_local_cpu_size',
    'LMCACHE_MAX_LOCAL_CPU_SIZE',
    'more than any machine has',
    'the GiB',
    { env: { LMCACHE_MAX_LOCAL_CPU_SIZE: '1e+8' }, value: '1e+8' },
  ],
  [
    'chunk_size: 99999999999999999999\n',
    'chunk_size',
    1,
    'more tokens than any sequence',
    'chunk_size: 256',
    { value: '99999999999999999999' },
  ],
  ['min_retrieve_tokens: -1\n', 'min_retrieve_tokens', 1, 'refuses to start', '0'],
  [`${S3}  s3_num_io_threads: 0\n`, 'extra_config.s3_num_io_threads', 5, 'positive number of requests', '64'],
  [`${S3}  s3_num_io_threads: abc\n`, 'extra_config.s3_num_io_threads', 5, 'whole number', 's3_num_io_threads: 64'],
  ['chunk_size: many\n', 'chunk_size', 1, 'whole number', 'chunk_size: 256', { value: 'many' }],
  ['blocking_timeout_secs: 10s\n', 'blocking_timeout_secs', 1, 'whole number', 'blocking_timeout_secs: 10'],
  ['chunk_size: 1e3\n', 'chunk_size', 1, 'whole number', 'chunk_size: 256'],
  [
    'chunk_size: 64\n',
    'chunk_size',
    'LMCACHE_CHUNK_SIZE',
    'whole number',
    'LMCACHE_CHUNK_SIZE=256',
    { env: { LMCACHE_CHUNK_SIZE: '0x100' }, value: '0x100', config: { chunkTokens: 64 } },
  ],
  ['extra_config: [a]\n', 'extra_config', 1, 'not a map', 'indented'],
  [
    undefined,
    'extra_config',
    'LMCACHE_EXTRA_CONFIG',
    'not a map',
    'JSON object',
    { env: { LMCACHE_EXTRA_CONFIG: '[1]' } },
  ],
  [
    undefined,
    'extra_config',
    'LMCACHE_EXTRA_CONFIG',
    'not a map',
    'JSON object',
    { env: { LMCACHE_EXTRA_CONFIG: 'None' } },
  ],
  [url('nope'), 'remote_url', 1, 'does not name a store', URL_FORM],
  [url('S3://b'), 'remote_url', 1, 'does not name a store', URL_FORM],
  [url('s3://http://h:9000'), 'remote_url', 1, 'does not name a store', URL_FORM],
  [url('s3://b.h/'), 'remote_url', 1, 'does not name a store', URL_FORM],
  [url('s3://b.h/path'), 'remote_url', 1, 'does not name a store', URL_FORM],
  [url('s3://'), 'remote_url', 1, 'does not name a store', URL_FORM],
  [
    url('s3://my-bucket.[::1]:9000'),
    'remote_url',
    1,
    'in front of an IPv6 address',
    'remote_url: "s3://my-bucket" and extra_config: kvferry: { endpoint: "https://[::1]:9000" }',
  ],
  [`${url('s3://b.[::1]')}  disable_tls: True\n`, 'remote_url', 1, 'in front of an IPv6 address', '"http://[::1]"'],
  [url('s3://b.h:x'), 'remote_url', 1, 'does not name a store', URL_FORM],
  [url('s3://a@b.h'), 'remote_url', 1, 'does not name a store', URL_FORM],
  ['remote_url: "file://"\n', 'remote_url', 1, 'names no folder', 'remote_url: "file:///<folder>"'],
  ['remote_url: "file://localhost"\n', 'remote_url', 1, 'names no folder', 'remote_url: "file:///<folder>"'],
  ['remote_url: "file://~/kv"\n', 'remote_url', 1, '~ is not the home folder', 'remote_url: "file:///<folder>"'],
  ['remote_url: "file://nas/kv"\n', 'remote_url', 1, 'only localhost is here', 'remote_url: "file:///<folder>"'],
  ['remote_url: "file://kv"\n', 'remote_url', 1, 'only localhost is here', '"file://./<folder>"'],
  [url('None'), 'remote_url', 1, 'does not name a store', 'null'],
  [url('s3://127.0.0.1:9000'), 'remote_url', 1, 'no bucket', 'extra_config: kvferry: { bucket: "<bucket>" }'],
  [`${S3}remote_storage_plugins: ["s3"]\n`, 'remote_storage_plugins', 5, 'without a remote', 'remote_url: "s3://'],
  [
    `${S3}  aws_access_key_id: 0123\n  aws_secret_access_key: "x"\n`,
    'extra_config.aws_access_key_id',
    5,
    'not text',
    'Quote it',
    { value: '(not shown)' },
  ],
  ['pre_caching_hash_algorithm: sha256\n', 'pre_caching_hash_algorithm', 1, 'does not compute', 'sha256_cbor'],
  [`${S3}  kvferry: { endpont: "h" }\n`, 'extra_config.kvferry.endpont', 5, 'not an option', 'endpoint?'],
  [`${S3}  kvferry: { colour: red }\n`, 'extra_config.kvferry.colour', 5, 'not an option', 'provider, endpoint'],
  [`${S3}  kvferry: yes\n`, 'extra_config.kvferry', 5, 'not a map', 'kvferry: {'],
  [
    `${S3}  kvferry:\n    addressing: host\n`,
    'extra_config.kvferry.addressing',
    6,
    'auto, virtual, path',
    'addressing: "auto"',
  ],
  [`${S3}  kvferry: { vllm: "false" }\n`, 'extra_config.kvferry.vllm', 5, 'true or false', 'vllm: true'],
  [`${S3}  kvferry: { prestage: 1 }\n`, 'extra_config.kvferry.prestage', 5, 'true or false', 'prestage: true'],
  [`${S3}  kvferry: { provider_profile: minio }\n`, 'extra_config.kvferry.provider_profile', 5, 'a map', 'id: probed'],
  [`${S3}  kvferry: { python_hash_seed: 010 }\n`, 'extra_config.kvferry.python_hash_seed', 5, 'PYTHONHASHSEED', '"0"'],
  [`${S3}  kvferry: { none_hash: many }\n`, 'extra_config.kvferry.none_hash', 5, '64 bits', 'none_hash:'],
  [
    `${S3}  kvferry: { cache_salt: "a@b", era: mp }\n`,
    'extra_config.kvferry.cache_salt',
    5,
    '128 characters',
    '"tenant-1"',
  ],
  [`${S3}  kvferry: { cache_salt: "a" }\n`, 'extra_config.kvferry.cache_salt', 5, 'no place', 'key_format: "kv1"'],
  [`${S3}  kvferry: { revision: "a" }\n`, 'extra_config.kvferry.revision', 5, 'no place', 'key_format: "kv1"'],
  [`${S3}  kvferry: { adapter: "a", era: mp }\n`, 'extra_config.kvferry.adapter', 5, 'no place', 'key_format: "kv1"'],
  [`${S3}  kvferry: { key_format: kv2 }\n`, 'extra_config.kvferry.key_format', 5, 'lmcache, kv1', '"lmcache"'],
  [`${S3}  kvferry: { key_prefix: "/a" }\n`, 'extra_config.kvferry.key_prefix', 5, 'prefix', '"team-a/"'],
  [
    `${S3}  kvferry: { endpoint: "ftp://h" }\n`,
    'extra_config.kvferry.endpoint',
    5,
    'neither http nor https',
    'https://s3.example.com:9000',
  ],
  [
    `${S3}  disable_tls: True\n  kvferry: { endpoint: "https://h" }\n`,
    'extra_config.kvferry.endpoint',
    6,
    'disable_tls',
    'disable_tls: False',
  ],
  [
    `${S3}  aws_access_key_id: "a"\n  aws_secret_access_key: "b"\n  kvferry: { profile: "p" }\n`,
    'extra_config.kvferry.profile',
    7,
    'cannot stand beside',
    'Remove the profile',
  ],
  [
    `${S3}  kvferry: { session_token: "t" }\n`,
    'extra_config.kvferry.session_token',
    5,
    'static keys',
    'aws_access_key_id',
  ],
  [
    express('n--use1-az4--x-s3.s3express-use1-az5.us-east-1.amazonaws.com', 'us-east-1', 'True'),
    'remote_url',
    1,
    'zone use1-az5 … lies in use1-az4',
    's3express-use1-az4',
  ],
  [express(ZONAL, 'us-west-2', 'True'), 'extra_config.s3_region', 3, 'us-east-1', 's3_region: "us-east-1"'],
  [
    S3.replace('"us-east-1"', '"eu-west-1"'),
    'extra_config.s3_region',
    4,
    'region of the host, us-east-1',
    's3_region: "us-east-1"',
  ],
  [S3.replace('"us-east-1"', '"US-EAST-1"'), 'extra_config.s3_region', 4, 'lower case', 's3_region: "us-east-1"'],
  [
    express('n.s3express-use1-az4.us-east-1.amazonaws.com', 'us-east-1', 'True'),
    'remote_url',
    1,
    'not the name of a directory bucket',
    'n--use1-az4--x-s3',
  ],
  [
    express('n--use1-az4--x-s3.s3.us-east-1.amazonaws.com', 'us-east-1', 'False'),
    'remote_url',
    1,
    'directory bucket',
    `s3://${ZONAL}`,
  ],
];

const warnings: readonly Row[] = [
  [
    url('s3://my-b'),
    'remote_url',
    1,
    'does not resolve',
    's3://my-b.s3.us-east-1.amazonaws.com',
    { value: 's3://my-b' },
  ],
  [
    `${S3}  aws_access_key_id: "AK"\n`,
    'extra_config.aws_access_key_id',
    5,
    'aws_secret_access_key … default chain',
    'Set both, or neither',
  ],
  [
    `${S3}  aws_secret_access_key: "S"\n`,
    'extra_config.aws_secret_access_key',
    5,
    'aws_access_key_id',
    'Set both, or neither',
  ],
  [
    `${url('s3://b.s3.example.com')}  disable_tls: "False"\n`,
    'extra_config.disable_tls',
    5,
    'taken as true',
    'without quotes: disable_tls: False',
    { value: '"False"' },
  ],
  [`${S3}  s3_prefer_http2: "0"\n`, 'extra_config.s3_prefer_http2', 5, 'taken as true', 's3_prefer_http2: False'],
  ['local_cpu: "yes"\n', 'local_cpu', 1, 'taken as False', 'true or false', { config: { localCpu: false } }],
  ['local_cpu: y\n', 'local_cpu', 1, 'taken as False', 'true or false'],
  ['local_cpu: 2\n', 'local_cpu', 1, 'taken as False', 'true or false'],
  [
    undefined,
    'local_cpu',
    'LMCACHE_LOCAL_CPU',
    'taken as False',
    'LMCACHE_LOCAL_CPU=true',
    { env: { LMCACHE_LOCAL_CPU: 'yes' }, config: { localCpu: false } },
  ],
  ['local_cpu:\n', 'local_cpu', 1, 'taken as off', 'local_cpu: True', { config: { localCpu: false } }],
  ['chunk_size: 010\n', 'chunk_size', 1, 'read as 8', 'chunk_size: 8', { value: '010', config: { chunkTokens: 8 } }],
  ['chunk_size: 1:30\n', 'chunk_size', 1, 'read as 90', 'chunk_size: 90', { config: { chunkTokens: 90 } }],
  [
    'blocking_timeout_secs: 10.7\n',
    'blocking_timeout_secs',
    1,
    'read as 10',
    ': 10',
    { config: { blockingTimeoutMs: 10000 } },
  ],
  ['chunk_size: true\n', 'chunk_size', 1, 'read as 1', 'chunk_size: 1', { config: { chunkTokens: 1 } }],
  ['chunk_sizes: 64\n', 'chunk_sizes', 1, 'ignored', 'chunk_size?', { value: '64', config: { chunkTokens: 256 } }],
  ['CHUNK_SIZE: 64\n', 'CHUNK_SIZE', 1, 'ignored', 'chunk_size?'],
  ['chunk-size: 64\n', 'chunk-size', 1, 'ignored', 'chunk_size?'],
  ['nixl_role: sender\n', 'nixl_role', 1, 'old name', 'pd_role'],
  [
    'plugin_locations: [a]\n',
    'plugin_locations',
    1,
    'old name of runtime_plugin_locations',
    'runtime_plugin_locations:',
  ],
  ['disable_tls: True\n', 'disable_tls', 1, 'under extra_config', 'extra_config: disable_tls: True'],
  ['ca_file: /a.pem\n', 'ca_file', 1, 'extra_config: kvferry', 'kvferry: { ca_file: /a.pem }'],
  [`${S3}  chunk_size: 64\n`, 'extra_config.chunk_size', 5, 'at top level', 'chunk_size: 64'],
  [`${S3}  s3_num_io_thread: 8\n`, 'extra_config.s3_num_io_thread', 5, 'ignored', 's3_num_io_threads?'],
  [
    `${S3}  aws_session_token: "t"\n`,
    'extra_config.aws_session_token',
    5,
    'kvferry',
    'session_token',
    { value: '(not shown)' },
  ],
  [`${S3}  s3_file_prefix: "p"\n`, 'extra_config.s3_file_prefix', 5, '0.3.10.post1', 'key_prefix'],
  [`${S3}  s3_part_size: 8\n`, 'extra_config.s3_part_size', 5, '0.3.10.post1', 'parts by itself'],
  [`${S3}  s3_max_inflight_reqs: 8\n`, 'extra_config.s3_max_inflight_reqs', 5, '0.3.10.post1', 's3_num_io_threads'],
  [`${S3}s3_max_io_concurrency: 8\n`, 's3_max_io_concurrency', 5, '0.3.10.post1', 's3_num_io_threads'],
  [
    undefined,
    'LMCACHE_CHUNKSIZE',
    'LMCACHE_CHUNKSIZE',
    'not a variable',
    'LMCACHE_CHUNK_SIZE?',
    { env: { LMCACHE_CHUNKSIZE: '64' }, value: '64' },
  ],
  [
    undefined,
    'LMCACHE_S3_REGION',
    'LMCACHE_S3_REGION',
    'extra_config',
    'LMCACHE_EXTRA_CONFIG',
    { env: { LMCACHE_S3_REGION: 'x' } },
  ],
  [
    'local_cpu: True\n',
    'local_cpu',
    'LMCACHE_LOCAL_CPU',
    'overrides the file … False',
    'unset LMCACHE_LOCAL_CPU',
    { env: { LMCACHE_LOCAL_CPU: '' }, config: { localCpu: false } },
  ],
  [
    'chunk_size: 64\n',
    'chunk_size',
    'LMCACHE_CHUNK_SIZE',
    'stays 64',
    'unset',
    { env: { LMCACHE_CHUNK_SIZE: '' }, config: { chunkTokens: 64 } },
  ],
  [
    S3,
    'remote_url',
    'LMCACHE_REMOTE_URL',
    'overrides the file',
    'unset',
    { env: { LMCACHE_REMOTE_URL: '' }, config: { remoteUrl: undefined } },
  ],
  [
    `${S3}  disable_tls: False\n  kvferry: { profile: p }\n`,
    'extra_config',
    'LMCACHE_EXTRA_CONFIG',
    'disable_tls, kvferry.profile … replaces',
    'Repeat them',
    { env: { LMCACHE_EXTRA_CONFIG: '{"s3_region": "us-east-1"}' } },
  ],
  [
    'extra_config: { s3_region: r }\n',
    'extra_config',
    'LMCACHE_EXTRA_CONFIG',
    's3_region',
    'unset',
    { env: { LMCACHE_EXTRA_CONFIG: '' } },
  ],
  [
    'chunk_size: 64\nlocal_cpu: True\nchunk_size: 128\n',
    'chunk_size',
    3,
    'lines 1 and 3',
    'Remove one',
    { config: { chunkTokens: 128 } },
  ],
  [
    'pre_caching_hash_algorithm: blake3\n',
    'pre_caching_hash_algorithm',
    1,
    "Python's hash",
    'sha256_cbor',
    { config: { hashAlgorithm: 'blake3' } },
  ],
  [
    'pre_caching_hash_algorithm: sha256_cbor\nextra_config: { kvferry: { era: mp } }\n',
    'pre_caching_hash_algorithm',
    1,
    'no effect with era: mp',
    'era: "current"',
  ],
  [
    'extra_config: { kvferry: { era: mp, none_hash: 5 } }\n',
    'extra_config.kvferry.none_hash',
    1,
    'no effect with era: mp',
    '',
  ],
  [
    'remote_url: "s3://b"\nextra_config: { s3_region: r, kvferry: { endpoint: "http://127.0.0.1:9000" } }\n',
    'remote_url',
    1,
    'built from the endpoint',
    '"s3://<bucket>.<host>"',
  ],
  [
    'remote_url: "s3://b"\nextra_config: { s3_region: r, kvferry: { endpoint: "http://minio.lan:9000" } }\n',
    'remote_url',
    1,
    'built from the endpoint',
    '"s3://b.minio.lan:9000"',
  ],
  ['max_local_cpu_size: 0\n', 'max_local_cpu_size', 1, 'no CPU pool', '5', { config: { maxLocalCpuBytes: 0 } }],
  ['max_local_cpu_size: -1\n', 'max_local_cpu_size', 1, 'no CPU pool', '5', { config: { maxLocalCpuBytes: 0 } }],
  ['local_disk: /mnt\n', 'local_disk', 1, 'no effect', ''],
  ['enable_p2p: true\n', 'enable_p2p', 1, 'no effect', ''],
  [`${S3}enable_pd: true\n`, 'enable_pd', 5, 'no effect', ''],
  ['enable_pd: true\n', 'enable_pd', 1, 'refuse to start … pd_role', 'pd_role'],
  ['remote_config_url: "http://c"\n', 'remote_config_url', 1, 'never contacted', 'this file'],
  [`${S3}  ping_timeout: 1.0\n`, 'extra_config.ping_timeout', 5, 'no effect', ''],
  [
    undefined,
    'LMCACHE_FORCE_SKIP_SAVE',
    'LMCACHE_FORCE_SKIP_SAVE',
    'no effect',
    '',
    { env: { LMCACHE_FORCE_SKIP_SAVE: '0' } },
  ],
  [
    `${S3}  s3_enable_s3express: True\n`,
    'extra_config.s3_enable_s3express',
    5,
    'host decides',
    's3_enable_s3express: False',
  ],
  ...[
    ['addressing', 'path'],
    ['provider', 'minio'],
  ].map(([key, value]): Row => {
    const text = `${express(ZONAL, 'us-east-1', 'True')}  kvferry: { ${key}: ${value} }\n`;
    return [text, `extra_config.kvferry.${key}`, 5, 'no effect … is a host of S3 Express', 'Remove it.'];
  }),
  [express(ZONAL, 'us-east-1', 'False'), 'remote_url', 1, 'S3 Express is opened', 's3_enable_s3express: True'],
  [`${S3}  disable_tls: True\n`, 'extra_config.disable_tls', 5, 'plain http', 'disable_tls: False'],
];

function parse(text: string | undefined, env: Record<string, string> = {}) {
  return parseLmcacheConfig({ text, file: 'lmcache.yaml', env, placeholders: {} });
}

function place({ source }: ConfigFinding): string | number | undefined {
  return source.kind === 'file' ? source.line : source.kind === 'environment' ? source.variable : undefined;
}

const rows = (['error', 'warning'] as const).flatMap((severity) =>
  (severity === 'error' ? errors : warnings).map((row) => {
    const input = row[5]?.env ?? row[0]?.replace(S3, '… ');
    return [severity, JSON.stringify(input), row] as const;
  }),
);

test.each(rows)('%s for %s', (severity, _input, [text, key, at, says, fix, more = {}]) => {
  const { findings, config } = parse(text, more.env);
  const printed = findings.map(formatFinding).join('\n');
  const found = findings.filter(
    (each) =>
      each.key === key && place(each) === at && says.split(' … ').every((words) => each.problem.includes(words)),
  );
  expect(found, printed).toHaveLength(1);
  expect(found[0]).toMatchObject({ severity, scope: 'always', fix: expect.stringContaining(fix) });
  if (more.value !== undefined) expect(found[0]?.value).toBe(more.value);
  if (severity === 'warning')
    expect(
      findings.filter((each) => each.severity === 'error'),
      printed,
    ).toEqual([]);
  expect(config).toMatchObject(more.config ?? {});
});

// A region at top level is one thing to say, its absence below another.
const alone = errors.flatMap((row) =>
  row[0]?.includes('\ns3_region') ? [] : [[JSON.stringify(row[0]), row] as const],
);

test.each(alone)('an error brings no second finding: %s', (_text, [text, , , , , more]) => {
  const { findings } = parse(text, more?.env);
  expect(findings, findings.map(formatFinding).join('\n')).toHaveLength(1);
});

test.each([
  'extra_config: { kvferry: { era: mp, cache_salt: "tenant-1" } }\n',
  'pre_caching_hash_algorithm: blake3\nextra_config: { kvferry: { era: mp } }\n',
  'extra_config: { kvferry: { key_format: kv1, cache_salt: "a", revision: "b", adapter: "c", quantisation: "d" } }\n',
])('nothing is said of %j', (text) => {
  expect(parse(text).findings).toEqual([]);
});
