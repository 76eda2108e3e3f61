import { readdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RemoteBackend } from '@kvferry/core';
import { startSimulator } from '@kvferry/s3-simulator';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { backendFor, describeRemote } from './backend-for.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const example = (name: string): string => fileURLToPath(new URL(`../../../examples/configs/${name}`, import.meta.url));

async function configured(text: string): Promise<LoadedConfig> {
  const file = join(await temporaryFolder(), 'lmcache.yaml');
  await writeFile(file, text);
  return loadConfig({ file, env: {} });
}

const value = Buffer.from('value');

describe("the examples of LMCache's page open their backends, and what they store is read", () => {
  const express = { BUCKET_NAME: 'kv--use1-az4--x-s3', AZ_ID: 'use1-az4', REGION: 'us-east-1' };

  async function roundTrip(backend: RemoteBackend): Promise<void> {
    const into = new Uint8Array(new SharedArrayBuffer(value.length));
    try {
      await backend.open();
      expect(await backend.put([{ key: 'a', parts: [value] }])).toEqual([{ status: 'stored' }]);
      expect(await backend.stat(['a', 'absent'])).toMatchObject([{ status: 'hit', byteLength: 5 }, { status: 'miss' }]);
      expect(await backend.get([{ key: 'a', into }])).toEqual([{ status: 'hit', byteLength: 5, verified: 'checksum' }]);
      expect(Buffer.from(into)).toEqual(value);
      expect(await Array.fromAsync(backend.list())).toMatchObject([{ key: 'a', byteLength: 5 }]);
      expect(await backend.delete(['a'])).toEqual([{ status: 'deleted' }]);
    } finally {
      await backend.close();
    }
  }

  test.each([
    ['s3-basic.yaml', {}, 'your-bucket-name', 's3', 'aws'],
    ['s3-express.yaml', express, 'kv--use1-az4--x-s3', 's3-express', 'aws-s3-express'],
  ] as const)('%s, at an endpoint given in its place', async (name, placeholders, bucket, scheme, profile) => {
    const simulator = await startSimulator({ buckets: [bucket] });
    onTestFinished(() => simulator.close());
    const loaded = await loadConfig({ file: example(name), env: {}, placeholders });
    const backend = await backendFor(loaded, { endpoint: simulator.url, credentials: simulator.credentials });
    expect(backend.info).toMatchObject({ scheme, namespace: bucket, details: { profile, addressing: 'path' } });
    await roundTrip(backend);
  });

  test('coreweave.yaml, under its own host, wherever that leads', async () => {
    const simulator = await startSimulator({ buckets: ['test-127'], hosts: ['cwlota.com'], region: 'US-WEST-04A' });
    onTestFinished(() => simulator.close());
    const loaded = await loadConfig({ file: example('coreweave.yaml'), env: {} });
    const connectTo = { host: '127.0.0.1', port: simulator.port };
    const backend = await backendFor(loaded, { connectTo, credentials: simulator.credentials });
    expect(backend.info).toMatchObject({
      scheme: 's3-compatible',
      namespace: 'test-127',
      details: { profile: 'coreweave', addressing: 'virtual', endpoint: 'http://cwlota.com' },
    });
    await roundTrip(backend);
    expect(new Set(simulator.requests.map(({ headers }) => headers.host))).toEqual(new Set(['test-127.cwlota.com']));
  });

  test('coreweave.yaml, at the endpoint of another store: its host tells what that can do', async () => {
    const simulator = await startSimulator({ buckets: ['test-127'], region: '*' });
    onTestFinished(() => simulator.close());
    const loaded = await loadConfig({ file: example('coreweave.yaml'), env: {} });
    const backend = await backendFor(loaded, { endpoint: simulator.url, credentials: simulator.credentials });
    expect(backend.info.details).toMatchObject({ profile: 'generic', addressing: 'path' });
    await roundTrip(backend);
  });
});

test('placeholders of an example are an error only for the store that they name', async () => {
  const loaded = await loadConfig({ file: example('s3-basic.yaml'), env: {} });
  await expect(backendFor(loaded)).rejects.toThrow(
    /CONFIG_INVALID[\s\S]*error: remote_url: s3:\/\/your-bucket-name is the placeholder/,
  );
});

test('extra_config.kvferry gives endpoint, credentials and key prefix', async () => {
  const simulator = await startSimulator({ buckets: ['kv-bucket'], region: '*' });
  const { accessKeyId, secretAccessKey } = simulator.credentials;
  const loaded = await configured(`
remote_url: "s3://kv-bucket"
extra_config:
  s3_region: us-east-1
  disable_tls: True
  aws_access_key_id: "${accessKeyId}"
  aws_secret_access_key: "${secretAccessKey}"
  kvferry: { endpoint: "${simulator.url}", provider: aws, key_prefix: "kv/prod" }
`);
  const backend = await backendFor(loaded);
  try {
    await backend.open();
    await backend.put([{ key: 'a', parts: [value] }]);
    expect(simulator.listKeys('kv-bucket')).toEqual(['kv/prod/a']);
  } finally {
    await backend.close();
    await simulator.close();
  }
});

test('a read of a store that answers nothing is TIMEOUT within blocking_timeout_secs', async () => {
  const simulator = await startSimulator({ buckets: ['kv-bucket'] });
  simulator.addFault({ times: Number.POSITIVE_INFINITY, effect: { kind: 'stall', afterBytes: 'head' } });
  const loaded = await configured(
    'remote_url: "s3://kv-bucket"\nblocking_timeout_secs: 1\nextra_config:\n  s3_region: us-east-1\n',
  );
  const backend = await backendFor(loaded, { endpoint: simulator.url, credentials: simulator.credentials });
  try {
    await backend.open();
    const [result] = await backend.stat(['a']);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'TIMEOUT' } });
  } finally {
    await backend.close();
    await simulator.close();
  }
});

test.each([
  ['s3://kv-bucket', ''],
  ['s3://another', ', kvferry: { bucket: kv-bucket }'],
])('%s alone is opened where the variables of AWS say, and described so', async (url, own) => {
  vi.stubEnv('AWS_ENDPOINT_URL_S3', 'https://minio.example:9000');
  onTestFinished(() => void vi.unstubAllEnvs());
  const loaded = await configured(`remote_url: "${url}"\nextra_config: { s3_region: us-east-1${own} }\n`);
  const backend = await backendFor(loaded);
  await backend.close();
  expect(backend.info).toMatchObject({ namespace: 'kv-bucket', details: { endpoint: 'https://minio.example:9000' } });
  expect(describeRemote(loaded)).toContain('bucket kv-bucket at https://minio.example:9000, region us-east-1;');
});

test('file:// and memory:// open the stores of core', async () => {
  const folder = await temporaryFolder();
  for (const url of [`file://${folder}`, `file://localhost${folder}`, 'memory://here']) {
    const backend = await backendFor(await configured(`remote_url: "${url}"\n`));
    if (url.startsWith('file:')) expect(backend.info.namespace).toBe(folder);
    try {
      await backend.open();
      expect(await backend.put([{ key: 'a', parts: [value] }])).toEqual([{ status: 'stored' }]);
      expect(await Array.fromAsync(backend.list())).toMatchObject([{ key: 'a', byteLength: 5 }]);
    } finally {
      await backend.close();
    }
  }
  expect(await readdir(folder)).not.toEqual([]);
});

describe("a store that is not Amazon's", () => {
  const remote = 'remote_url: "s3://kv-bucket"\n';
  const map = (lines: string): string => `${remote}extra_config: { s3_region: us-east-1, kvferry: { ${lines} } }\n`;

  test.each([
    ['endpoint: "http://127.0.0.1:9000"', { profile: 'generic', addressing: 'path' }],
    ['endpoint: "http://127.0.0.1:9000", provider: versitygw', { profile: 'versitygw' }],
    [
      'endpoint: "https://minio.example:9000", provider: minio, addressing: virtual',
      { profile: 'minio', addressing: 'virtual' },
    ],
    [
      'endpoint: "http://minio.example", provider_profile: { id: probed, addressing: [path], create: true, checksum: crc32c, bulk_delete: true, listing: any, max_put_bytes: 5000000, multipart: { threshold_bytes: 9000000, part_bytes: 6000000, full_object_checksum: false }, prestages: false }',
      { profile: 'probed', addressing: 'path' },
    ],
    ['endpoint: "http://cwlota.com", prestage: true', { profile: 'coreweave', addressing: 'virtual' }],
  ])('%s', async (lines, details) => {
    const backend = await backendFor(await configured(map(lines)));
    expect(backend.info).toMatchObject({ scheme: 's3-compatible', details });
    await backend.close();
  });

  test.each([
    ['endpoint: "http://127.0.0.1:9000", provider: minio, addressing: virtual', /Use addressing: 'path'/],
    ['endpoint: "http://minio.example", prestage: true', /`prestage`: generic has no cache/],
    [
      'endpoint: "http://minio.example", provider_profile: { id: x, adressing: [path] }',
      /no field adressing; did you mean addressing/,
    ],
    ['prestage: true', /prestage is for stores other than Amazon's, and this is the s3 backend/],
    ['provider_profile: { id: x }', /provider_profile is for stores other than Amazon's/],
  ])('%s is refused, with the way out', async (lines, message) => {
    await expect(backendFor(await configured(map(lines)))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  test('what is refused of S3 Express has no way out by another provider, which its host would overrule', async () => {
    const host = 'n--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com';
    const loaded = await configured(
      `remote_url: "s3://${host}"\nextra_config: { s3_region: us-east-1, kvferry: { provider: generic, prestage: true } }\n`,
    );
    await expect(backendFor(loaded)).rejects.toThrow(/this is the s3-express backend\. Remove it\.$/);
  });

  test('the line that says what is opened says how it is spoken to', async () => {
    const threads = Math.min(320, Math.max(1, availableParallelism() - 1));
    const loaded = await loadConfig({ file: example('coreweave.yaml'), env: {} });
    expect(describeRemote(loaded)).toBe(
      `s3-compatible backend (coreweave): bucket test-127 at http://cwlota.com, region US-WEST-04A; at most 320 requests at once, ${threads} I/O thread${threads === 1 ? '' : 's'}, HTTP/1.1`,
    );
    const other = await configured(
      `${map('endpoint: "http://h.example", provider_profile: { id: probed }').trimEnd()}\n`,
    );
    expect(describeRemote(other)).toContain('s3-compatible backend (probed): bucket kv-bucket at http://h.example');
    const h2 = await configured(
      `${remote}extra_config: { s3_region: us-east-1, s3_prefer_http2: True, s3_num_io_threads: 1 }\n`,
    );
    expect(describeRemote(h2)).toMatch(
      /at most 1 requests at once, 1 I\/O thread, HTTP\/2 where the store chooses it$/,
    );
  });
});

test('s3_num_io_threads is the most that goes out at once', async () => {
  const simulator = await startSimulator({ buckets: ['kv-bucket'] });
  onTestFinished(() => simulator.close());
  const loaded = await configured(
    'remote_url: "s3://kv-bucket"\nextra_config: { s3_region: us-east-1, s3_num_io_threads: 8 }\n',
  );
  const backend = await backendFor(loaded, { endpoint: simulator.url, credentials: simulator.credentials });
  try {
    await backend.open();
    // Long enough for requests to meet.
    simulator.addFault({ times: Number.POSITIVE_INFINITY, effect: { kind: 'delay', delayMs: 10 } });
    const items = Array.from({ length: 64 }, (_, index) => ({ key: `k${index}`, parts: [value] }));
    await backend.put(items);
    const into = items.map(({ key }) => ({ key, into: new Uint8Array(new SharedArrayBuffer(8)) }));
    const got = await backend.get(into);
    expect(new Set(got.map(({ status }) => status))).toEqual(new Set(['hit']));
  } finally {
    await backend.close();
  }
  expect(simulator.stats.maxOpenRequests).toBe(8);
});

test.each([
  ['', /names no remote. Write: remote_url/],
  [
    'remote_url: "foo://bar"\n',
    /nothing here opens foo:\/\/ .*add: extra_config: kvferry: \{ backends: \["kvferry-backend-foo"\] \}/,
  ],
  [
    'remote_url: "foo://bar"\nextra_config: { kvferry: { backends: ["kvferry-backend-none"] } }\n',
    /npm install kvferry-backend-none/,
  ],
  ['remote_url: "foo://bar"\nextra_config: { kvferry: { backends: ["node:fs"] } }\n', /node:fs/],
])('a configuration without a store to open says what to write', async (text, message) => {
  const loaded = await configured(text);
  await expect(backendFor(loaded)).rejects.toThrow(message);
});

describe('a backend that a package brings', () => {
  const source = `
    const driver = {
      info: { scheme: 'foo', namespace: 'bar', details: {} },
      capabilities: { delete: false, list: false, create: false, limits: { maxValueBytes: 1, maxKeyBytes: 512 } },
      open: async () => {},
      close: async () => {},
    };
    export const backendPlugin = {
      scheme: 'foo',
      open: ({ url, options }) => ({ ...driver, info: { ...driver.info, details: { url, ...options } } }),
    };`;

  async function withPlugin(lines: string): Promise<LoadedConfig> {
    const loaded = await configured(`remote_url: "foo://bar"\n${lines}`);
    await writeFile(join(dirname(loaded.file), 'foo.mjs'), source);
    return loaded;
  }

  test('opens from a configuration that names its file, with its options', async () => {
    const loaded = await withPlugin(
      'extra_config: { kvferry: { backends: ["./foo.mjs"], options: { depth: 3, names: [a, True] } } }\n',
    );
    const backend = await backendFor(loaded);
    expect(backend.info).toEqual({
      scheme: 'foo',
      namespace: 'bar',
      details: { url: 'foo://bar', depth: 3, names: ['a', true] },
    });
  });

  test('opens by name on the command line, and in code', async () => {
    const loaded = await withPlugin('');
    const file = join(dirname(loaded.file), 'foo.mjs');
    expect((await backendFor(loaded, { backends: [file] })).info.scheme).toBe('foo');
    const { backendPlugin } = await import(file);
    expect((await backendFor(loaded, { plugins: [backendPlugin] })).info.scheme).toBe('foo');
  });

  test('a file that is no backend package says so', async () => {
    const loaded = await withPlugin('');
    const file = join(dirname(loaded.file), 'other.mjs');
    await writeFile(file, 'export const nothing = 1;');
    await expect(backendFor(loaded, { backends: [file] })).rejects.toThrow(/exports no `backendPlugin`/);
  });
});
