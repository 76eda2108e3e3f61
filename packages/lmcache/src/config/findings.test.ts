import { expect, test } from 'vitest';
import { formatFinding } from './findings.ts';
import { parseLmcacheConfig } from './parse.ts';

test('prints place, severity, what is wrong, and on a second line why and what to write', () => {
  const { findings } = parseLmcacheConfig({
    text: 'remote_url: "s3://b.s3.us-east-1.amazonaws.com"\nextra_config: { s3_region: us-east-1 }\nsave_unfull_chunk: True\n',
    file: 'lmcache.yaml',
    env: {},
    placeholders: {},
  });
  expect(findings.map(formatFinding)).toEqual([
    'lmcache.yaml:3: error: save_unfull_chunk: True cannot be used with an S3 remote.\n' +
      '  LMCache hashes the short last chunk and then drops it at PUT. Write: save_unfull_chunk: False',
  ]);
});

test('names the variable where there is no line', () => {
  const { findings } = parseLmcacheConfig({
    text: undefined,
    file: '',
    env: { LMCACHE_CHUNK_SIZE: '0x100' },
    placeholders: {},
  });
  expect(findings.map(formatFinding)).toEqual([
    'LMCACHE_CHUNK_SIZE: error: LMCACHE_CHUNK_SIZE=0x100 is not a whole number.\n' +
      '  LMCache warns, and goes on as if the variable were not there. Write a whole number, such as LMCACHE_CHUNK_SIZE=256',
  ]);
});
