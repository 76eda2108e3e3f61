import { expect, it } from 'vitest';
import { Limiter } from './limiter.ts';

const never = new AbortController().signal;

it('serves those who wait in the order in which they came', async () => {
  const limiter = new Limiter(1);
  await limiter.acquire(never);
  const order: number[] = [];
  const waiting = [1, 2, 3].map((turn) => limiter.acquire(never).then(() => order.push(turn)));
  expect(limiter.tryAcquire()).toBe(false);
  for (const turn of waiting) {
    limiter.release();
    await turn;
  }
  expect(order).toEqual([1, 2, 3]);
  limiter.release();
  expect(limiter.tryAcquire()).toBe(true);
  expect(limiter.tryAcquire()).toBe(false);
});

it('serves who is to be the next before those who wait, and an abort ends that wait too', async () => {
  const limiter = new Limiter(1);
  await limiter.acquire(never);
  const order: string[] = [];
  const patient = limiter.acquire(never).then(() => order.push('patient'));
  const controller = new AbortController();
  const aborted = limiter.acquire(controller.signal, 'next');
  const next = limiter.acquire(never, 'next').then(() => order.push('next'));
  controller.abort();
  await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
  limiter.release();
  await next;
  limiter.release();
  await patient;
  expect(order).toEqual(['next', 'patient']);
});

it('takes no slot for one who gave up waiting', async () => {
  const limiter = new Limiter(1);
  await limiter.acquire(never);
  const impatient = new AbortController();
  const given = limiter.acquire(impatient.signal);
  const next = limiter.acquire(never);
  impatient.abort();
  await expect(given).rejects.toMatchObject({ code: 'ABORTED' });
  limiter.release();
  await next;
  limiter.release();
  expect(limiter.tryAcquire()).toBe(true);
});

it('refuses a signal that has fired, and does not make it wait', async () => {
  const limiter = new Limiter(1);
  await limiter.acquire(never);
  await expect(limiter.acquire(AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
  limiter.release();
  expect(limiter.tryAcquire()).toBe(true);
});
