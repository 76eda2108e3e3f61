import { KvferryError } from '@kvferry/core';
import { expect, test } from 'vitest';
import { within } from './within.ts';

const never = (): Promise<never> => new Promise(() => {});
const nobody = new AbortController().signal;

test('what is done in time is given, what fails is an outcome too', async () => {
  expect(await within(60_000, nobody, async () => 5)).toEqual({ status: 'done', value: 5 });
  const error = new KvferryError('CONNECTION', 'gone');
  expect(await within(60_000, nobody, () => Promise.reject(error))).toEqual({ status: 'failed', error });
});

test('what listens to nobody is left alone when its time is over', async () => {
  expect(await within(20, nobody, never)).toMatchObject({
    status: 'failed',
    error: { code: 'TIMEOUT', reason: 'no answer within 0.02 s' },
  });
});

test("the caller's own signal ends it with a rejection", async () => {
  const controller = new AbortController();
  const waiting = within(60_000, controller.signal, never);
  controller.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(within(60_000, controller.signal, async () => 5)).rejects.toThrow('enough');
});
