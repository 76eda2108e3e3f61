import { expect, test } from 'vitest';
import { nearestName } from './nearest-name.ts';

const names = ['chunk_size', 'cache_policy', 'local_cpu', 'local_disk', 's3_region'];

test.each([
  ['chunk_sizes', 'chunk_size'],
  ['chunksize', 'chunk_size'],
  ['chnuk_size', 'chunk_size'],
  ['CHUNK_SIZE', 'chunk_size'],
  ['chunk-size', 'chunk_size'],
  ['s3_regoin', 's3_region'],
  ['local_cpus', 'local_cpu'],
  ['cache', 'cache_policy'],
  ['something_else', undefined],
  ['x', undefined],
  ['', undefined],
])('%s: %s', (name, nearest) => {
  expect(nearestName(name, names)).toBe(nearest);
});
