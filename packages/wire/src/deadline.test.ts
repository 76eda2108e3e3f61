import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Deadline } from './deadline.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function busy(milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

test('strikes once when its time is up, and not after it was ended', async () => {
  const struck = Promise.withResolvers<void>();
  const deadline = new Deadline(5, struck.resolve);
  const ended = new Deadline(5, () => struck.reject(new Error('struck after its end')));
  deadline.set(performance.now(), 5);
  ended.set(performance.now(), 5);
  ended.stop();
  // Its timers keep nothing alive.
  const alive = setInterval(() => {}, 1000);
  onTestFinished(() => clearInterval(alive));
  await struck.promise;
});

test('what came in time counts, also where the loop was too busy to see it in time', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [peer] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    peer.destroy();
  });

  let strikes = 0;
  const deadline = new Deadline(5, () => {
    strikes += 1;
  });
  const seen = new Promise<void>((resolve) => {
    client.once('data', () => {
      deadline.set(performance.now(), 60_000);
      resolve();
    });
  });
  await new Promise<void>((resolve) => peer.write('answer', () => resolve()));
  deadline.set(performance.now(), 5);
  busy(20);
  await seen;
  await turn();
  expect(strikes).toBe(0);
  deadline.stop();
});
