import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { loadConfig } from '../load-config.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { configLine, currentLine } from './config-line.ts';

async function loaded(text: string, env: Record<string, string> = {}) {
  const file = `${await temporaryFolder()}/lmcache.yaml`;
  await writeFile(file, text);
  const config = await loadConfig({ file, env });
  return { config, lineOf: (line: string) => line.replace(file, 'FILE') };
}

test('a line that is there is named with its place', async () => {
  const { config, lineOf } = await loaded('chunk_size: 64\nextra_config:\n  kvferry:\n    era: "0.4.1"\n');
  expect(lineOf(configLine(config, 'chunk_size', '128'))).toBe('FILE:1: chunk_size: 128');
  expect(lineOf(configLine(config, 'extra_config.kvferry.era', '"mp"'))).toBe('FILE:4: era: "mp"');
  expect(lineOf(configLine(config, 'extra_config.kvferry.era', undefined))).toBe('FILE:4: remove era');
  expect(lineOf(currentLine(config, 'chunk_size') ?? '')).toBe('FILE:1: chunk_size: 64');
});

test('one that is not comes under the innermost map that is', async () => {
  const era = 'extra_config.kvferry.era';
  const inKvferry = await loaded('extra_config:\n  kvferry:\n    bucket: b\n');
  expect(inKvferry.lineOf(configLine(inKvferry.config, era, '"mp"'))).toBe('FILE:2: add under kvferry: era: "mp"');
  const inExtra = await loaded('extra_config:\n  s3_region: r\n');
  expect(inExtra.lineOf(configLine(inExtra.config, era, '"mp"'))).toBe(
    'FILE:1: add under extra_config: kvferry: { era: "mp" }',
  );
  const alone = await loaded('chunk_size: 64\n');
  expect(alone.lineOf(configLine(alone.config, era, '"mp"'))).toBe(
    'add to FILE: extra_config: { kvferry: { era: "mp" } }',
  );
  expect(alone.lineOf(configLine(alone.config, 'cache_policy', 'LRU'))).toBe('add to FILE: cache_policy: LRU');
  expect(currentLine(alone.config, era)).toBeUndefined();
});

test('one whose map is a variable comes into the variable, not into the file that it replaces', async () => {
  const era = 'extra_config.kvferry.era';
  const text = 'extra_config:\n  kvferry:\n    bucket: b\n';
  const inExtra = await loaded(text, { LMCACHE_EXTRA_CONFIG: '{"s3_region": "r"}' });
  expect(configLine(inExtra.config, era, '"mp"')).toBe(
    'LMCACHE_EXTRA_CONFIG, in the environment: add under extra_config: kvferry: { era: "mp" }',
  );
  const inKvferry = await loaded(text, { LMCACHE_EXTRA_CONFIG: '{"kvferry": {"vllm": true}}' });
  expect(configLine(inKvferry.config, era, '"mp"')).toBe(
    'LMCACHE_EXTRA_CONFIG, in the environment: add under kvferry: era: "mp"',
  );
});

test('without a file, one that is not there yet is a variable', async () => {
  const config = await loadConfig({ env: { LMCACHE_REMOTE_URL: 'memory://' } });
  expect(configLine(config, 'chunk_size', '128')).toBe('LMCACHE_CHUNK_SIZE, in the environment: chunk_size: 128');
  expect(configLine(config, 'extra_config.kvferry.era', '"mp"')).toBe(
    'LMCACHE_EXTRA_CONFIG, in the environment: add under extra_config: kvferry: { era: "mp" }',
  );
});

test('a variable is named, and a credential never shown', async () => {
  const { config } = await loaded(
    'extra_config:\n  aws_access_key_id: "AKIASECRET"\n  aws_secret_access_key: "hidden"\n',
    {
      LMCACHE_CHUNK_SIZE: '64',
    },
  );
  expect(configLine(config, 'chunk_size', '128')).toBe('LMCACHE_CHUNK_SIZE, in the environment: chunk_size: 128');
  expect(currentLine(config, 'extra_config.aws_access_key_id')).toMatch(/aws_access_key_id: \(set\)$/);
});
