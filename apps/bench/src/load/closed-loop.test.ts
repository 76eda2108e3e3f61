import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inSlots } from './closed-loop.ts';
import { PhaseRun } from './phase-run.ts';
import { orderOf } from './testing/small-load.ts';

test('a store that answers without the event loop leaves it its turns, however many slots are busy', async () => {
  let nowMs = 0;
  const run = new PhaseRun(orderOf({ type: 'sweep', concurrency: 64 }), () => nowMs);
  let turnedMs = 0;
  const turned = nextTurn().then(() => {
    turnedMs = nowMs;
    run.finish('done');
  });
  const turn = async (): Promise<void> => {
    nowMs += 0.1;
  };
  await inSlots(run, 64, turn, () => !run.isOver);
  await turned;
  run.close();
  // What a slot does before its pause is 10 ms long, and all do it side by side.
  expect(turnedMs).toBeLessThan(10 + 64 * 0.1 + 1);
});
