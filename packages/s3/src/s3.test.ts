import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type S3Options, s3 } from './s3.ts';

const credentials = { accessKeyId: 'AKIAEXAMPLE00007Q', secretAccessKey: 's3cret' };
const base: S3Options = { bucket: 'my-bucket', region: 'us-east-1', credentials };

beforeEach(() => {
  for (const name of ['REGION', 'DEFAULT_REGION', 'ENDPOINT_URL', 'ENDPOINT_URL_S3'])
    vi.stubEnv(`AWS_${name}`, undefined);
  return () => vi.unstubAllEnvs();
});

const addressOf = (options: Partial<S3Options> = {}) => s3({ ...base, ...options }).info.details;

describe('the address', () => {
  it.each([
    [{}, 'https://s3.us-east-1.amazonaws.com', 'virtual'],
    [{ region: 'cn-north-1' }, 'https://s3.cn-north-1.amazonaws.com.cn', 'virtual'],
    [{ bucket: 'my.bucket' }, 'https://s3.us-east-1.amazonaws.com', 'path'],
    [{ tls: false }, 'http://s3.us-east-1.amazonaws.com', 'virtual'],
    [{ endpoint: 'http://127.0.0.1:9000' }, 'http://127.0.0.1:9000', 'path'],
    [{ endpoint: 'http://127.0.0.1:9000', tls: false }, 'http://127.0.0.1:9000', 'path'],
    [{ endpoint: 'http://store:9000', tls: { caFile: undefined } }, 'http://store:9000', 'path'],
    [{ endpoint: 'https://objects.example', addressing: 'path' }, 'https://objects.example', 'path'],
    [{ endpoint: 'https://objects.example', addressing: 'virtual' }, 'https://objects.example', 'virtual'],
  ] as const)('for %j', (options, endpoint, addressing) => {
    expect(addressOf(options)).toMatchObject({ endpoint, addressing });
  });

  it('comes from the environment where the options name none, the more special variable first', () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://general.example');
    expect(addressOf().endpoint).toBe('http://general.example');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://special.example');
    expect(addressOf().endpoint).toBe('http://special.example');
    expect(addressOf({ endpoint: 'http://option.example' }).endpoint).toBe('http://option.example');
  });
});

describe('the region', () => {
  it('comes from AWS_REGION, else AWS_DEFAULT_REGION, where the options name none', () => {
    vi.stubEnv('AWS_DEFAULT_REGION', 'eu-north-1');
    expect(addressOf({ region: undefined }).region).toBe('eu-north-1');
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    expect(addressOf({ region: undefined }).region).toBe('eu-west-1');
    expect(addressOf().region).toBe('us-east-1');
  });
});

it('says what it is before it is opened', () => {
  const backend = s3(base);
  expect(backend.info).toMatchObject({ scheme: 's3', namespace: 'my-bucket', details: { identity: 'static AKIA…7Q' } });
  expect(backend.capabilities).toEqual({
    delete: true,
    list: true,
    create: true,
    limits: { maxValueBytes: 5 * 1024 ** 4, maxKeyBytes: 512 },
  });
  expect(backend.state).toBe('new');
});

describe('options that cannot be meant are refused, each by its name', () => {
  it.each([
    [{ region: undefined }, /`region` is required.*AWS_REGION/],
    [{ region: 'us east' }, /`region` is a name such as us-east-1/],
    [{ bucket: 'My_Bucket' }, /`bucket`: "My_Bucket"/],
    [{ endpiont: 'http://x' }, /did you mean `endpoint`/],
    [{ addressing: 'host' }, /`addressing` is 'auto' or 'virtual' or 'path', not "host"/],
    [{ addressing: 'virtual', endpoint: 'http://127.0.0.1:9000' }, /addressing: 'path'/],
    [{ endpoint: 'https://x.example', tls: false }, /`tls: false` contradicts `endpoint`/],
    [{ endpoint: 'http://x.example', tls: { ca: 'PEM' } }, /`tls` names certificates, and `endpoint` is http/],
    [{ endpoint: 'http://x.example/my-bucket' }, /`endpoint` has the path/],
  ])('%j', (options, message) => {
    expect(() => s3({ ...base, ...options } as S3Options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('names the variable where the endpoint came from one', () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'store:9000');
    expect(() => s3(base)).toThrow(/AWS_ENDPOINT_URL_S3 has no scheme/);
  });
});
