import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { RemoteBackend } from '@kvferry/core';
import { startSimulator } from '@kvferry/s3-simulator';
import { backendFor, loadConfig } from 'kvferry';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openStore } from './open-store.ts';
import type { OpenStore, StoreRequest } from './types.ts';

const nothing: StoreRequest = {
  backend: undefined,
  target: undefined,
  loaded: undefined,
  live: false,
  bucket: undefined,
  region: undefined,
  runFolder: 'kvferry-bench-a-test',
};

test.each<[string, Partial<StoreRequest>, RegExp]>([
  [
    'S3 Express on a server that does not have it',
    { backend: 's3-express', target: 'minio' },
    /^UNSUPPORTED: --target minio: no server .* has S3 Express; it is tried on the simulator/,
  ],
  [
    'a plug-in that is not there',
    { backend: './nowhere.mjs', target: 'test://store' },
    /^CONFIG_INVALID: the backend \.\/nowhere\.mjs cannot be loaded/,
  ],
  ['a plug-in without a URL', { backend: './nowhere.mjs' }, /name a store as --target foo:\/\//],
  ['a target of no known form', { target: 'nowhere' }, /--target is embedded, minio or the URL of an S3 store/],
  ['a URL with a path', { target: 'http://127.0.0.1:9/my-bucket' }, /--target has the path \/my-bucket/],
  ['a bucket for what has none', { backend: 'memory', bucket: 'my-bucket' }, /--bucket and --region are for S3 stores/],
  [
    'a store for the memory backend',
    { backend: 'memory', target: 'minio' },
    /--target minio is nothing for the memory/,
  ],
  [
    'the folder of another host',
    { backend: 'file', target: 'file://nas/kv' },
    /--target file:\/\/nas\/kv is nothing for the file backend: name a folder as file:\/\/\/<folder>/,
  ],
])('refuses %s', async (_, request, message) => {
  await expect(openStore({ ...nothing, ...request })).rejects.toThrow(message);
});

const s3Config =
  'remote_url: "s3://my-bucket"\nextra_config: { s3_region: eu-west-1, kvferry: { key_prefix: kv/prod } }';

test.each<[string, string, Partial<StoreRequest>, RegExp]>([
  ['no store', 'chunk_size: 256', { live: true }, /names no remote/],
  [
    'the placeholder of an example',
    'remote_url: "s3://your-bucket-name"\nextra_config: { s3_region: eu-west-1 }',
    { live: true },
    /your-bucket-name is the placeholder/,
  ],
  [
    'another backend than was asked for',
    s3Config,
    { live: true, backend: 'file' },
    /names the s3 backend, and --backend says file/,
  ],
  ['a folder, without --live', 'remote_url: "file:///var/cache/kv"', {}, /use --live/],
  [
    'an S3 store, for the memory backend',
    s3Config,
    { backend: 'memory' },
    /without --live the store is the S3 simulator/,
  ],
])('refuses a configuration that names %s', async (_, text, request, message) => {
  const loaded = await configured(text);
  await expect(openStore({ ...nothing, ...request, loaded })).rejects.toThrow(message);
});

test('without --live a configuration gives the bucket and the prefix, and the simulator is the store', async () => {
  const store = await openStore({ ...nothing, loaded: await configured(s3Config) });
  await store.close();
  expect(store).toMatchObject({ target: 'embedded', place: 'bucket my-bucket', keyPrefix: 'kv/prod/' });
  expect(store.s3).toMatchObject({
    endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    addressing: 'path',
  });
});

test('a configuration of another store is tried under its own host', async () => {
  const file = fileURLToPath(new URL('../../../../examples/configs/coreweave.yaml', import.meta.url));
  const loaded = await loadConfig({ file, env: {} });
  const store = await openStore({ ...nothing, loaded });
  onTestFinished(() => store.close());
  expect(store).toMatchObject({ backend: 's3-compatible', target: 'embedded', place: 'bucket test-127' });
  await store.prepare(new AbortController().signal);
  const backend = await elsewhere(store);
  expect(backend.info.details).toMatchObject({
    profile: 'coreweave',
    addressing: 'virtual',
    endpoint: 'http://cwlota.com',
  });
  await backend.close();
});

test('with --live it gives the store as well', async () => {
  vi.stubEnv('AWS_CA_BUNDLE', '');
  onTestFinished(() => void vi.unstubAllEnvs());
  const credentials = 'aws_access_key_id: AKIAEXAMPLE, aws_secret_access_key: not-a-secret';
  const text = `remote_url: "s3://my-bucket"\nextra_config: { s3_region: eu-west-1, ${credentials} }`;
  const store = await openStore({ ...nothing, loaded: await configured(text), live: true });
  await store.close();
  expect(store).toMatchObject({
    backend: 's3',
    target: 'https://s3.eu-west-1.amazonaws.com',
    place: 'bucket my-bucket',
  });
  expect(store.s3).toEqual({
    endpoint: 'https://s3.eu-west-1.amazonaws.com',
    addressing: 'virtual',
    region: 'eu-west-1',
    bucket: 'my-bucket',
    ca: undefined,
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'not-a-secret', sessionToken: undefined },
    isExpress: false,
  });
});

test('authorities in the environment are nothing for a live store whose endpoint, in the environment too, is plain http', async () => {
  const simulator = await startSimulator({ buckets: ['my-bucket'] });
  onTestFinished(() => simulator.close());
  const bundle = join(await temporaryFolder(), 'ca.pem');
  await writeFile(bundle, rootCertificates[0] ?? '');
  vi.stubEnv('AWS_CA_BUNDLE', bundle);
  vi.stubEnv('AWS_ENDPOINT_URL_S3', simulator.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', simulator.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', simulator.credentials.secretAccessKey);
  onTestFinished(() => void vi.unstubAllEnvs());
  const text = `remote_url: "s3://my-bucket"\nextra_config: { s3_region: ${simulator.region} }`;
  const store = await openStore({ ...nothing, loaded: await configured(text), live: true });
  onTestFinished(() => store.close());
  await store.prepare(new AbortController().signal);
  expect(store).toMatchObject({ target: simulator.url, s3: { ca: undefined } });
  await store.remove();
});

test("of a folder that was named, only what is the run's own is removed", async () => {
  const folder = await temporaryFolder();
  const store = await openStore({ ...nothing, backend: 'file', target: `file://localhost${folder}` });
  expect(store.place).toBe(`the folder ${folder}`);
  await store.prepare(new AbortController().signal);
  const backend = await elsewhere(store);
  await backend.open();
  const keys = ['foreign/key', `${nothing.runFolder}/PUT-01/1`];
  await backend.put(keys.map((key) => ({ key, parts: [new Uint8Array(8)] })));
  await backend.close();
  await store.remove();
  expect((await readdir(folder)).toSorted()).toEqual(['foreign', '~tmp']);
});

describe('another process reaches the store by its seat', () => {
  const key = `${nothing.runFolder}/a-chunk`;

  test.each<[string, Partial<StoreRequest>, object]>([
    ['the S3 backend', {}, { target: 'embedded', place: 'bucket kvferry-bench-a-test' }],
    [
      'S3 Express, which says why it is the simulator',
      { backend: 's3-express' },
      {
        target: 'embedded',
        words: expect.stringMatching(/^the embedded simulator at .*, since no server .* has S3 Express$/),
        place: 'bucket kvferry-bench-a-test--use1-az4--x-s3',
      },
    ],
    ['an S3-compatible store', { backend: 's3-compatible' }, { target: 'embedded' }],
    ['memory', { backend: 'memory' }, { target: 'memory' }],
    ['a temporary folder', { backend: 'file' }, { target: expect.stringMatching(/^file:\/\/./) }],
  ])('%s', async (_, request, expected) => {
    const store = await openStore({ ...nothing, ...request });
    onTestFinished(() => store.close());
    expect(store).toMatchObject({ isOwn: true, ...expected });
    await store.prepare(new AbortController().signal);
    expect(await roundTrip(await elsewhere(store), key)).toBe('hit');
    // It goes with the store.
    expect(await store.remove()).toBeUndefined();
  });

  test('a plug-in, whose keys are deleted through it', async () => {
    const store = await openStore({ ...nothing, backend: await pluginFile(''), target: 'test://store' });
    onTestFinished(() => store.close());
    await store.prepare(new AbortController().signal);
    expect(await roundTrip(await elsewhere(store), key)).toBe('hit');
    expect(await store.remove()).toBe(`Nothing is left under ${nothing.runFolder}/ in memory.`);
    expect(await store.remove()).toBeUndefined();
  });

  test('a plug-in that does not delete what it says, and is found out', async () => {
    const file = await pluginFile("delete: (batch) => batch.each(1, () => ({ status: 'deleted' })),");
    const store = await openStore({ ...nothing, backend: file, target: 'test://store' });
    await roundTrip(await elsewhere(store), key);
    await expect(store.remove()).rejects.toThrow('1 keys are still listed after they were deleted');
    await store.close();
  });
});

test('in a bucket that was named, what lies beside the run stays', async () => {
  const simulator = await startSimulator({ buckets: ['my-bucket'] });
  onTestFinished(() => simulator.close());
  vi.stubEnv('AWS_ACCESS_KEY_ID', simulator.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', simulator.credentials.secretAccessKey);
  onTestFinished(() => void vi.unstubAllEnvs());
  await simulator.putObject('my-bucket', 'foreign', new Uint8Array(1));
  const store = await openStore({ ...nothing, target: simulator.url, bucket: 'my-bucket' });
  onTestFinished(() => store.close());
  // Nothing was used yet, so there is nothing to say.
  expect(await store.remove()).toBeUndefined();
  await store.prepare(new AbortController().signal);
  await roundTrip(await elsewhere(store), `${nothing.runFolder}/a-chunk`);
  expect(simulator.listKeys('my-bucket')).toHaveLength(2);
  expect(await store.remove()).toBe(`Nothing is left under ${nothing.runFolder}/ in bucket my-bucket.`);
  expect(simulator.listKeys('my-bucket')).toEqual(['foreign']);
});

/** A backend as another process makes it, which gets the seat as a message. */
async function elsewhere(store: OpenStore): Promise<RemoteBackend> {
  const { backends, loaded, overrides } = structuredClone(store.seat);
  return await backendFor(loaded, { backends, ...overrides });
}

/** Stores and reads one value; how that ended. */
async function roundTrip(backend: RemoteBackend, key: string): Promise<string | undefined> {
  await backend.open();
  try {
    await backend.put([{ key, parts: [new Uint8Array(8)] }]);
    const [result] = await backend.get([{ key, into: new Uint8Array(8) }]);
    return result?.status;
  } finally {
    await backend.close();
  }
}

/** Writes a plug-in for `test://` over one store in memory, with `methods` in place of the backend's own. */
async function pluginFile(methods: string): Promise<string> {
  const file = join(await temporaryFolder(), 'plugin.mjs');
  const text = `
    import { defineBackend, forwardTo, memoryBackend } from '${import.meta.resolve('@kvferry/core')}';
    const store = memoryBackend();
    export const backendPlugin = {
      scheme: 'test',
      open: () => defineBackend(forwardTo(store, { open: () => store.open(), close: async () => {}, ${methods} })),
    };`;
  await writeFile(file, text);
  return file;
}

async function configured(text: string) {
  const folder = await temporaryFolder();
  const file = join(folder, 'lmcache.yaml');
  await writeFile(file, text);
  return await loadConfig({ file, env: {} });
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-store-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
