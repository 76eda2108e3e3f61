import { expect, onTestFinished, test } from 'vitest';
import { Worker } from './worker.ts';

test('one that has started another, which lives on and holds its output, is stopped all the same', async () => {
  const worker = Worker.ofProgram('a wrapper', 'sh', ['-c', 'read -r _; sleep 60 & echo $!; wait']);
  const pid = await worker.ask<number>({}, 10_000);
  onTestFinished(() => void process.kill(pid));
  await worker.stop();
  // It is still there.
  expect(process.kill(pid, 0)).toBe(true);
});
