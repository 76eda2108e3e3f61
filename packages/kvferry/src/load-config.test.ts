import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeRemote } from './backend-for.ts';
import { loadConfig } from './load-config.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const example = (name: string): string => fileURLToPath(new URL(`../../../examples/configs/${name}`, import.meta.url));

async function fileWith(text: string | Uint8Array): Promise<string> {
  const file = join(await temporaryFolder(), 'lmcache.yaml');
  await writeFile(file, text);
  return file;
}

test.each([
  ['s3-basic.yaml', 's3 backend: bucket your-bucket-name at https://s3.us-east-1.amazonaws.com, region us-east-1'],
  ['coreweave.yaml', 's3-compatible backend (coreweave): bucket test-127 at http://cwlota.com, region US-WEST-04A'],
])('%s loads as it stands and says what it opens', async (name, remote) => {
  const loaded = await loadConfig({ file: example(name), env: {} });
  expect(loaded.findings.filter((finding) => finding.severity === 'error')).toEqual([]);
  expect(describeRemote(loaded)).toContain(`${remote};`);
});

test('the S3 Express example names its bucket once its placeholders are filled', async () => {
  const placeholders = { BUCKET_NAME: 'kv--use1-az4--x-s3', AZ_ID: 'use1-az4', REGION: 'us-east-1' };
  const loaded = await loadConfig({ file: example('s3-express.yaml'), env: {}, placeholders });
  expect(describeRemote(loaded)).toContain(
    's3-express backend: bucket kv--use1-az4--x-s3 at https://s3express-use1-az4.us-east-1.amazonaws.com, region us-east-1;',
  );
});

test('LMCACHE_CONFIG_FILE names the file, and LMCACHE_* variables go before it', async () => {
  const env = { LMCACHE_CONFIG_FILE: example('s3-basic.yaml'), LMCACHE_CHUNK_SIZE: '64' };
  const loaded = await loadConfig({ env });
  expect(loaded.file).toBe(env.LMCACHE_CONFIG_FILE);
  expect(loaded.config.chunkTokens).toBe(64);
});

test('without a file, environment and defaults count', async () => {
  const loaded = await loadConfig({ env: {} });
  expect([loaded.file, loaded.config.chunkTokens, loaded.config.remoteUrl]).toEqual(['(environment)', 256, undefined]);
});

test('all errors come in one CONFIG_INVALID, each with its line and the fix', async () => {
  const file = await fileWith(
    'chunk_size: 0\nsave_unfull_chunk: True\nremote_url: "s3://b.s3.us-east-1.amazonaws.com"\nextra_config:\n  s3_region: us-east-1\n',
  );
  const call = loadConfig({ file, env: {} });
  await expect(call).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(call).rejects.toThrow(
    /lmcache\.yaml:1: error: chunk_size[\s\S]*lmcache\.yaml:2: error: save_unfull_chunk/,
  );
});

const accented = 'chunk_size: 64\n# caché\nlocal_cpu: True\n';
const littleEndian = Buffer.from(accented, 'utf16le');

test.each([
  [
    'Latin-1',
    Buffer.from(accented, 'latin1'),
    2,
    'not UTF-8: this line has bytes that are no character',
    'iconv -f <its encoding',
  ],
  ['UTF-16', Buffer.from(`\ufeff${accented}`, 'utf16le'), 1, 'UTF-16, not UTF-8', 'iconv -f UTF-16LE -t UTF-8'],
  ['UTF-16 without a mark', littleEndian, 1, 'UTF-16, not UTF-8', 'iconv -f UTF-16LE -t UTF-8'],
  ['UTF-16BE', Buffer.from(littleEndian).swap16(), 1, 'UTF-16, not UTF-8', 'iconv -f UTF-16BE -t UTF-8'],
])('a file in %s is one finding that says so', async (_, bytes, line, problem, fix) => {
  const error = await loadConfig({ file: await fileWith(bytes), env: {} }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
  const { message } = error as Error;
  expect(message.match(/: error: /g)).toHaveLength(1);
  expect(message).toContain(`lmcache.yaml:${line}: error: The file is ${problem}`);
  expect(message).toContain(fix);
});

test('UTF-8 loads, with a mark in front or without', async () => {
  for (const mark of ['', '\ufeff']) {
    const loaded = await loadConfig({ file: await fileWith(mark + accented), env: {} });
    expect([loaded.config.chunkTokens, loaded.findings]).toEqual([64, []]);
  }
});

test('a file that is not there is named, with the way out', async () => {
  await expect(loadConfig({ file: 'nowhere.yaml', env: {} })).rejects.toThrow(
    /no file nowhere\.yaml.*LMCACHE_CONFIG_FILE/,
  );
});
