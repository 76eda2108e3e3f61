import { expect, it } from 'vitest';
import { bucketNameProblem } from './bucket-name.ts';

it.each(['abc', 'my-bucket', 'a.b.c', '1-2', 'x'.repeat(63)])('takes %s', (name) => {
  expect(bucketNameProblem(name)).toBeUndefined();
});

it.each([
  ['ab', /3 to 63 characters; this one has 2/],
  ['x'.repeat(64), /this one has 64/],
  ['My-Bucket', /lower case/],
  ['my_bucket', /not "_"/],
  ['{bucket}', /not "{"/],
  ['-abc', /begins and ends/],
  ['abc.', /begins and ends/],
  ['a..b', /two dots/],
  ['192.168.0.1', /IP address/],
  ['s3://bucket', /a name alone/],
  ['bucket/prefix', /a name alone/],
])('refuses %s', (name, problem) => {
  expect(bucketNameProblem(name)).toMatch(problem);
});
