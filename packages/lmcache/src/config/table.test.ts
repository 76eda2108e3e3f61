import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseLmcacheConfig } from './parse.ts';
import { KEY_TABLE } from './table.ts';

test('has the 108 keys of LMCache 0.5.6, each once', () => {
  expect(new Set(KEY_TABLE.top.map((spec) => spec.key)).size).toBe(108);
  for (const specs of Object.values(KEY_TABLE)) {
    expect(new Set(specs.map((spec) => spec.key)).size).toBe(specs.length);
  }
});

test('has an entry for every key, in the order of the table', () => {
  const { entries } = parseLmcacheConfig({ text: undefined, file: '', env: {}, placeholders: {} });
  expect(entries.map((entry) => entry.key)).toEqual([
    ...KEY_TABLE.top.map((spec) => spec.key),
    ...KEY_TABLE.extra.map((spec) => `extra_config.${spec.key}`),
    ...KEY_TABLE.kvferry.map((spec) => `extra_config.kvferry.${spec.key}`),
  ]);
  expect(entries.every((entry) => entry.source.kind === 'default' && entry.shown !== '')).toBe(true);
});

test('its defaults bring nothing to say', () => {
  const text = KEY_TABLE.top
    .filter((spec) => spec.default !== null && spec.default !== Number.POSITIVE_INFINITY)
    .map((spec) => `${spec.key}: ${JSON.stringify(spec.default)}\n`)
    .join('');
  expect(parseLmcacheConfig({ text, file: 'all.yaml', env: {}, placeholders: {} }).findings).toEqual([]);
});

test('the committed schema and docs/configuration.md are generated from it', () => {
  const script = fileURLToPath(new URL('../../scripts/generate.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
});

test('the schema knows every key of the examples', () => {
  const schema = JSON.parse(readFileSync(new URL('../../lmcache.schema.json', import.meta.url), 'utf8'));
  const extra = schema.properties.extra_config;
  expect(Object.keys(schema.properties)).toHaveLength(108);
  expect([schema.additionalProperties, extra.additionalProperties]).toEqual([false, false]);
  for (const file of ['s3-basic', 's3-express', 'coreweave']) {
    const text = readFileSync(new URL(`../../../../examples/configs/${file}.yaml`, import.meta.url), 'utf8');
    for (const [, indent, key = ''] of text.matchAll(/^( *)(\w+):/gm)) {
      expect(Object.keys(indent === '' ? schema.properties : extra.properties)).toContain(key);
    }
  }
});

test.each(['LRU', 'fifo'])('the schema takes cache_policy: %s, as LMCache does', (text) => {
  const schema = JSON.parse(readFileSync(new URL('../../lmcache.schema.json', import.meta.url), 'utf8'));
  const { findings } = parseLmcacheConfig({ text: `cache_policy: ${text}\n`, file: '', env: {}, placeholders: {} });
  expect(findings).toEqual([]);
  expect(schema.properties.cache_policy.enum).toContain(text);
});
