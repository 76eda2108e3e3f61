import { expect, test } from 'vitest';
import { guessSettings, type HashSetting } from './settings.ts';

const base: HashSetting = {
  keyFormat: 'lmcache',
  era: 'current',
  algorithm: 'sha256_cbor',
  vllm: true,
  seed: '0',
  python: '3.12',
  chunkTokens: 256,
  noneHash: undefined,
};

function guessed(setting: HashSetting) {
  return guessSettings(setting).map(({ changes }) => changes.map(({ key, value }) => `${key}: ${value}`));
}

test('the setting itself comes first, then those that one line makes of it', () => {
  const lines = guessed(base);
  expect(lines[0]).toEqual([]);
  const single = lines.filter(({ length }) => length === 1).flat();
  expect(single).toEqual(
    expect.arrayContaining([
      'extra_config.kvferry.key_format: kv1',
      'extra_config.kvferry.era: "0.4.1"',
      'extra_config.kvferry.era: "mp"',
      'chunk_size: 128',
      'pre_caching_hash_algorithm: builtin',
      'extra_config.kvferry.vllm: False',
      'extra_config.kvferry.python_hash_seed: "42"',
      'extra_config.kvferry.python_hash_seed: "random"',
    ]),
  );
  // SHA-256 knows no SipHash.
  expect(single).not.toContain('extra_config.kvferry.python_version: "3.10"');
  expect(lines.map(({ length }) => length)).toEqual(lines.map(({ length }) => length).toSorted());
});

test("Python's hash with vLLM is random without a seed: that is no guess, and every way out of it is one", () => {
  const lines = guessed({ ...base, algorithm: 'builtin', seed: null });
  expect(lines[0]).toHaveLength(1);
  expect(lines.filter(({ length }) => length === 1).flat()).toEqual(
    expect.arrayContaining(['extra_config.kvferry.python_hash_seed: "0"', 'pre_caching_hash_algorithm: sha256_cbor']),
  );
});

test('few settings are left, each once', () => {
  for (const algorithm of ['builtin', 'sha256_cbor'] as const) {
    const guesses = guessSettings({ ...base, algorithm });
    expect(guesses.length).toBeLessThan(450);
    expect(new Set(guesses.map(({ setting }) => JSON.stringify(setting))).size).toBe(guesses.length);
  }
});

test('a start of the chain that the configuration gives is tried, and may go', () => {
  const lines = guessed({ ...base, noneHash: '7' });
  expect(lines[0]).toEqual([]);
  expect(lines).toContainEqual(['extra_config.kvferry.none_hash: undefined']);
});
