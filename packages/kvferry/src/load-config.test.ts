import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeRemote } from './backend-for.ts';
import { loadConfig } from './load-config.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const example = (name: string): string => fileURLToPath(new URL(`../../../examples/configs/${name}`, import.meta.url));

async function fileWith(text: string): Promise<string> {
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

test('a file that is not there is named, with the way out', async () => {
  await expect(loadConfig({ file: 'nowhere.yaml', env: {} })).rejects.toThrow(
    /no file nowhere\.yaml.*LMCACHE_CONFIG_FILE/,
  );
});
