import { setFlagsFromString } from 'node:v8';
import { expect, test, vi } from 'vitest';
import { collectGarbage } from './collect-garbage.ts';

vi.mock('node:vm', async (original) => {
  const { runInNewContext } = await original<typeof import('node:vm')>();
  let calls = 0;
  return {
    runInNewContext: (code: string): unknown => {
      // As another thread does that has just finished the same.
      if (calls++ === 0) setFlagsFromString('--no-expose-gc');
      return runInNewContext(code);
    },
  };
});

test('garbage is collected, also where another thread takes the flag back at the first try', async () => {
  const garbage = new WeakRef({});
  // Until this turn ends, a WeakRef holds what it was made of.
  await new Promise(setImmediate);
  collectGarbage();
  expect(garbage.deref()).toBeUndefined();
});
