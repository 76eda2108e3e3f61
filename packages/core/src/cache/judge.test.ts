import { describe, expect, test } from 'vitest';
import { type ErrorCode, KvferryError } from '../errors.ts';
import { judgeGet, judgeStat } from './judge.ts';

const exact = { max: 8, exact: true };
const upTo = { max: 8, exact: false };
const failed = (code: ErrorCode, requiredBytes?: number) =>
  ({ status: 'failed', error: new KvferryError(code, 'reason', { requiredBytes }) }) as const;

describe('an answer of the remote', () => {
  test.each([
    { byteLength: 8, size: exact, status: 'hit' },
    { byteLength: 7, size: exact, status: 'wrong-size' },
    { byteLength: 9, size: exact, status: 'wrong-size' },
    { byteLength: 7, size: upTo, status: 'hit' },
    { byteLength: 9, size: upTo, status: 'wrong-size' },
  ])('of $byteLength bytes, where $size is expected, is $status', ({ byteLength, size, status }) => {
    expect(judgeStat({ status: 'hit', byteLength }, size)).toMatchObject({ status, byteLength });
    expect(judgeGet({ status: 'hit', byteLength, verified: 'length' }, size)).toMatchObject({ status, byteLength });
  });

  test('that it is not there is no error, and an error is never that', () => {
    expect(judgeStat({ status: 'miss' }, exact)).toEqual({ status: 'absent', end: { status: 'miss' } });
    expect(judgeGet({ status: 'miss' }, exact)).toEqual({ status: 'absent', end: { status: 'miss' } });
    const down = failed('UNAVAILABLE');
    expect(judgeStat(down, exact)).toEqual({ status: 'failed', end: down });
    expect(judgeGet(down, exact)).toEqual({ status: 'failed', end: down });
  });

  test('that its value is bad makes the value suspect', () => {
    const corrupt = failed('CORRUPT');
    expect(judgeGet(corrupt, exact)).toEqual({ status: 'corrupt', end: corrupt });
    const tooLong = { status: 'wrong-size', byteLength: 20, end: { status: 'miss' } };
    expect(judgeGet(failed('BUFFER_TOO_SMALL', 20), exact)).toEqual(tooLong);
    expect(judgeGet(failed('BUFFER_TOO_SMALL'), exact)).toMatchObject({ status: 'wrong-size', byteLength: 9 });
  });
});
