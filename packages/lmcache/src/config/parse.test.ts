import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ConfigFinding, ParsedConfig } from '../types.ts';
import { formatFinding } from './findings.ts';
import { parseLmcacheConfig } from './parse.ts';
import { remoteTarget } from './remote-target.ts';

interface Given {
  readonly env?: Record<string, string>;
  readonly placeholders?: Record<string, string>;
}

function parse(text: string | undefined, { env = {}, placeholders = {} }: Given = {}): ParsedConfig {
  return parseLmcacheConfig({ text, file: 'lmcache.yaml', env, placeholders });
}

/** Four lines that give no finding; what a case adds starts in line 5, inside `extra_config` where it is indented. */
const S3 =
  'remote_url: "s3://b.s3.us-east-1.amazonaws.com"\nremote_serde: "naive"\nextra_config:\n  s3_region: "us-east-1"\n';

function place({ source }: ConfigFinding): string | number | undefined {
  return source.kind === 'file' ? source.line : source.kind === 'environment' ? source.variable : undefined;
}

describe('says', () => {
  test('everything in one go, in the order of the file, then the variables', () => {
    const { findings } = parse('save_unfull_chunk: True\nchunk_size: 0\nremote_url: s3://b\ncolour: red\n', {
      env: { LMCACHE_LOCAL_CPU: 'yes' },
    });
    expect(findings.map((each) => [each.severity, each.key, place(each)])).toEqual([
      ['error', 'save_unfull_chunk', 1],
      ['error', 'chunk_size', 2],
      ['error', 'extra_config.s3_region', 3],
      ['warning', 'remote_url', 3],
      ['warning', 'colour', 4],
      ['warning', 'local_cpu', 'LMCACHE_LOCAL_CPU'],
    ]);
  });
});

describe('says nothing', () => {
  test.each([
    ['', {}],
    ['# only a comment\n', {}],
    [S3, {}],
    [`${S3}  s3_prefer_http2: no\n  disable_tls: false\n  s3_num_io_threads: "64"\n`, {}],
    [`${S3}local_cpu: "True"\nchunk_size: 0x100\ncache_policy: lru\nlocal_disk: null\n`, {}],
    [S3, { LMCACHE_CHUNK_SIZE: ' 1_024 ', LMCACHE_LOCAL_CPU: '"1"', LMCACHE_LOG_LEVEL: 'DEBUG', PATH: '/bin' }],
    [undefined, { LMCACHE_EXTRA_CONFIG: '"{"s3_region": "r"}"', LMCACHE_UNHEARD_OF: '1' }],
  ])('for %j with %j', (text, env) => {
    expect(parse(text, { env: env as Record<string, string> }).findings).toEqual([]);
  });
});

describe('a file that is not a configuration', () => {
  test.each([
    ['a: 1\nb: "x\n', 2, 'missing'],
    ['- a\n- b\n', 1, 'a list'],
    ['just text\n', 1, 'a single value'],
    ['a: 1\n---\nb: 2\n', 2, 'more than one'],
    ['chunk_size:\t256\n', 1, 'tab'],
  ])('%j is one error with its line', (text, line, words) => {
    const { findings, config } = parse(text, { env: { LMCACHE_LOCAL_CPU: 'yes' } });
    expect(findings).toMatchObject([
      { severity: 'error', source: { kind: 'file', line }, problem: expect.stringContaining(words) },
    ]);
    expect(config.chunkTokens).toBe(256);
  });
});

describe('precedence', () => {
  test('defaults, then the file, then the environment', () => {
    const { config, entries } = parse('chunk_size: 64\nmin_retrieve_tokens: 5\n', {
      env: { LMCACHE_CHUNK_SIZE: '128' },
    });
    expect(config).toMatchObject({ chunkTokens: 128, minRetrieveTokens: 5, blockingTimeoutMs: 10_000 });
    const entry = (key: string) => entries.find((each) => each.key === key);
    expect(entry('chunk_size')).toEqual({
      key: 'chunk_size',
      shown: '128',
      source: { kind: 'environment', variable: 'LMCACHE_CHUNK_SIZE' },
      effect: 'yes',
    });
    expect(entry('min_retrieve_tokens')?.source).toEqual({ kind: 'file', file: 'lmcache.yaml', line: 2 });
    expect(entry('blocking_timeout_secs')).toMatchObject({ shown: '10', source: { kind: 'default' } });
    expect(entry('local_disk')).toMatchObject({ shown: 'not set', effect: 'none' });
  });

  test('LMCACHE_EXTRA_CONFIG replaces the whole map', () => {
    const { config } = parse(`${S3}  disable_tls: True\n`, {
      env: { LMCACHE_EXTRA_CONFIG: '{"s3_region": "us-east-1"}' },
    });
    expect(config.s3).toMatchObject({ region: 'us-east-1', disableTls: false });
  });

  test('old names work, as keys and as variables', () => {
    const { entries } = parse('external_backends: [a]\n', { env: { LMCACHE_PLUGIN_LOCATIONS: 'b' } });
    expect(entries.filter((each) => each.source.kind !== 'default').map((each) => [each.key, each.shown])).toEqual([
      ['runtime_plugin_locations', '["b"]'],
      ['storage_plugins', '["a"]'],
    ]);
  });

  test("whether the seed is the environment's is told", () => {
    const env = { PYTHONHASHSEED: '7' };
    const extra = { LMCACHE_EXTRA_CONFIG: '{"kvferry": {"python_hash_seed": "0"}}' };
    expect(parse('', { env }).config.hashSeedFromEnvironment).toBe(true);
    expect(parse('', { env: { ...env, ...extra } }).config.hashSeedFromEnvironment).toBe(false);
    expect(parse('', { env: {} }).config.hashSeedFromEnvironment).toBe(false);
  });

  test('PYTHONHASHSEED is read from the environment, and the file goes before it', () => {
    const env = { PYTHONHASHSEED: '7' };
    expect(parse('', { env }).config.kvferry.pythonHashSeed).toBe('7');
    expect(parse('extra_config: { kvferry: { python_hash_seed: 0 } }\n', { env }).config.kvferry.pythonHashSeed).toBe(
      '0',
    );
    expect(parse('', { env: { PYTHONHASHSEED: 'x' } })).toMatchObject({
      config: { kvferry: {} },
      findings: [{ severity: 'warning', source: { variable: 'PYTHONHASHSEED' } }],
    });
  });
});

test('the map of kvferry is read whole', () => {
  const { config, findings } = parse(
    `${S3}  aws_access_key_id: "a"\n  aws_secret_access_key: "b"\n  kvferry:
    provider: minio
    endpoint: "https://minio.example:9000"
    bucket: other
    addressing: path
    provider_profile: { id: mine, addressing: [path], multipart: { part_bytes: 5242880 }, create: yes }
    prestage: true
    ca_file: /ca.pem
    session_token: "t"
    key_prefix: team-a/
    python_hash_seed: 0
    python_version: 3.10
    vllm: false
    none_hash: 18446744073709551615
    era: 0.4.1
    key_format: kv1
    cache_salt: tenant-1
    revision: main
    adapter: lora-a
    quantisation: fp8_ds_mla
    backends: [x, y]
    verify: full
    profile:
`,
  );
  expect(findings).toEqual([]);
  expect(config.kvferry).toEqual({
    provider: 'minio',
    endpoint: 'https://minio.example:9000',
    bucket: 'other',
    addressing: 'path',
    providerProfile: { id: 'mine', addressing: ['path'], multipart: { part_bytes: 5_242_880 }, create: true },
    prestage: true,
    caFile: '/ca.pem',
    profile: undefined,
    sessionToken: 't',
    keyPrefix: 'team-a/',
    pythonHashSeed: '0',
    pythonVersion: '3.10',
    vllm: false,
    noneHash: '18446744073709551615',
    era: '0.4.1',
    keyFormat: 'kv1',
    cacheSalt: 'tenant-1',
    revision: 'main',
    adapter: 'lora-a',
    quantisation: 'fp8_ds_mla',
    backends: ['x', 'y'],
    verify: 'full',
  });
});

describe('the three configurations', () => {
  const example = (file: string): string =>
    readFileSync(new URL(`../../../../examples/configs/${file}`, import.meta.url), 'utf8');

  test.each([
    [
      's3-basic.yaml',
      {
        kind: 's3',
        bucket: 'your-bucket-name',
        endpointHost: 's3.us-east-1.amazonaws.com',
        scheme: 'https',
        region: 'us-east-1',
      },
      ['remote_url'],
    ],
    [
      's3-express.yaml',
      { kind: 's3-express', provider: 'aws', endpointHost: 's3express-{AZ_ID}.{REGION}.amazonaws.com' },
      ['remote_url', 'extra_config.s3_region'],
    ],
    [
      'coreweave.yaml',
      {
        kind: 's3-compatible',
        provider: 'coreweave',
        bucket: 'test-127',
        endpointHost: 'cwlota.com',
        scheme: 'http',
        region: 'US-WEST-04A',
      },
      ['extra_config.aws_access_key_id', 'extra_config.aws_secret_access_key'],
    ],
  ])('%s loads without an error and says what it opens', (file, target, placeholders) => {
    const { config, findings } = parse(example(file));
    expect(findings.filter((each) => each.severity === 'error')).toEqual([]);
    expect(findings.filter((each) => each.scope === 'store').map((each) => each.key)).toEqual(placeholders);
    expect(remoteTarget(config)).toMatchObject(target);
    expect(config.chunkTokens).toBe(256);
  });

  test('filled in, the Express one has nothing left to say', () => {
    const { config, findings } = parse(example('s3-express.yaml'), {
      placeholders: { BUCKET_NAME: 'n--use1-az4--x-s3', AZ_ID: 'use1-az4', REGION: 'us-east-1' },
    });
    expect(findings).toEqual([]);
    expect(remoteTarget(config)).toMatchObject({
      kind: 's3-express',
      bucket: 'n--use1-az4--x-s3',
      endpointHost: 's3express-use1-az4.us-east-1.amazonaws.com',
    });
    expect(config.s3).toMatchObject({ preferHttp2: true, enableS3Express: true, ioThreads: 64 });
  });

  test('a value for a placeholder that is not there is a warning', () => {
    const { findings } = parse(example('s3-express.yaml'), { placeholders: { BUCKET: 'b' } });
    expect(findings.at(-1)).toMatchObject({
      severity: 'warning',
      key: '{BUCKET}',
      fix: expect.stringContaining('{BUCKET_NAME}'),
    });
  });
});

test('no finding and no entry ever shows a credential', () => {
  const secret = 'hunter2hunter2';
  const text = `remote_url: "s3://u:${secret}@b.h"
aws_secret_access_key: ${secret}
aws_access_key_id: ${secret}
secret: ${secret}
chunk_size: [${secret}]
extra_config:
  aws_access_key_id: ${secret}
  aws_access_key_id: "${secret}"
  aws_secret_access_key: [${secret}]
  aws_secret_acess_key: ${secret}
  aws_session_token: ${secret}
  AWS_SECRET_ACCESS_KEY: "${secret}"
  s3_secret_key: ${secret}
  kvferry:
    session_token: ${secret}
    session_tokn: ${secret}
    endpoint: "https://u:${secret}@h"
`;
  const cases = [
    parse(text),
    parse(undefined, {
      env: { LMCACHE_EXTRA_CONFIG: `{"aws_access_key_id": "${secret}", "aws_secret_access_key": 73517351}` },
    }),
    parse(undefined, { env: { LMCACHE_EXTRA_CONFIG: `{"aws_secret_access_key": "${secret}` } }),
    parse(`extra_config: '{"aws_secret_access_key": "${secret}"'\n`),
    parse(undefined, { env: { LMCACHE_AWS_SECRET_ACCESS_KEY: secret, LMCACHE_REMOTE_URL: `redis://u:${secret}@h` } }),
    parse(`remote_url: "redis://:p/${secret}@h"\nextra_config: { kvferry: { endpoint: "u:${secret}@h" } }\n`),
    parse(`aws_secret_access_key: *${secret}\n`),
    parse(`extra_config:\n  kvferry: ${secret}\n`),
    parse(`remote_url: "redis://u:a@h"\nremote_url: "redis://u:${secret}@h"\n`),
    parse(`extra_config: ''\nextra_config: '{"aws_secret_access_key": "${secret}"}'\n`),
  ];
  for (const { findings, entries } of cases) {
    const printed = JSON.stringify([findings, findings.map(formatFinding), entries]);
    expect(printed).not.toContain(secret);
    expect(printed).not.toContain('73517351');
    expect(findings.length + entries.length).toBeGreaterThan(0);
  }
  expect(cases[0]?.findings.length).toBeGreaterThan(8);
});
