import { remoteTarget } from '@kvferry/lmcache';
import { PROVIDERS, type ProviderName, providerOfHost } from '@kvferry/s3-compatible';
import { describe, expect, test } from 'vitest';
import { loadConfig } from './load-config.ts';

/** What LMCache's URLs are read with, and what the backend goes by, are two tables: neither package may import the other. */
describe('hosts tell the same to the reading of configurations and to the backend', () => {
  const hosts = Object.entries(PROVIDERS).flatMap(([name, { hosts }]) =>
    hosts.map(({ suffix }) => [suffix, name] as const),
  );

  test.each([
    // An account's name stands in front of R2's, always.
    ...hosts.filter(([, name]) => name !== 'r2'),
    ...hosts.map(([suffix, name]) => [`0ab1.${suffix}`, name] as const),
    ['0ab1.eu.r2.cloudflarestorage.com', 'r2'],
    ['not-cwlota.com', 'generic'],
    ['minio.example', 'generic'],
  ] as const)('%s: %s', async (host, name) => {
    expect(providerOfHost(host)).toBe(name);
    const extra = { s3_region: 'auto', kvferry: { endpoint: host, bucket: 'b' } };
    const env = { LMCACHE_REMOTE_URL: 's3://b', LMCACHE_EXTRA_CONFIG: JSON.stringify(extra) };
    expect(remoteTarget((await loadConfig({ env })).config)).toMatchObject({ kind: 's3-compatible', provider: name });
  });
});

test.each(Object.keys(PROVIDERS) as ProviderName[])('a configuration may name %s', async (provider) => {
  const extra = { s3_region: 'us-east-1', kvferry: { endpoint: 'h.example', provider } };
  const env = { LMCACHE_REMOTE_URL: 's3://b', LMCACHE_EXTRA_CONFIG: JSON.stringify(extra) };
  expect(remoteTarget((await loadConfig({ env })).config)).toMatchObject({ kind: 's3-compatible', provider });
});
