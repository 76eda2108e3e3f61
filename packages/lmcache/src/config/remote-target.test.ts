import { KvferryError } from '@kvferry/core';
import { describe, expect, test } from 'vitest';
import type { KvferryExtension, RemoteTarget } from '../types.ts';
import { parseLmcacheConfig } from './parse.ts';
import { remoteTarget } from './remote-target.ts';

const { config: defaults } = parseLmcacheConfig({ text: undefined, file: '', env: {}, placeholders: {} });

function target(
  remoteUrl: string,
  region: string | undefined,
  kvferry: KvferryExtension = {},
  disableTls = false,
): RemoteTarget {
  return remoteTarget({ ...defaults, remoteUrl, s3: { ...defaults.s3, region, disableTls }, kvferry });
}

describe('an address as LMCache writes it', () => {
  test.each([
    ['s3://b', 'us-east-1', 's3 aws b s3.us-east-1.amazonaws.com us-east-1'],
    ['s3://b', 'cn-north-1', 's3 aws b s3.cn-north-1.amazonaws.com.cn cn-north-1'],
    [
      's3://n--use1-az4--x-s3',
      'us-east-1',
      's3-express aws n--use1-az4--x-s3 s3express-use1-az4.us-east-1.amazonaws.com us-east-1',
    ],
    ['s3://b.s3.us-east-1.amazonaws.com', 'us-east-1', 's3 aws b s3.us-east-1.amazonaws.com us-east-1'],
    ['s3://b.s3.us-east-1.amazonaws.com', undefined, 's3 aws b s3.us-east-1.amazonaws.com us-east-1'],
    ['s3://b.S3.US-EAST-1.AmazonAWS.com', 'us-east-1', 's3 aws b s3.us-east-1.amazonaws.com us-east-1'],
    ['s3://b.s3.us-east-1.amazonaws.com:443', 'us-east-1', 's3 aws b s3.us-east-1.amazonaws.com:443 us-east-1'],
    ['s3://a.b.c.s3.eu-west-1.amazonaws.com', 'eu-west-1', 's3 aws a.b.c s3.eu-west-1.amazonaws.com eu-west-1'],
    ['s3://my.s3.b.s3.eu-west-1.amazonaws.com', 'eu-west-1', 's3 aws my.s3.b s3.eu-west-1.amazonaws.com eu-west-1'],
    ['s3://b.s3.amazonaws.com', 'us-west-2', 's3 aws b s3.amazonaws.com us-west-2'],
    ['s3://b.s3-us-west-2.amazonaws.com', 'us-west-2', 's3 aws b s3-us-west-2.amazonaws.com us-west-2'],
    ['s3://b.s3-accelerate.amazonaws.com', 'us-west-2', 's3 aws b s3-accelerate.amazonaws.com us-west-2'],
    [
      's3://b.s3-accelerate.dualstack.amazonaws.com',
      'us-west-2',
      's3 aws b s3-accelerate.dualstack.amazonaws.com us-west-2',
    ],
    [
      's3://b.s3.dualstack.us-west-2.amazonaws.com',
      'us-west-2',
      's3 aws b s3.dualstack.us-west-2.amazonaws.com us-west-2',
    ],
    [
      's3://b.s3-fips.us-gov-west-1.amazonaws.com',
      'us-gov-west-1',
      's3 aws b s3-fips.us-gov-west-1.amazonaws.com us-gov-west-1',
    ],
    ['s3://b.s3.cn-north-1.amazonaws.com.cn', 'cn-north-1', 's3 aws b s3.cn-north-1.amazonaws.com.cn cn-north-1'],
    [
      's3://b.bucket.vpce-0ab1.s3.us-east-1.vpce.amazonaws.com',
      'us-east-1',
      's3 aws b bucket.vpce-0ab1.s3.us-east-1.vpce.amazonaws.com us-east-1',
    ],
    [
      's3://n--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com',
      'us-east-1',
      's3-express aws n--use1-az4--x-s3 s3express-use1-az4.us-east-1.amazonaws.com us-east-1',
    ],
    [
      's3://{BUCKET_NAME}.s3express-{AZ_ID}.{REGION}.amazonaws.com',
      '{REGION}',
      's3-express aws {BUCKET_NAME} s3express-{AZ_ID}.{REGION}.amazonaws.com {REGION}',
    ],
    ['s3://test-127.cwlota.com', 'US-WEST-04A', 's3-compatible coreweave test-127 cwlota.com US-WEST-04A'],
    ['s3://b.cwobject.com', 'US-EAST-04A', 's3-compatible coreweave b cwobject.com US-EAST-04A'],
    ['s3://b.0ab1.r2.cloudflarestorage.com', 'auto', 's3-compatible r2 b 0ab1.r2.cloudflarestorage.com auto'],
    ['s3://b.0ab1.eu.r2.cloudflarestorage.com', 'auto', 's3-compatible r2 b 0ab1.eu.r2.cloudflarestorage.com auto'],
    ['s3://b.storage.googleapis.com', 'auto', 's3-compatible gcs b storage.googleapis.com auto'],
    ['s3://b.minio.example:9000', 'us-east-1', 's3-compatible generic b minio.example:9000 us-east-1'],
    ['s3://b.localhost:9000', 'us-east-1', 's3-compatible generic b localhost:9000 us-east-1'],
    ['s3://b.127.0.0.1:9000', 'us-east-1', 's3-compatible generic b 127.0.0.1:9000 us-east-1'],
  ])('%s in %s: %s', (url, region, expected) => {
    const found = target(url, region);
    if (found.kind === 'none' || found.kind === 'plugin') throw new Error(found.kind);
    expect([found.kind, found.provider, found.bucket, found.endpointHost, found.region].join(' ')).toBe(expected);
    expect([found.scheme, found.addressing]).toEqual(['https', 'auto']);
  });

  test('with disable_tls is plain http', () => {
    expect(target('s3://b.cwlota.com', 'US-WEST-04A', {}, true)).toMatchObject({ scheme: 'http' });
  });
});

describe('the map of kvferry goes before the host', () => {
  test.each<[string, KvferryExtension, Partial<RemoteTarget>]>([
    [
      's3://b',
      { endpoint: 'http://127.0.0.1:9000' },
      { kind: 's3-compatible', bucket: 'b', endpointHost: '127.0.0.1:9000', scheme: 'http' },
    ],
    [
      's3://b',
      { endpoint: 'https://s3.example.com/' },
      { kind: 's3-compatible', bucket: 'b', endpointHost: 's3.example.com' },
    ],
    [
      's3://b',
      { endpoint: 's3.example.com', provider: 'minio' },
      { bucket: 'b', provider: 'minio', endpointHost: 's3.example.com' },
    ],
    [
      's3://b',
      { endpoint: 's3.eu-west-1.amazonaws.com' },
      { kind: 's3', bucket: 'b', endpointHost: 's3.eu-west-1.amazonaws.com' },
    ],
    [
      's3://b',
      { endpoint: 'vpc.example.com', provider: 'aws' },
      { kind: 's3', bucket: 'b', endpointHost: 'vpc.example.com' },
    ],
    ['s3://a', { bucket: 'b' }, { kind: 's3', bucket: 'b', endpointHost: 's3.us-east-1.amazonaws.com' }],
    ['s3://b.s3.example.com', { endpoint: 's3.example.com' }, { bucket: 'b', endpointHost: 's3.example.com' }],
    ['s3://a.b.s3.example.com', { endpoint: 's3.example.com' }, { bucket: 'a.b', endpointHost: 's3.example.com' }],
    ['s3://127.0.0.1:9000', { bucket: 'b' }, { kind: 's3-compatible', bucket: 'b', endpointHost: '127.0.0.1:9000' }],
    ['s3://[::1]:9000', { bucket: 'b' }, { bucket: 'b', endpointHost: '[::1]:9000' }],
    ['s3://localhost:9000', { bucket: 'b' }, { bucket: 'b', endpointHost: 'localhost:9000' }],
    ['s3://minio.example:9000', { bucket: 'b' }, { bucket: 'b', endpointHost: 'minio.example:9000' }],
    ['s3://b.minio.example:9000', { bucket: 'b' }, { bucket: 'b', endpointHost: 'minio.example:9000' }],
    ['s3://a.b.minio.example', { bucket: 'a.b' }, { bucket: 'a.b', endpointHost: 'minio.example' }],
    [
      's3://s3.us-east-1.amazonaws.com',
      { bucket: 'b' },
      { kind: 's3', bucket: 'b', endpointHost: 's3.us-east-1.amazonaws.com' },
    ],
    [
      's3://my.bucket',
      { bucket: 'my.bucket' },
      { kind: 's3', bucket: 'my.bucket', endpointHost: 's3.us-east-1.amazonaws.com' },
    ],
    ['s3://b.minio.example', { addressing: 'path' }, { addressing: 'path' }],
    ['s3://b.storage.example', { provider: 'ceph' }, { kind: 's3-compatible', provider: 'ceph' }],
  ])('%s with %o', (url, kvferry, expected) => {
    expect(target(url, 'us-east-1', kvferry)).toMatchObject(expected);
  });
});

test.each([
  ['memory://', { kind: 'plugin', scheme: 'memory', url: 'memory://' }],
  ['file:///tmp/x', { kind: 'plugin', scheme: 'file', url: 'file:///tmp/x' }],
  ['file://localhost/tmp/x', { kind: 'plugin', scheme: 'file', url: 'file:///tmp/x' }],
  ['file://LocalHost/tmp/x', { kind: 'plugin', scheme: 'file', url: 'file:///tmp/x' }],
  ['file://./x', { kind: 'plugin', scheme: 'file', url: 'file://./x' }],
  ['file://../x', { kind: 'plugin', scheme: 'file', url: 'file://../x' }],
  ['redis://h:6379', { kind: 'plugin', scheme: 'redis', url: 'redis://h:6379' }],
])('%s is for a backend of its scheme', (url, expected) => {
  expect(target(url, undefined)).toEqual(expected);
});

test('no remote_url is no remote', () => {
  expect(remoteTarget(defaults)).toEqual({ kind: 'none' });
});

test.each<[string, string | undefined, KvferryExtension, string]>([
  ['s3://127.0.0.1:9000', 'us-east-1', {}, 'kvferry: { bucket: "<bucket>" }'],
  ['s3://s3.us-east-1.amazonaws.com', 'us-east-1', {}, 'kvferry: { bucket: "<bucket>" }'],
  ['s3://b', undefined, {}, 's3_region: "<region>"'],
  ['s3://b.minio.example', undefined, {}, 's3_region: "<region>"'],
  ['s3://b', 'us-east-1', { provider: 'minio' }, 'kvferry: { endpoint: "https://<host>[:port]" }'],
  ['s3://b', 'us-east-1', { endpoint: 'https://h/path' }, 'https://s3.example.com:9000'],
  ['nope', 'us-east-1', {}, 's3://<bucket>'],
])('a configuration made by hand that names no address throws the line to add: %s', (url, region, kvferry, line) => {
  expect(() => target(url, region, kvferry)).toThrow(line);
  try {
    target(url, region, kvferry);
  } catch (error) {
    expect(KvferryError.is(error) && error.code).toBe('CONFIG_INVALID');
  }
});
