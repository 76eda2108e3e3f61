import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { defaultRetry, type ErrorCode, KvferryError, type Retry } from './errors.ts';

/** Every code, kept complete by the compiler. */
const retryOf: Readonly<Record<ErrorCode, Retry>> = {
  ABORTED: 'never',
  TIMEOUT: 'later',
  NOT_OPEN: 'never',
  INVALID_ARGUMENT: 'never',
  CONFIG_INVALID: 'never',
  UNSUPPORTED: 'never',
  UNAUTHENTICATED: 'never',
  PERMISSION_DENIED: 'never',
  NAMESPACE_NOT_FOUND: 'never',
  BUFFER_TOO_SMALL: 'never',
  TOO_LARGE: 'never',
  CORRUPT: 'later',
  CONNECTION: 'later',
  THROTTLED: 'later',
  UNAVAILABLE: 'later',
  UNKNOWN: 'later',
};
const codes = Object.keys(retryOf) as ErrorCode[];

describe('an error', () => {
  test.each(codes)('%s says whether to try again', (code) => {
    expect(defaultRetry(code)).toBe(retryOf[code]);
    expect(new KvferryError(code, 'reason').retry).toBe(retryOf[code]);
    expect(new KvferryError(code, 'reason', { retry: 'exhausted' }).retry).toBe('exhausted');
  });

  test.each([
    [{}, 'CORRUPT: too short'],
    [{ operation: 'get' as const }, 'CORRUPT in get: too short'],
    [{ key: 'a"b' }, 'CORRUPT in "a\\"b": too short'],
    [{ operation: 'get' as const, key: 'k' }, 'CORRUPT in get "k": too short'],
  ])('names operation and key in front: %j', (facts, message) => {
    const error = new KvferryError('CORRUPT', 'too short', facts);
    expect(error.message).toBe(message);
    expect(error.reason).toBe('too short');
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('KvferryError');
  });

  test('keeps its facts as fields', () => {
    const facts = {
      retry: 'never',
      backend: 's3://bucket',
      operation: 'put',
      key: 'k',
      httpStatus: 503,
      requestId: 'r',
      retryAfterMs: 20,
      requiredBytes: 30,
      cause: 'why',
    } as const;
    expect(new KvferryError('THROTTLED', 'slow', facts)).toMatchObject(facts);
    expect('cause' in new KvferryError('THROTTLED', 'slow')).toBe(false);
  });

  test('is recognised by its brand, also from another copy of the package', () => {
    expect(KvferryError.is(new KvferryError('ABORTED', 'x'))).toBe(true);
    expect(KvferryError.is({ [Symbol.for('kvferry.error')]: true })).toBe(true);
    for (const other of [new Error('x'), null, undefined, 'KvferryError', { code: 'ABORTED' }]) {
      expect(KvferryError.is(other)).toBe(false);
    }
  });

  test('shows no brand to whoever prints it', () => {
    expect(Object.getOwnPropertySymbols({ ...new KvferryError('ABORTED', 'x') })).toEqual([]);
  });
});

describe('what was thrown', () => {
  test.each([
    [new TypeError('defect'), 'defect'],
    ['text', 'text'],
    [404, '404'],
  ])('and is not ours becomes UNKNOWN with its cause', (thrown, reason) => {
    const error = KvferryError.from(thrown, { operation: 'stat', key: 'k' });
    expect(error).toMatchObject({ code: 'UNKNOWN', reason, operation: 'stat', key: 'k', cause: thrown });
  });

  test('and is ours gains what it lacks and keeps what it has', () => {
    const inner = new KvferryError('THROTTLED', 'slow', { key: 'mine', httpStatus: 503, retryAfterMs: 5, cause: 'c' });
    const error = KvferryError.from(inner, { operation: 'get', key: 'other', backend: 'x://y', retry: 'exhausted' });
    expect(error).toMatchObject({
      code: 'THROTTLED',
      reason: 'slow',
      operation: 'get',
      key: 'mine',
      backend: 'x://y',
      httpStatus: 503,
      retryAfterMs: 5,
      retry: 'exhausted',
      cause: 'c',
    });
    expect(error.message).toBe('THROTTLED in get "mine": slow');
    expect(error.stack?.split('\n')[0]).toBe('KvferryError: THROTTLED in get "mine": slow');
    expect(error.stack?.split('\n').slice(1)).toEqual(inner.stack?.split('\n').slice(1));
  });

  test('and lacks nothing stays the same object', () => {
    const error = new KvferryError('CORRUPT', 'short', { operation: 'get', key: 'k', backend: 'x://y' });
    expect(KvferryError.from(error, { operation: 'stat', key: 'z', backend: 'v://w' })).toBe(error);
    expect(KvferryError.from(error)).toBe(error);
  });
});

describe('docs/errors.md', () => {
  test('has one heading for each code, in their order, each with what happened and what to do', async () => {
    const page = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const sections = page.split(/^## /m).slice(1);
    expect(sections.map((section) => section.slice(0, section.indexOf('\n')))).toEqual(codes);
    for (const section of sections) {
      expect(section).toMatch(/^\*\*What happened\.\*\* ./m);
      expect(section).toMatch(/^\*\*What to do\.\*\* ./m);
    }
  });
});
