import { startSimulator } from '@kvferry/s3-simulator';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PROVIDERS } from './providers.ts';
import { type S3CompatibleOptions, s3Compatible } from './s3-compatible.ts';
import { startOddStore } from './testing/odd-store.ts';

const credentials = { accessKeyId: 'AKIAEXAMPLE00007Q', secretAccessKey: 's3cret' };
const base: S3CompatibleOptions = {
  bucket: 'my-bucket',
  endpoint: 'https://s3.example.com',
  region: 'us-east-1',
  credentials,
};

beforeEach(() => {
  for (const name of ['REGION', 'DEFAULT_REGION', 'ENDPOINT_URL', 'ENDPOINT_URL_S3'])
    vi.stubEnv(`AWS_${name}`, undefined);
  return () => vi.unstubAllEnvs();
});

const details = (options: Partial<S3CompatibleOptions> = {}) => s3Compatible({ ...base, ...options }).info.details;

describe('whose store it is, and how it is addressed', () => {
  it.each<[Partial<S3CompatibleOptions>, string, string, string]>([
    [{}, 'generic', 'https://s3.example.com', 'virtual'],
    [{ bucket: 'my.bucket' }, 'generic', 'https://s3.example.com', 'path'],
    [{ bucket: 'ü' }, 'generic', 'https://s3.example.com', 'path'],
    [{ bucket: 'a?b' }, 'generic', 'https://s3.example.com', 'path'],
    [{ endpoint: 'http://127.0.0.1:9000' }, 'generic', 'http://127.0.0.1:9000', 'path'],
    [{ endpoint: 'http://minio:9000' }, 'generic', 'http://minio:9000', 'path'],
    [{ provider: 'minio' }, 'minio', 'https://s3.example.com', 'path'],
    [{ provider: 'minio', addressing: 'virtual' }, 'minio', 'https://s3.example.com', 'virtual'],
    [{ provider: 'minio', addressing: 'auto' }, 'minio', 'https://s3.example.com', 'path'],
    [{ endpoint: 'http://cwlota.com' }, 'coreweave', 'http://cwlota.com', 'virtual'],
    [{ endpoint: 'cwlota.com' }, 'coreweave', 'http://cwlota.com', 'virtual'],
    [{ endpoint: 'cwobject.com' }, 'coreweave', 'https://cwobject.com', 'virtual'],
    [{ endpoint: 's3.example.com:9000' }, 'generic', 'https://s3.example.com:9000', 'virtual'],
    [{ endpoint: 's3.example.com:9000', tls: false }, 'generic', 'http://s3.example.com:9000', 'virtual'],
    [{ endpoint: 'https://0ab1.r2.cloudflarestorage.com' }, 'r2', 'https://0ab1.r2.cloudflarestorage.com', 'path'],
    [{ endpoint: 'http://cwlota.com', provider: 'generic' }, 'generic', 'http://cwlota.com', 'virtual'],
    [
      { provider: { ...PROVIDERS.generic.profile, id: 'mine', addressing: ['path'] } },
      'mine',
      'https://s3.example.com',
      'path',
    ],
  ])('%j: %s at %s by %s', (options, profile, endpoint, addressing) => {
    expect(details(options)).toMatchObject({ profile, endpoint, addressing });
  });

  it('the endpoint comes from the environment where the options name none', () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:9000');
    expect(details({ endpoint: undefined }).endpoint).toBe('http://127.0.0.1:9000');
  });
});

describe('the region', () => {
  it("is the option's, else the store's only one, else the environment's", () => {
    const r2 = { endpoint: 'https://0ab1.r2.cloudflarestorage.com' };
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    expect(details({ ...r2, region: 'weur' }).region).toBe('weur');
    expect(details({ ...r2, region: undefined }).region).toBe('auto');
    expect(details({ region: undefined }).region).toBe('eu-west-1');
  });
});

it('says what it can do before it is opened', () => {
  const { capabilities, info, state } = s3Compatible({ ...base, provider: 'versitygw' });
  expect(info).toMatchObject({ scheme: 's3-compatible', namespace: 'my-bucket' });
  expect(capabilities).toMatchObject({ create: true, delete: true, list: true, limits: { maxKeyBytes: 227 } });
  expect(s3Compatible(base).capabilities).toMatchObject({
    create: false,
    limits: { maxKeyBytes: 512, maxValueBytes: 5 * 1024 ** 3 },
  });
  expect(state).toBe('new');
});

describe('options that cannot be meant are refused, each by its name', () => {
  it.each<[object, RegExp]>([
    [{ endpoint: undefined }, /`endpoint` is required.*AWS_ENDPOINT_URL_S3/],
    [{ region: undefined }, /`region` is required.*us-east-1/],
    [{ region: 'us east' }, /`region` is a name/],
    [{ provider: 'minioo' }, /`provider` is 'coreweave' or 'minio'/],
    [{ provider: 'aws' }, /'aws' has a backend of its own, @kvferry\/s3/],
    [{ provider: { id: 'x' } }, /`provider`\.addressing lists/],
    [{ bucket: 's3://my-bucket' }, /`bucket` is a name alone/],
    [{ bucket: '{BUCKET}' }, /is a placeholder/],
    [{ addressing: 'host' }, /`addressing` is 'auto' or 'virtual' or 'path'/],
    [
      { endpoint: 'http://cwlota.com', addressing: 'path' },
      /'path' is not taken by coreweave, which takes 'virtual'; leave it out/,
    ],
    [
      { endpoint: 'http://127.0.0.1:9000', provider: 'coreweave' },
      /only in front of its host, and 127\.0\.0\.1 takes no name/,
    ],
    [{ endpoint: 'https://cwobject.com', bucket: 'my.bucket' }, /"my\.bucket" has dots/],
    [{ endpoint: 'https://cwobject.com', bucket: 'ü' }, /`bucket`: coreweave takes.*no host name holds "ü"$/],
    [{ endpoint: 'https://cwobject.com', bucket: 'ü', addressing: 'virtual' }, /no host name holds "ü"$/],
    [{ bucket: 'a%b', addressing: 'virtual' }, /the bucket "a%b": no host name holds it\. Use addressing: 'path'/],
    [{ endpoint: 'http://127.0.0.1:9000', addressing: 'virtual' }, /Use addressing: 'path'/],
    [{ endpoint: 'https://x.example', tls: false }, /`tls: false` contradicts `endpoint`/],
    [{ endpoint: 'http://x.example', tls: { ca: 'PEM' } }, /`tls` names certificates, and `endpoint` is http/],
    [{ endpoint: 'https://x.example/my-bucket' }, /`endpoint` has the path/],
    [{ prestage: true }, /`prestage`: generic has no cache that could be filled ahead/],
    [{ prestage: 'yes' }, /`prestage` is true or false/],
    [{ multipart: { partBytes: 16 * 1024 ** 2 } }, /`multipart`.*generic/],
    [{ providr: 'minio' }, /did you mean `provider`/],
  ])('%j', (change, message) => {
    expect(() => s3Compatible({ ...base, ...change } as S3CompatibleOptions)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });
});

describe('on the wire', () => {
  async function opened(options: Partial<S3CompatibleOptions>, host = 's3.localhost') {
    const simulator = await startSimulator({ buckets: ['my-bucket'], hosts: [host], region: '*' });
    const backend = s3Compatible({
      ...base,
      endpoint: `http://${host}`,
      credentials: simulator.credentials,
      connectTo: { host: '127.0.0.1', port: simulator.port },
      ...options,
    });
    onTestFinished(async () => {
      await backend.close();
      await simulator.close();
    });
    await backend.open();
    return { backend, simulator };
  }

  it('CoreWeave is asked by its name with the bucket in front, and stat prestages where it is told to', async () => {
    const { backend, simulator } = await opened({ prestage: true, region: 'US-EAST-04A' }, 'cwlota.com');
    await simulator.putObject('my-bucket', 'full', Buffer.alloc(5000));
    await simulator.putObject('my-bucket', 'empty', Buffer.alloc(0));
    expect(await backend.stat(['full', 'empty', 'absent'])).toMatchObject([
      { status: 'hit', byteLength: 5000, etag: expect.any(String) },
      { status: 'hit', byteLength: 0 },
      { status: 'miss' },
    ]);
    const heads = simulator.requests.filter(({ method }) => method === 'HEAD');
    expect(heads.map(({ headers }) => [headers.host, headers.range])).toEqual(
      Array(3).fill(['my-bucket.cwlota.com', 'bytes=0-0']),
    );
  });

  it('without prestage a stat names no range', async () => {
    const { backend, simulator } = await opened({}, 'cwlota.com');
    await backend.stat(['absent']);
    expect(simulator.requests[0]?.headers.range).toBeUndefined();
  });

  it.each([
    ['gcs', { 'x-amz-content-sha256': expect.stringMatching(/^[0-9a-f]{64}$/) }, undefined],
    ['minio', { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }, expect.any(String)],
  ] as const)('%s: every byte is covered, by the signature or by a checksum', async (provider, signed, checksum) => {
    const { backend, simulator } = await opened({ provider });
    await backend.put([{ key: 'a', parts: [Buffer.from('value')] }]);
    const put = simulator.requests.find(({ method }) => method === 'PUT');
    expect(put?.headers).toMatchObject(signed);
    expect(put?.headers['x-amz-checksum-crc32c']).toEqual(checksum);
  });

  it('keys are deleted one by one where the profile says so', async () => {
    for (const [provider, methods] of [
      ['ceph', ['DELETE', 'DELETE']],
      ['minio', ['POST']],
    ] as const) {
      const { backend, simulator } = await opened({ provider });
      await backend.delete(['a', 'b']);
      expect(simulator.requests.map(({ method }) => method)).toEqual(methods);
    }
  });

  it.each<[string, Partial<S3CompatibleOptions>, RegExp]>([
    [
      'TLS where there is none',
      { endpoint: 'https://s3.localhost' },
      /answers without TLS: it speaks plain http\. Use an http:\/\/ endpoint, or tls: false/,
    ],
    ['a region that is another', { region: 'eu-west-1' }, /set region: 'us-east-1'/],
  ])('%s is said in the answer', async (_, options, message) => {
    const simulator = await startSimulator({ buckets: ['my-bucket'] });
    const backend = s3Compatible({
      ...base,
      endpoint: 'http://s3.localhost',
      credentials: simulator.credentials,
      connectTo: { host: '127.0.0.1', port: simulator.port },
      maxAttempts: 1,
      ...options,
    });
    onTestFinished(async () => {
      await backend.close();
      await simulator.close();
    });
    await backend.open();
    const [result] = await backend.put([{ key: 'a', parts: [Buffer.from('value')] }]);
    expect(result).toMatchObject({ status: 'failed', error: { message: expect.stringMatching(message) } });
  });

  it('plain http at a port of TLS is said in the answer', async () => {
    const simulator = await startSimulator({ scheme: 'https', buckets: ['my-bucket'] });
    const { credentials: pair, port } = simulator;
    const backend = s3Compatible({ ...base, endpoint: `http://127.0.0.1:${port}`, credentials: pair, maxAttempts: 1 });
    onTestFinished(async () => {
      await backend.close();
      await simulator.close();
    });
    await backend.open();
    const [result] = await backend.put([{ key: 'a', parts: [Buffer.from('value')] }]);
    const message = expect.stringMatching(/If it speaks TLS, its URL is https:/);
    expect(result).toMatchObject({ status: 'failed', error: { code: 'CONNECTION', message } });
  });

  it('what a server of TLS answers to plain http is said too', async () => {
    const { options } = await startOddStore({
      before: () => ({ status: 400, body: 'Client sent an HTTP request to an HTTPS server.' }),
    });
    const backend = s3Compatible({ ...options, maxAttempts: 1 });
    onTestFinished(() => backend.close());
    await backend.open();
    const message = expect.stringMatching(/without an S3 error code \(400\)\. If it speaks TLS, its URL is https:/);
    expect(await backend.put([{ key: 'a', parts: [Buffer.from('value')] }])).toMatchObject([{ error: { message } }]);
    expect(await backend.stat(['a'])).toMatchObject([{ error: { message } }]);
    await expect(Array.fromAsync(backend.list())).rejects.toMatchObject({ message });
  });
});
