import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startSimulator } from '@kvferry/s3-simulator';
import { describe, expect, test } from 'vitest';
import { backendFor } from './backend-for.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const example = (name: string): string => fileURLToPath(new URL(`../../../examples/configs/${name}`, import.meta.url));

async function configured(text: string): Promise<LoadedConfig> {
  const file = join(await temporaryFolder(), 'lmcache.yaml');
  await writeFile(file, text);
  return loadConfig({ file, env: {} });
}

const value = Buffer.from('value');

test('the basic example opens at an endpoint given in its place', async () => {
  const simulator = await startSimulator({ buckets: ['your-bucket-name'] });
  const loaded = await loadConfig({ file: example('s3-basic.yaml'), env: {} });
  const backend = await backendFor(loaded, { endpoint: simulator.url, credentials: simulator.credentials });
  try {
    await backend.open();
    expect(await backend.put([{ key: 'a', parts: [value] }])).toEqual([{ status: 'stored' }]);
    expect(simulator.listKeys('your-bucket-name')).toEqual(['a']);
    expect(backend.info.details.identity).toBeDefined();
  } finally {
    await backend.close();
    await simulator.close();
  }
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

test('file:// and memory:// open the stores of core', async () => {
  const folder = await temporaryFolder();
  for (const url of [`file://${folder}`, 'memory://here']) {
    const backend = await backendFor(await configured(`remote_url: "${url}"\n`));
    try {
      await backend.open();
      expect(await backend.put([{ key: 'a', parts: [value] }])).toEqual([{ status: 'stored' }]);
      expect(await Array.fromAsync(backend.list())).toEqual([{ key: 'a', byteLength: 5 }]);
    } finally {
      await backend.close();
    }
  }
  expect(await readdir(folder)).not.toEqual([]);
});

test.each([
  ['coreweave.yaml', {}, 's3-compatible'],
  ['s3-express.yaml', { BUCKET_NAME: 'kv--use1-az4--x-s3', AZ_ID: 'use1-az4', REGION: 'us-east-1' }, 's3-express'],
])('%s is UNSUPPORTED, named in one sentence', async (name, placeholders, kind) => {
  const loaded = await loadConfig({ file: example(name), env: {}, placeholders });
  const opening = backendFor(loaded, { endpoint: 'http://127.0.0.1:9' });
  await expect(opening).rejects.toThrow(/^UNSUPPORTED: /);
  await expect(opening).rejects.toThrow(kind);
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
