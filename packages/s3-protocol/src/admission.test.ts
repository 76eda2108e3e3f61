import { expect, test } from 'vitest';
import { admit } from './admission.ts';
import { Limiter } from './limiter.ts';
import type { CredentialProvider, S3Credentials } from './types.ts';

const signal = new AbortController().signal;
const first: S3Credentials = { accessKeyId: 'first', secretAccessKey: 's3cret' };
const second: S3Credentials = { accessKeyId: 'second', secretAccessKey: 's3cret' };

/** Gives what is set. */
class Source implements CredentialProvider {
  now: S3Credentials | Promise<S3Credentials>;

  constructor(now: S3Credentials | Promise<S3Credentials>) {
    this.now = now;
  }

  get(): S3Credentials | Promise<S3Credentials> {
    return this.now;
  }

  invalidate(): void {}

  describe(): string {
    return 'source';
  }
}

test('credentials and slot that are at hand come at once', () => {
  const limiter = new Limiter(1);
  expect(admit(limiter, new Source(first), signal)).toBe(first);
  expect(limiter.tryAcquire()).toBe(false);
});

test('whoever waited for a slot signs with what is valid behind the wait', async () => {
  const limiter = new Limiter(1);
  limiter.tryAcquire();
  const source = new Source(first);
  const admitted = admit(limiter, source, signal);
  source.now = second;
  limiter.release();
  expect(await admitted).toBe(second);
  expect(limiter.tryAcquire()).toBe(false);
});

test('nobody waits for credentials in a slot', async () => {
  const limiter = new Limiter(1);
  limiter.tryAcquire();
  const source = new Source(first);
  const admitted = admit(limiter, source, signal);
  const renewal = Promise.withResolvers<S3Credentials>();
  source.now = renewal.promise;
  limiter.release();
  // The one that opens a session, behind whoever waits for it.
  await limiter.acquire(signal);
  source.now = second;
  renewal.resolve(second);
  limiter.release();
  expect(await admitted).toBe(second);
});

test.each([
  ['credentials', true],
  ['a slot', false],
] as const)('an abort ends the wait for %s, and takes no slot', async (_, hasSlot) => {
  const limiter = new Limiter(1);
  if (!hasSlot) limiter.tryAcquire();
  const controller = new AbortController();
  const source = new Source(hasSlot ? new Promise<never>(() => {}) : first);
  const admitted = admit(limiter, source, controller.signal);
  controller.abort();
  await expect(admitted).rejects.toMatchObject({ code: 'ABORTED' });
  if (!hasSlot) limiter.release();
  expect(limiter.tryAcquire()).toBe(true);
});
