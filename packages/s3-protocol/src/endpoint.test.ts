import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointUrl, escapeKey, parseEndpoint, requestTarget, resolveAddressing } from './endpoint.ts';
import type { S3Endpoint } from './types.ts';

describe('resolveAddressing', () => {
  it.each([
    ['an address', 'http', '127.0.0.1', 'b', 'path'],
    ['an IPv6 address', 'https', '::1', 'b', 'path'],
    ['a single label', 'http', 'localhost', 'b', 'path'],
    ['dots over TLS', 'https', 's3.us-east-1.amazonaws.com', 'my.bucket', 'path'],
    ['dots over http', 'http', 'store.example', 'my.bucket', 'virtual'],
    ['a name that no host has', 'http', 'store.example', 'ü', 'path'],
    ['everything else', 'https', 's3.us-east-1.amazonaws.com', 'my-bucket', 'virtual'],
  ] as const)('auto, %s', (_name, scheme, host, bucket, expected) => {
    expect(resolveAddressing('auto', { scheme, host }, bucket)).toBe(expected);
  });

  it('takes path as it is, and virtual where it can work', () => {
    const store = { scheme: 'https', host: 'store.example' } as const;
    expect(resolveAddressing('path', store, 'b')).toBe('path');
    expect(resolveAddressing('virtual', store, 'b')).toBe('virtual');
  });

  it.each([
    ['http', '127.0.0.1', 'b', /127\.0\.0\.1 is an address.*addressing: 'path'/],
    ['http', 'localhost', 'b', /single label.*addressing: 'path'/],
    ['http', 'store.example', 'a%b', /the bucket "a%b": no host name holds it.*addressing: 'path'/],
    ['https', 'store.example', 'a.b', /wildcard certificate.*addressing: 'path'/],
  ] as const)('refuses virtual for %s://%s, bucket %s', (scheme, host, bucket, message) => {
    expect(() => resolveAddressing('virtual', { scheme, host }, bucket)).toThrow(message);
  });
});

describe('parseEndpoint', () => {
  it.each([
    ['https://s3.example', { scheme: 'https', host: 's3.example', port: 443 }],
    ['http://MinIO:9000/', { scheme: 'http', host: 'minio', port: 9000 }],
    ['https://[::1]:9443', { scheme: 'https', host: '::1', port: 9443 }],
  ])('%s', (url, expected) => {
    const store = parseEndpoint(url, '`endpoint`');
    expect(store).toEqual(expected);
    expect(endpointUrl(store)).toBe(url.toLowerCase().replace(/\/$/, ''));
  });

  it.each([
    ['minio:9000', /no scheme: write http:\/\/host:port/],
    ['ftp://host', /scheme ftp/],
    ['http://', /not a URL/],
    ['http://host/bucket', /the path \/bucket.*`bucket`/],
    ['http://host?x=1', /query/],
    ['http://AKIA:s3cret@host', /carries credentials/],
  ])('refuses %s, naming the option and no secret', (url, message) => {
    const problem = (() => {
      try {
        parseEndpoint(url, '`endpoint`');
        return undefined;
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(problem).toMatchObject({ code: 'CONFIG_INVALID', reason: expect.stringMatching(message) });
    expect(problem?.message).toContain('`endpoint`');
    expect(problem?.message).not.toContain('s3cret');
  });
});

describe('requestTarget', () => {
  const base: S3Endpoint = {
    scheme: 'https',
    host: 's3.example',
    port: 443,
    bucket: 'b',
    addressing: 'virtual',
    region: 'r',
  };

  it('puts the bucket into the host, or into the path', () => {
    expect(requestTarget(base)).toMatchObject({
      origin: { host: 'b.s3.example' },
      hostHeader: 'b.s3.example',
      pathPrefix: '/',
    });
    expect(requestTarget({ ...base, addressing: 'path' })).toMatchObject({
      hostHeader: 's3.example',
      pathPrefix: '/b/',
    });
  });

  it('writes the port only where it is not the scheme’s own, and brackets IPv6', () => {
    expect(requestTarget({ ...base, port: 9000 }).hostHeader).toBe('b.s3.example:9000');
    const ipv6 = requestTarget({ ...base, scheme: 'http', host: '::1', port: 9000, addressing: 'path' });
    expect(ipv6.hostHeader).toBe('[::1]:9000');
    expect(ipv6.origin.host).toBe('::1');
  });
});

describe('escapeKey', () => {
  // Expected values are what Python's urllib.parse.quote gives.
  it.each([
    ['meta-llama_Llama@1@0@49bc@bfloat16', 'meta-llama_Llama%401%400%4049bc%40bfloat16'],
    ['a/b/c', 'a/b/c'],
    ['100%', '100%25'],
    ['a b+c', 'a%20b%2Bc'],
    ['~-._', '~-._'],
    ["!'()*", '%21%27%28%29%2A'],
    ['é日🦀', '%C3%A9%E6%97%A5%F0%9F%A6%80'],
    ['?#&=;:,$[]', '%3F%23%26%3D%3B%3A%2C%24%5B%5D'],
    ['%2F', '%252F'],
  ])('%s', (key, escaped) => {
    expect(escapeKey(key)).toBe(escaped);
  });

  it('loses nothing of any text, and leaves nothing that a request line cannot carry', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (key) => {
        const escaped = escapeKey(key);
        expect(decodeURIComponent(escaped)).toBe(key);
        expect(escaped).toMatch(/^([A-Za-z0-9_.~/-]|%[0-9A-F]{2})*$/);
      }),
    );
  });
});
