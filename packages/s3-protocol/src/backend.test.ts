import type { ListEntry, RemoteBackend } from '@kvferry/core';
import { describe, expect, it, vi } from 'vitest';
import { createS3Backend } from './backend.ts';
import { credentialProvider, RefreshingProvider } from './credentials.ts';
import {
  BUCKET,
  collect,
  ODD_KEYS,
  openBackend,
  pathEndpoint,
  sampleBytes,
  startStore,
  storedBytes,
  virtualEndpoint,
} from './testing/store.ts';
import type { CredentialProvider } from './types.ts';

const hit = (byteLength: number) => ({ status: 'hit', byteLength, etag: expect.any(String) });

describe.each([
  ['http', 'path'],
  ['http', 'virtual'],
  ['https', 'path'],
  ['https', 'virtual'],
] as const)('over %s, bucket in the %s', (scheme, addressing) => {
  it('carries odd keys and their bytes there and back', async () => {
    const store = await startStore({ scheme });
    const backend = await openBackend(store, { endpoint: addressing === 'virtual' ? virtualEndpoint(store) : {} });
    const values = ODD_KEYS.map((_, index) => sampleBytes(1000 + index, index));

    const stored = await backend.put(ODD_KEYS.map((key, index) => ({ key, parts: [values[index] as Uint8Array] })));
    expect(stored).toEqual(ODD_KEYS.map(() => ({ status: 'stored' })));
    expect(store.listKeys(BUCKET).toSorted()).toEqual(ODD_KEYS.toSorted());
    expect(await backend.stat(ODD_KEYS)).toEqual(values.map((value) => hit(value.byteLength)));

    const into = values.map((value) => new Uint8Array(value.byteLength + 10));
    const got = await backend.get(ODD_KEYS.map((key, index) => ({ key, into: into[index] as Uint8Array })));
    expect(got).toEqual(values.map(({ byteLength }) => ({ status: 'hit', byteLength, verified: 'checksum' })));
    expect(into.map((bytes) => bytes.subarray(0, -10))).toEqual(values);

    const listed = await collect(backend.list());
    const expected = ODD_KEYS.map((key, index) => ({ key, byteLength: 1000 + index }));
    expect(byKey(listed)).toMatchObject(byKey(expected));

    expect(await backend.delete(ODD_KEYS)).toEqual(ODD_KEYS.map(() => ({ status: 'deleted' })));
    expect(store.listKeys(BUCKET)).toEqual([]);
    expect(await backend.stat(ODD_KEYS)).toEqual(ODD_KEYS.map(() => ({ status: 'miss' })));
  });
});

it('lists and deletes in bulk where it reads and writes, though the SDK would ask for dotted names elsewhere', async () => {
  const bucket = 'my.dotted.bucket';
  const store = await startStore({ buckets: [bucket], addressing: 'host' });
  const backend = await openBackend(store, { endpoint: { ...virtualEndpoint(store), bucket } });
  expect(await backend.put([{ key: 'k/1', parts: [sampleBytes(3)] }])).toEqual([{ status: 'stored' }]);
  expect(await collect(backend.list({ prefix: 'k/' }))).toMatchObject([{ key: 'k/1', byteLength: 3 }]);
  expect(await backend.delete(['k/1', 'k/2'])).toEqual([{ status: 'deleted' }, { status: 'deleted' }]);
  expect(new Set(store.requests.map(({ headers }) => headers.host))).toEqual(
    new Set([`${bucket}.s3.localhost:${store.port}`]),
  );
});

it.each(['http', 'https'] as const)(
  'names under .localhost are this machine, for every operation, over %s',
  async (scheme) => {
    const store = await startStore({ scheme });
    const backend = await openBackend(store, { endpoint: { host: 's3.localhost', addressing: 'virtual' } });
    const keys = ['a', 'b'];
    const put = await backend.put(keys.map((key) => ({ key, parts: [sampleBytes(9)] })));
    expect(put).toEqual(keys.map(() => ({ status: 'stored' })));
    expect(byKey(await collect(backend.list()))).toMatchObject(keys.map((key) => ({ key })));
    expect(await backend.delete(keys)).toEqual(keys.map(() => ({ status: 'deleted' })));
  },
);

describe('put', () => {
  it('sends a gather list as one value, empty parts and empty values too', async () => {
    const store = await startStore();
    const backend = await openBackend(store);
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(2);
    const parts = [new Uint8Array([1]), new Uint8Array(0), shared, new Uint8Array([3, 4])];
    expect(
      await backend.put([
        { key: 'k', parts },
        { key: 'none', parts: [] },
      ]),
    ).toEqual([{ status: 'stored' }, { status: 'stored' }]);
    expect(await storedBytes(store, 'k')).toEqual(new Uint8Array([1, 2, 2, 2, 3, 4]));
    expect(await backend.stat(['none'])).toEqual([hit(0)]);
    expect(await backend.get([{ key: 'none', into: new Uint8Array(0) }])).toMatchObject([
      { status: 'hit', byteLength: 0 },
    ]);
  });

  it('stores the type of bytes and their CRC32C with them', async () => {
    const store = await startStore();
    const backend = await openBackend(store);
    await backend.put([{ key: 'k', parts: [new TextEncoder().encode('1234'), new TextEncoder().encode('56789')] }]);
    expect(await store.getObject(BUCKET, 'k')).toMatchObject({
      contentType: 'application/octet-stream',
      checksums: { 'x-amz-checksum-crc32c': '4waSgw==' },
    });
  });

  it('signs little: neither range nor accept-encoding, no trailer, a length always', async () => {
    const store = await startStore();
    const backend = await openBackend(store);
    await backend.put([{ key: 'k', parts: [sampleBytes(10)] }]);
    const [request] = store.requests;
    expect(request?.headers).toMatchObject({ 'content-length': '10', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' });
    expect(request?.headers.authorization).toContain(
      'SignedHeaders=host;x-amz-checksum-crc32c;x-amz-content-sha256;x-amz-date,',
    );
    expect(request?.headers).not.toHaveProperty('accept-encoding');
    expect(request?.headers).not.toHaveProperty('transfer-encoding');
  });

  it('signs the payload on request', async () => {
    const store = await startStore();
    const backend = await openBackend(store, { options: { payloadSigning: 'sha256' } });
    expect(await backend.put([{ key: 'k', parts: [new TextEncoder().encode('abc')] }])).toEqual([{ status: 'stored' }]);
    expect(await backend.stat(['k'])).toEqual([hit(3)]);
    // SHA-256 of "abc" and of nothing (FIPS 180-4, examples).
    expect(store.requests[0]?.headers['x-amz-content-sha256']).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(store.requests[1]?.headers['x-amz-content-sha256']).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
  });

  it('create keeps what is there; of many writers one stores', async () => {
    const store = await startStore();
    const backends = await Promise.all([openBackend(store), openBackend(store)]);
    const race = Array.from({ length: 16 }, (_, index) =>
      (backends[index % 2] as RemoteBackend).put([{ key: 'k', parts: [sampleBytes(100, index)] }], { mode: 'create' }),
    );
    const results = (await Promise.all(race)).flat();
    expect(results.filter(({ status }) => status === 'stored')).toHaveLength(1);
    expect(results.filter(({ status }) => status === 'exists')).toHaveLength(15);
    const winner = results.findIndex(({ status }) => status === 'stored');
    expect(await storedBytes(store, 'k')).toEqual(sampleBytes(100, winner));
  });

  it('tries again where two writers of one key met', async () => {
    const store = await startStore();
    const backend = await openBackend(store);
    store.addFault({ effect: { kind: 'status', status: 409, code: 'ConditionalRequestConflict' } });
    expect(await backend.put([{ key: 'k', parts: [sampleBytes(10)] }], { mode: 'create' })).toEqual([
      { status: 'stored' },
    ]);
  });

  it('create replaces a value that was read wrong, once', async () => {
    const store = await startStore();
    const backend = await openBackend(store);
    await store.putObject(BUCKET, 'k', sampleBytes(10, 1), { crc32c: { base64: 'AAAAAA==' } });
    expect(await backend.get([{ key: 'k', into: new Uint8Array(10) }])).toMatchObject([{ error: { code: 'CORRUPT' } }]);
    const item = { key: 'k', parts: [sampleBytes(10, 2)] };
    expect(await backend.put([item], { mode: 'create' })).toEqual([{ status: 'stored' }]);
    expect(await storedBytes(store, 'k')).toEqual(sampleBytes(10, 2));
    expect(await backend.put([item], { mode: 'create' })).toEqual([{ status: 'exists' }]);
  });
});

describe('get', () => {
  it('says how a value was checked', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'with', sampleBytes(100));
    await store.putObject(BUCKET, 'without', sampleBytes(100), { crc32c: 'none' });
    const backend = await openBackend(store);
    const items = () => ['with', 'without'].map((key) => ({ key, into: new Uint8Array(100) }));
    expect(await backend.get(items())).toMatchObject([{ verified: 'checksum' }, { verified: 'length' }]);
    await store.putObject(BUCKET, 'by AWS', sampleBytes(100), { crc32c: 'none', crc64nvme: 'computed' });
    const byAws = () => [{ key: 'by AWS', into: new Uint8Array(100) }];
    expect(await backend.get(byAws())).toMatchObject([{ verified: 'length' }]);
    const thorough = await openBackend(store, { options: { verify: 'full' } });
    expect(await thorough.get([...items(), ...byAws()])).toMatchObject([
      { verified: 'checksum' },
      { verified: 'length' },
      { verified: 'checksum' },
    ]);
    const trusting = await openBackend(store, { options: { verify: 'length' } });
    expect(await trusting.get(items())).toMatchObject([{ verified: 'length' }, { verified: 'length' }]);
  });

  it('takes another CRC64NVME for CORRUPT, on a second look too, where it looks at that', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(100), { crc32c: 'none', crc64nvme: { base64: 'AAAAAAAAAAA=' } });
    const backend = await openBackend(store, { options: { verify: 'full' } });
    expect(await backend.get([{ key: 'k', into: new Uint8Array(100) }])).toMatchObject([
      {
        status: 'failed',
        error: { code: 'CORRUPT', retry: 'exhausted', message: expect.stringContaining('CRC64NVME') },
      },
    ]);
    expect(store.requests).toHaveLength(2);
  });

  it('takes no notice of a checksum of parts', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(10), { crc32c: { base64: 'AAAAAA==-2' } });
    const backend = await openBackend(store);
    expect(await backend.get([{ key: 'k', into: new Uint8Array(10) }])).toMatchObject([{ verified: 'length' }]);
  });

  it('answers what is longer than its memory with the length needed', async () => {
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(100_000));
    const backend = await openBackend(store);
    expect(await backend.get([{ key: 'k', into: new Uint8Array(99_999) }])).toMatchObject([
      { status: 'failed', error: { code: 'BUFFER_TOO_SMALL', requiredBytes: 100_000, retry: 'never' } },
    ]);
    expect(store.requests).toHaveLength(1);
  });
});

describe('delete', () => {
  it('sends one request for a thousand keys, where the store takes that', async () => {
    const store = await startStore();
    const keys = Array.from({ length: 1001 }, (_, index) => `k${index}`);
    await store.putObject(BUCKET, 'k7', sampleBytes(1));
    await store.putObject(BUCKET, 'other', sampleBytes(1));
    const backend = await openBackend(store);
    const settled: number[] = [];
    const results = await backend.delete(keys, { onSettled: (index) => settled.push(index) });
    expect(results.every(({ status }) => status === 'deleted')).toBe(true);
    expect(settled).toHaveLength(1001);
    expect(store.listKeys(BUCKET)).toEqual(['other']);
    expect(store.requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  it('sends one request a key where it does not', async () => {
    const store = await startStore();
    await Promise.all(ODD_KEYS.map((key) => store.putObject(BUCKET, key, sampleBytes(1))));
    const backend = await openBackend(store, { profile: { bulkDelete: false } });
    expect(await backend.delete([...ODD_KEYS, 'absent'])).toHaveLength(ODD_KEYS.length + 1);
    expect(store.listKeys(BUCKET)).toEqual([]);
    expect(new Set(store.requests.map(({ method }) => method))).toEqual(new Set(['DELETE']));
  });

  it('takes an error document behind a 200 for the error that it is', async () => {
    const store = await startStore();
    const backend = await openBackend(store, { options: { maxAttempts: 1 } });
    store.addFault({ effect: { kind: 'status', status: 200, code: 'InternalError' } });
    expect(await backend.delete(['a', 'b'])).toMatchObject([
      { status: 'failed', error: { code: 'UNAVAILABLE', key: 'a' } },
      { status: 'failed', error: { code: 'UNAVAILABLE', key: 'b' } },
    ]);
  });
});

describe('list', () => {
  it('goes through every page, as far as its reader goes', async () => {
    const store = await startStore();
    const keys = Array.from({ length: 1500 }, (_, index) => `p/${index}`);
    await Promise.all([...keys, 'q/other'].map((key) => store.putObject(BUCKET, key, sampleBytes(2))));
    const backend = await openBackend(store);
    const listed = await collect(backend.list({ prefix: 'p/' }));
    expect(byKey(listed)).toMatchObject(byKey(keys.map((key) => ({ key, byteLength: 2 }))));

    store.clearRequests();
    for await (const entry of backend.list()) {
      expect(entry.byteLength).toBe(2);
      break;
    }
    expect(store.requests).toHaveLength(1);
  });

  it('passes over names that are no keys', async () => {
    const store = await startStore();
    for (const name of ['good', 'folder/', 'a//b', '../x', 'line\nbreak', '\u0001', `${'x'.repeat(256)}`]) {
      await store.putObject(BUCKET, name, sampleBytes(1));
    }
    const backend = await openBackend(store);
    expect(await collect(backend.list())).toMatchObject([{ key: 'good', byteLength: 1 }]);
  });

  it('says when each value was written', async () => {
    const store = await startStore();
    const lastModified = new Date('2026-02-03T04:05:06Z');
    await store.putObject(BUCKET, 'k', sampleBytes(1), { lastModified });
    const backend = await openBackend(store);
    expect(await collect(backend.list())).toEqual([{ key: 'k', byteLength: 1, modifiedMs: lastModified.getTime() }]);
  });

  it('takes an error document behind a 200 for the error that it is', async () => {
    const store = await startStore();
    const backend = await openBackend(store, { options: { maxAttempts: 1 } });
    store.addFault({ effect: { kind: 'status', status: 200, code: 'InternalError' } });
    await expect(collect(backend.list())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('stays at the endpoint of the reads, whatever the environment says', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:1');
    vi.stubEnv('AWS_USE_DUALSTACK_ENDPOINT', 'true');
    const store = await startStore();
    await store.putObject(BUCKET, 'k', sampleBytes(1));
    const backend = await openBackend(store);
    expect(await collect(backend.list())).toHaveLength(1);
    vi.unstubAllEnvs();
  });
});

describe('a clock that is an hour wrong', () => {
  it('costs each plane one retry and the process one warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const store = await startStore({ now: () => Date.now() + 3_600_000 });
    await store.putObject(BUCKET, 'k', sampleBytes(10));
    const backend = await openBackend(store, { options: { maxAttempts: 1 } });
    expect(await backend.stat(['k', 'absent'])).toEqual([hit(10), { status: 'miss' }]);
    expect(await collect(backend.list())).toHaveLength(1);
    store.clearRequests();
    expect(await backend.get([{ key: 'k', into: new Uint8Array(10) }])).toMatchObject([{ status: 'hit' }]);
    expect(store.requests).toHaveLength(1);
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });
});

describe('credentials', () => {
  it('that have expired are renewed once, on each plane', async () => {
    const pairs = ['first', 'second'].map((name) => ({
      accessKeyId: `AKIA${name}`,
      secretAccessKey: name,
      sessionToken: `token-${name}`,
    }));
    const store = await startStore({ credentials: pairs.slice(1) });
    let loads = 0;
    const credentials = new RefreshingProvider(async () => {
      const credentials = pairs[Math.min(loads, 1)] as (typeof pairs)[0];
      loads += 1;
      return { credentials };
    }, 'source');
    const backend = await openBackend(store, { credentials, options: { maxAttempts: 1 } });
    store.addFault({ effect: { kind: 'status', status: 400, code: 'ExpiredToken' } });
    expect(await backend.put([{ key: 'k', parts: [sampleBytes(1)] }])).toEqual([{ status: 'stored' }]);
    expect(loads).toBe(2);
    expect(await collect(backend.list())).toHaveLength(1);
    expect(store.requests.at(-1)?.headers['x-amz-security-token']).toBe('token-second');
  });

  it('that were renewed between a HEAD and the question what it means are no reason to fail', async () => {
    const good = { accessKeyId: 'AKIAGOOD', secretAccessKey: 's' };
    const ended = { accessKeyId: 'AKIAENDED', secretAccessKey: 's', sessionToken: 't', expiresAtMs: 1 };
    const store = await startStore({ credentials: [good, ended] });
    await store.putObject(BUCKET, 'k', sampleBytes(10));
    // What the open asks for, and the HEAD; from then on another call has renewed them.
    const given = [ended, ended];
    const credentials: CredentialProvider = {
      get: () => given.shift() ?? good,
      invalidate: () => {},
      describe: () => 'source',
    };
    const backend = await openBackend(store, { credentials, options: { maxAttempts: 1 } });
    expect(await backend.stat(['k'])).toMatchObject([{ status: 'hit', byteLength: 10 }]);
    expect(store.requests.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'HEAD 400',
      'GET 206',
      'HEAD 200',
    ]);
  });

  it('that cannot be renewed are an error, after one request', async () => {
    const store = await startStore();
    const backend = await openBackend(store);
    store.addFault({ times: Number.POSITIVE_INFINITY, effect: { kind: 'status', status: 400, code: 'ExpiredToken' } });
    expect(await backend.put([{ key: 'k', parts: [sampleBytes(1)] }])).toMatchObject([
      { status: 'failed', error: { code: 'UNAUTHENTICATED', reason: expect.stringContaining('has expired') } },
    ]);
    expect(store.requests).toHaveLength(1);
  });

  it('may be none: then nothing is signed', async () => {
    const store = await startStore();
    const backend = await openBackend(store, {
      credentials: credentialProvider('anonymous'),
      options: { maxAttempts: 1 },
    });
    await backend.stat(['k']);
    await collect(backend.list()).catch(() => {});
    expect(store.requests.length).toBeGreaterThan(1);
    for (const { headers } of store.requests) expect(headers).not.toHaveProperty('authorization');
  });

  it('that are missing are told at open, which may be tried again', async () => {
    const store = await startStore();
    const found = credentialProvider(store.credentials);
    let asked = 0;
    const late = {
      ...found,
      get: () => {
        asked += 1;
        return asked === 1 ? Promise.reject(new Error('none yet')) : found.get();
      },
    };
    const backend = createS3Backend({
      scheme: 's3',
      endpoint: pathEndpoint(store),
      profile: {
        id: 'test',
        create: true,
        checksum: 'crc32c',
        bulkDelete: true,
        maxPutBytes: 1,
        multipart: 'none',
        listing: 'any',
      },
      credentials: late,
      options: { bucket: BUCKET },
    });
    await expect(backend.open()).rejects.toThrow('none yet');
    expect(backend.state).toBe('new');
    await backend.open();
    expect(await backend.stat(['k'])).toEqual([{ status: 'miss' }]);
    await backend.close();
  });
});

it('says what it works with, and no secret', async () => {
  const store = await startStore();
  const backend = await openBackend(store);
  expect(backend.info).toEqual({
    scheme: 's3',
    namespace: BUCKET,
    details: {
      endpoint: store.url,
      addressing: 'path',
      region: 'us-east-1',
      profile: 'test',
      checksum: 'crc32c by aws-crt',
      protocol: 'http/1.1',
      identity: expect.stringMatching(/^static .*…/),
    },
  });
  expect(JSON.stringify(backend.info)).not.toContain(store.credentials.secretAccessKey);
});

it('warns once of proxy variables, which are not followed', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  vi.stubEnv('HTTPS_PROXY', 'http://user:s3cret@127.0.0.1:1');
  vi.stubEnv('http_proxy', 'http://127.0.0.1:1');
  const store = await startStore();
  await openBackend(store);
  const backend = await openBackend(store);
  expect(await backend.stat(['k'])).toEqual([{ status: 'miss' }]);
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn.mock.calls[0]?.[0]).toMatch(/^HTTPS_PROXY, http_proxy are set and not followed/);
  warn.mockRestore();
  vi.unstubAllEnvs();
});

function byKey(entries: readonly ListEntry[]): ListEntry[] {
  return entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}
