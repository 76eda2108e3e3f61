import { describe, expect, it } from 'vitest';
import { costOfHit, dollarsFor } from './costs.ts';
import { COREWEAVE, GCS, pricesFor, R2, S3_EXPRESS, S3_STANDARD } from './prices.ts';

const GIB = 1024 ** 3;

describe('pricesFor', () => {
  it.each([
    ['s3', 'embedded', null],
    ['s3-express', 'embedded', null],
    ['s3-compatible', 'minio', null],
    ['s3', 'https://s3.us-east-1.amazonaws.com', S3_STANDARD],
    ['s3', 'https://my-bucket.s3.us-west-2.amazonaws.com/prefix', S3_STANDARD],
    ['s3', 'https://s3.amazonaws.com', S3_STANDARD],
    ['s3', 's3://my-bucket', S3_STANDARD],
    ['s3', 'https://s3.eu-central-1.amazonaws.com', null],
    ['s3', 'http://127.0.0.1:9000', null],
    ['s3', 'https://amazonaws.com.example.org', null],
    ['s3-express', 's3://my-bucket--use1-az4--x-s3', S3_EXPRESS],
    ['s3-express', 'https://b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com', S3_EXPRESS],
    ['s3-compatible', 's3://my-bucket', null],
    ['s3-compatible', 'https://acc0.r2.cloudflarestorage.com', R2],
    ['s3-compatible', 's3://storage.googleapis.com/my-bucket', GCS],
    ['s3-compatible', 'http://cwlota.com', COREWEAVE],
    ['s3-compatible', 'https://my-bucket.cwobject.com:443', COREWEAVE],
    ['s3-compatible', 'https://storage.example.org', null],
    ['foo', 'foo://127.0.0.1:7000', null],
  ])('of %s at %s', (backend, target, prices) => {
    expect(pricesFor(backend, target)).toBe(prices);
  });

  it('takes the region where the URL has none', () => {
    expect(pricesFor('s3', 's3://my-bucket', 'us-east-2')).toBe(S3_STANDARD);
    expect(pricesFor('s3', 's3://my-bucket', 'ap-southeast-2')).toBeNull();
    expect(pricesFor('s3', 'https://s3.us-gov-west-1.amazonaws.com')).toBeNull();
  });
});

describe('dollarsFor', () => {
  it('adds up requests and transfer', () => {
    const use = { puts: 1000, gets: 2000, others: 3000, bytesUp: 10 * GIB, bytesDown: 20 * GIB };
    expect(dollarsFor(S3_STANDARD, use)).toBeCloseTo(0.005 + 0.0008 + 0.0012, 9);
    expect(dollarsFor(S3_EXPRESS, use)).toBeCloseTo(0.00113 + 0.00006 + 0.00009 + 0.032 + 0.012, 9);
  });

  it("agrees with AWS's own example of S3 Express: a million writes and nine million reads of 10 KB", () => {
    const [puts, gets] = [1e6, 9e6];
    const use = { puts, gets, others: 0, bytesUp: puts * 10_240, bytesDown: gets * 10_240 };
    expect(dollarsFor(S3_EXPRESS, use) + 10 * S3_EXPRESS.storagePerGibMonth).toBeCloseTo(2.58, 2);
  });
});

describe('costOfHit', () => {
  const model = { chunkTokens: 256, chunkBytes: GIB / 32 };

  it('counts a GET for each chunk, and 24 HEADs at most', () => {
    const cost = costOfHit(S3_STANDARD, model, 8192);
    expect(cost).toMatchObject({ service: 'S3 Standard', region: 'us-east-1', tokens: 8192, transferDollars: 0 });
    expect(cost.requestDollars).toBeCloseTo((32 + 24) * 0.0000004, 12);
    expect(cost.hitDollars).toBe(cost.requestDollars);
    expect(cost.storageDollarsPerMonth).toBeCloseTo(0.023);
  });

  it('counts whole chunks, and as many HEADs where they are fewer', () => {
    expect(costOfHit(S3_STANDARD, model, 257).requestDollars).toBeCloseTo((2 + 2) * 0.0000004, 12);
  });

  it('counts a GET for each range of a chunk that is too large for one', () => {
    const large = { chunkTokens: 256, chunkBytes: 80 * 1024 ** 2 };
    expect(costOfHit(S3_STANDARD, large, 256).requestDollars).toBeCloseTo((5 + 1) * 0.0000004, 12);
    expect(costOfHit(S3_STANDARD, { ...large, chunkBytes: 64 * 1024 ** 2 }, 256).requestDollars).toBeCloseTo(8e-7, 12);
  });

  it('counts what S3 Express charges for bytes', () => {
    const cost = costOfHit(S3_EXPRESS, model, 8192);
    expect(cost.transferDollars).toBeCloseTo(0.0006);
    expect(cost.hitDollars).toBeCloseTo(cost.requestDollars + cost.transferDollars);
  });
});
