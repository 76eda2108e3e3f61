import { expect, it } from 'vitest';
import { readBucketName } from './bucket-name.ts';

it.each([
  ['my-bucket--use1-az4--x-s3', 'use1-az4'],
  ['b--apne1-az1--x-s3', 'apne1-az1'],
  ['a--b--c--usw2-az1--x-s3', 'usw2-az1'],
  ['1--usw2-lax1-az1--x-s3', 'usw2-lax1-az1'],
  [`${'x'.repeat(47)}--use1-az4--x-s3`, 'use1-az4'],
])('takes %s', (name, zone) => {
  expect(readBucketName(name)).toEqual({ status: 'valid', zone });
});

it.each([
  ['my-bucket', /ends in its zone and --x-s3, as my-bucket--use1-az4--x-s3 does/],
  ['my-bucket--x-s3', /ends in its zone/],
  ['--use1-az4--x-s3', /begins with a letter or a digit/],
  ['my-bucket--use1--x-s3', /ends in its zone/],
  ['my-bucket--use1-az4--x-s3-more', /ends in its zone/],
  [`${'x'.repeat(48)}--use1-az4--x-s3`, /at most 63 characters.*this one has 64/],
  ['My-bucket--use1-az4--x-s3', /lower case/],
  ['my.bucket--use1-az4--x-s3', /not "\."/],
  ['{BUCKET_NAME}', /lower case/],
  ['my_bucket--use1-az4--x-s3', /not "_"/],
  ['s3://my-bucket--use1-az4--x-s3', /a name alone/],
  ['my-bucket--use1-az4--x-s3/prefix', /a name alone/],
])('refuses %s', (name, problem) => {
  expect(readBucketName(name)).toEqual({ status: 'invalid', problem: expect.stringMatching(problem) });
});
