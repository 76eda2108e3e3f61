import { describe, expect, it } from 'vitest';
import { checksumOfDigest, storedChecksum, verificationOf } from './verification.ts';

describe('verificationOf', () => {
  it.each([
    ['fast', 'crc32c', ['crc32c'], 'crc32c'],
    ['full', 'crc32c', ['crc32c', 'crc64nvme'], 'crc32c+crc64nvme'],
    ['length', 'crc32c', [], undefined],
    ['fast', 'none', [], undefined],
    ['full', 'none', [], undefined],
  ] as const)('%s, where the store has %s, compares %j', (verify, checksum, algorithms, digest) => {
    expect(verificationOf(verify, checksum)).toEqual({ algorithms, digest });
  });
});

describe('storedChecksum', () => {
  const both = ['crc32c', 'crc64nvme'] as const;
  it.each([
    [{ 'x-amz-checksum-crc32c': 'AAAAAA==' }, both, { algorithm: 'crc32c', value: 'AAAAAA==' }],
    [{ 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' }, both, { algorithm: 'crc64nvme', value: 'AAAAAAAAAAA=' }],
    [{ 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' }, ['crc32c'], undefined],
    [{ 'x-amz-checksum-crc32c': 'A=', 'x-amz-checksum-crc64nvme': 'B=' }, both, { algorithm: 'crc32c', value: 'A=' }],
    [
      { 'x-amz-checksum-crc32c': 'AAAAAA==', 'x-amz-checksum-type': 'FULL_OBJECT' },
      both,
      { algorithm: 'crc32c', value: 'AAAAAA==' },
    ],
    [{ 'x-amz-checksum-crc32c': 'AAAAAA==', 'x-amz-checksum-type': 'COMPOSITE' }, both, undefined],
    [{ 'x-amz-checksum-crc32c': 'AAAAAA==-3' }, both, undefined],
    [{}, both, undefined],
  ] as const)('of %j among %j', (headers, algorithms, expected) => {
    expect(storedChecksum(new Map(Object.entries(headers)), algorithms)).toEqual(expected);
  });
});

describe('checksumOfDigest', () => {
  it.each([
    ['crc32c', 'A=', 'crc32c', 'A='],
    ['crc32c+crc64nvme', 'A= B=', 'crc32c', 'A='],
    ['crc32c+crc64nvme', 'A= B=', 'crc64nvme', 'B='],
    ['crc32c', 'A=', 'crc64nvme', ''],
  ] as const)('of %s, %s: %s is %s', (name, value, algorithm, expected) => {
    expect(checksumOfDigest(name, value, algorithm)).toBe(expected);
  });
});
