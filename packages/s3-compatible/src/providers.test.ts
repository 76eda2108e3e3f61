import { describe, expect, it } from 'vitest';
import { checkProfile } from './profile.ts';
import { PROVIDERS, providerOfHost, schemeOfHost } from './providers.ts';

it.each(Object.entries(PROVIDERS))(
  'the profile of %s is a profile, named after it, and survives JSON',
  (name, { profile }) => {
    checkProfile(profile);
    expect(profile.id).toBe(name);
    expect(JSON.parse(JSON.stringify(profile))).toEqual(profile);
  },
);

it('generic claims nothing that another does not do', () => {
  const { addressing: _, id: __, ...least } = PROVIDERS.generic.profile;
  expect(least).toEqual({
    create: false,
    checksum: 'crc32c',
    bulkDelete: false,
    listing: 'any',
    maxPutBytes: 5 * 1024 ** 3,
    multipart: 'none',
    prestages: false,
  });
});

describe('the host tells whose store it is', () => {
  it.each([
    ['cwlota.com', 'coreweave', 'http'],
    ['my-bucket.CWLOTA.com', 'coreweave', 'http'],
    ['cwobject.com', 'coreweave', 'https'],
    ['0ab1.r2.cloudflarestorage.com', 'r2', 'https'],
    ['0ab1.eu.r2.cloudflarestorage.com', 'r2', 'https'],
    ['storage.googleapis.com', 'gcs', 'https'],
    ['notcwlota.com', 'generic', 'https'],
    ['s3.example.com', 'generic', 'https'],
    ['127.0.0.1', 'generic', 'https'],
  ])('%s: %s over %s', (host, provider, scheme) => {
    expect([providerOfHost(host), schemeOfHost(host)]).toEqual([provider, scheme]);
  });
});
