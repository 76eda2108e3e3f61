import { expect, test } from 'vitest';
import { WireError } from './errors.ts';
import { packError, unpackError } from './packed-error.ts';

/** To another thread and back. */
function cross(thrown: unknown): Error {
  return unpackError(structuredClone(packError(thrown)));
}

test('a WireError is one again, with all its facts and its causes', () => {
  const system = Object.assign(new Error('connect ECONNREFUSED'), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
    port: 1,
  });
  const facts = { requiredBytes: 7, status: 200, remoteAddress: '127.0.0.1:1' };
  const error = cross(new WireError('CONNECT', 'cannot connect', { ...facts, cause: system }));
  expect(WireError.is(error)).toBe(true);
  expect(error).toMatchObject({ ...facts, code: 'CONNECT', message: 'cannot connect', name: 'WireError' });
  expect(error.cause).toBeInstanceOf(Error);
  expect(error.cause).toMatchObject({ message: system.message, code: 'ECONNREFUSED', syscall: 'connect', port: 1 });
});

test('any other error keeps its name, its message and where it was thrown', () => {
  const error = new RangeError('enough');
  expect(cross(error)).toMatchObject({ name: 'RangeError', message: 'enough', stack: error.stack });
});

test('what somebody has hung on an error stays behind', () => {
  const error = Object.assign(new Error('refused'), { request: { headers: ['authorization', 'secret'] } });
  expect(JSON.stringify(packError(new WireError('RESET', 'gone', { cause: error })))).not.toContain('secret');
});

test('what is no error has its text', () => {
  expect(cross('why')).toMatchObject({ message: 'why' });
  expect(cross(undefined)).toMatchObject({ message: 'undefined' });
});

test('causes that go round in a ring end', () => {
  const error = new Error('round');
  error.cause = error;
  expect(cross(error).message).toBe('round');
});
