import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type S3ExpressOptions, s3Express } from './s3-express.ts';

const credentials = { accessKeyId: 'AKIAEXAMPLE00007Q', secretAccessKey: 's3cret' };
const base: S3ExpressOptions = { bucket: 'my-bucket--use1-az4--x-s3', region: 'us-east-1', credentials };

beforeEach(() => {
  for (const name of ['REGION', 'DEFAULT_REGION', 'ENDPOINT_URL', 'ENDPOINT_URL_S3'])
    vi.stubEnv(`AWS_${name}`, undefined);
  return () => vi.unstubAllEnvs();
});

const addressOf = (options: Partial<S3ExpressOptions> = {}) => s3Express({ ...base, ...options }).info.details;

describe('the address', () => {
  it.each([
    [{}, 'https://s3express-use1-az4.us-east-1.amazonaws.com', 'virtual'],
    [
      { bucket: 'b--apne1-az1--x-s3', region: 'ap-northeast-1' },
      'https://s3express-apne1-az1.ap-northeast-1.amazonaws.com',
      'virtual',
    ],
    [
      { bucket: 'b--cnn1-az1--x-s3', region: 'cn-north-1' },
      'https://s3express-cnn1-az1.cn-north-1.amazonaws.com.cn',
      'virtual',
    ],
    [
      { endpoint: 'https://s3express-use1-az4.dualstack.us-east-1.amazonaws.com' },
      'https://s3express-use1-az4.dualstack.us-east-1.amazonaws.com',
      'virtual',
    ],
    [{ endpoint: 'http://127.0.0.1:9000' }, 'http://127.0.0.1:9000', 'path'],
    [{ endpoint: 'http://simulator:9000', tls: false }, 'http://simulator:9000', 'path'],
    [{ endpoint: 'https://s3express.example' }, 'https://s3express.example', 'virtual'],
  ] as const)('for %j', (options, endpoint, addressing) => {
    expect(addressOf(options)).toMatchObject({ endpoint, addressing });
  });

  it('and the region come from the environment where the options name none', () => {
    vi.stubEnv('AWS_REGION', 'eu-north-1');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:9000');
    expect(addressOf({ region: undefined })).toMatchObject({
      endpoint: 'http://127.0.0.1:9000',
      region: 'eu-north-1',
    });
  });
});

it('says what it is before it is opened, and shows no secret', () => {
  const backend = s3Express(base);
  expect(backend.info).toMatchObject({
    scheme: 's3-express',
    namespace: 'my-bucket--use1-az4--x-s3',
    details: { identity: 'session of static AKIA…7Q', profile: 'aws-s3-express' },
  });
  expect(JSON.stringify(backend.info)).not.toContain('s3cret');
  expect(backend.capabilities).toMatchObject({ delete: true, list: true, create: true });
  expect(backend.state).toBe('new');
});

describe('options that cannot be meant are refused, each by its name', () => {
  it.each([
    [{ region: undefined }, /`region` is required.*AWS_REGION/],
    [{ bucket: 'my-bucket' }, /`bucket`: "my-bucket": a directory bucket's name ends in its zone/],
    [{ addressing: 'path' }, /no option `addressing`/],
    [{ endpiont: 'http://x' }, /did you mean `endpoint`/],
    [{ credentials: 'anonymous' }, /`credentials`: 'anonymous' opens no session/],
    [{ tls: false }, /`tls: false`: S3 Express One Zone is reached over TLS alone/],
    [
      { endpoint: 'https://s3express-use1-az5.us-east-1.amazonaws.com' },
      /is that of the zone use1-az5, and the bucket is in use1-az4/,
    ],
    [
      { endpoint: 'https://s3express-use1-az4.us-east-2.amazonaws.com' },
      /is in us-east-2, and `region` is us-east-1: set region: 'us-east-2'/,
    ],
  ])('%j', (options, message) => {
    expect(() => s3Express({ ...base, ...options } as S3ExpressOptions)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });
});
