import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from 'kvferry';
import { expect, onTestFinished, test } from 'vitest';
import { runFolder } from './keys.ts';
import { openSubject, type SubjectRequest } from './subject.ts';

const nothing: SubjectRequest = {
  backend: undefined,
  target: undefined,
  loaded: undefined,
  live: false,
  bucket: undefined,
  region: undefined,
  runId: 'a-test',
};

test.each<[string, Partial<SubjectRequest>, RegExp]>([
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
])('refuses %s', async (_, request, message) => {
  await expect(openSubject({ ...nothing, ...request })).rejects.toThrow(message);
});

const s3Config =
  'remote_url: "s3://my-bucket"\nextra_config: { s3_region: eu-west-1, kvferry: { key_prefix: kv/prod } }';

test.each<[string, string, Partial<SubjectRequest>, RegExp]>([
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
  await expect(openSubject({ ...nothing, ...request, loaded })).rejects.toThrow(message);
});

test('without --live a configuration gives the bucket and the prefix, and the simulator is the store', async () => {
  const subject = await openSubject({ ...nothing, loaded: await configured(s3Config) });
  await subject.close();
  expect(subject).toMatchObject({ target: 'embedded', place: 'bucket my-bucket', keyPrefix: 'kv/prod/' });
  expect(subject.suite.upstream).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});

test.each<[string, Partial<SubjectRequest>, object]>([
  [
    's3-express, which says why it is the simulator',
    { backend: 's3-express' },
    {
      backend: 's3-express',
      store: expect.stringMatching(
        /^the embedded simulator at .*, since no server that could be had here has S3 Express$/,
      ),
      place: 'bucket kvferry-conformance-a-test--use1-az4--x-s3',
    },
  ],
  [
    's3-compatible, with the least profile',
    { backend: 's3-compatible' },
    { backend: 's3-compatible', place: 'bucket kvferry-conformance-a-test' },
  ],
])('the simulator is the store of %s', async (_, request, expected) => {
  const subject = await openSubject({ ...nothing, ...request });
  onTestFinished(() => subject.close());
  expect(subject).toMatchObject({ target: 'embedded', ...expected });
  await subject.prepare(new AbortController().signal);
});

test('a configuration of another store is tried under its own host', async () => {
  const file = fileURLToPath(new URL('../../../../examples/configs/coreweave.yaml', import.meta.url));
  const loaded = await loadConfig({ file, env: {} });
  const subject = await openSubject({ ...nothing, loaded });
  onTestFinished(() => subject.close());
  expect(subject).toMatchObject({ backend: 's3-compatible', target: 'embedded', place: 'bucket test-127' });
  await subject.prepare(new AbortController().signal);
  const backend = (await subject.suite.createTarget({})).create();
  expect(backend.info.details).toMatchObject({
    profile: 'coreweave',
    addressing: 'virtual',
    endpoint: 'http://cwlota.com',
  });
  await backend.close();
});

test('with --live it gives the store as well', async () => {
  const credentials = 'aws_access_key_id: AKIAEXAMPLE, aws_secret_access_key: not-a-secret';
  const text = `remote_url: "s3://my-bucket"\nextra_config: { s3_region: eu-west-1, ${credentials} }`;
  const subject = await openSubject({ ...nothing, loaded: await configured(text), live: true });
  await subject.close();
  expect(subject).toMatchObject({
    backend: 's3',
    target: 'https://s3.eu-west-1.amazonaws.com',
    place: 'bucket my-bucket',
  });
  expect(subject.suite.upstream).toBe('https://s3.eu-west-1.amazonaws.com');
});

test("of a folder that was named, only what is the run's own is removed", async () => {
  const folder = await temporaryFolder();
  const subject = await openSubject({ ...nothing, backend: 'file', target: `file://${folder}` });
  await subject.prepare(new AbortController().signal);
  const backend = (await subject.suite.createTarget({})).create();
  await backend.open();
  const keys = ['foreign/key', `${runFolder(nothing.runId)}/PUT-01/1`];
  await backend.put(keys.map((key) => ({ key, parts: [new Uint8Array(8)] })));
  await backend.close();
  await subject.remove();
  expect((await readdir(folder)).toSorted()).toEqual(['foreign', '~tmp']);
});

async function configured(text: string) {
  const folder = await temporaryFolder();
  const file = join(folder, 'lmcache.yaml');
  await writeFile(file, text);
  return await loadConfig({ file, env: {} });
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-subject-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
