import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

it('gives each a turn of the event loop of its own, in the order of asking', async () => {
  const turns = new Turns();
  let loop = 0;
  let counting = true;
  const count = () => {
    loop += 1;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const seenAt = await Promise.all([1, 2, 3].map(() => turns.next().then(() => loop)));
  counting = false;
  const [first = 0] = seenAt;
  expect(seenAt).toEqual([first, first + 1, first + 2]);
});
