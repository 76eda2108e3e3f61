import { expect, test } from 'vitest';
import { KvferryError } from '../errors.ts';
import { errnoOf, fileError } from './file-errors.ts';

const systemError = (code: string): Error => Object.assign(new Error(code), { code });

test.each([
  ['EACCES', 'PERMISSION_DENIED', 'never'],
  ['EROFS', 'PERMISSION_DENIED', 'never'],
  ['ENOSPC', 'UNAVAILABLE', 'later'],
  ['EDQUOT', 'UNAVAILABLE', 'later'],
  ['EMFILE', 'UNAVAILABLE', 'later'],
  ['EIO', 'UNAVAILABLE', 'later'],
  ['ENOENT', 'NAMESPACE_NOT_FOUND', 'never'],
  ['ENOTDIR', 'CONFIG_INVALID', 'never'],
  ['EFBIG', 'TOO_LARGE', 'never'],
  ['ENAMETOOLONG', 'UNSUPPORTED', 'never'],
  ['EWHATEVER', 'UNKNOWN', 'later'],
])('%s is %s and names path and cause', (errno, code, retry) => {
  const cause = systemError(errno);
  const error = fileError(cause, '/cache/x');
  expect(error).toMatchObject({ code, retry, cause });
  expect(error.message).toContain('/cache/x');
  expect(error.message).toContain(errno);
});

test('what is ours already stays as it is', () => {
  const error = new KvferryError('CORRUPT', 'short');
  expect(fileError(error, '/cache/x')).toBe(error);
  expect(fileError('thrown text', '/cache/x').code).toBe('UNKNOWN');
  expect(errnoOf(new Error('plain'))).toBeUndefined();
});
