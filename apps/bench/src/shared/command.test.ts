import { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { runCommand } from './command.ts';

test.each([
  ['has run', async () => 0],
  ['has failed', () => Promise.reject(new Error('no store'))],
])('a command that %s listens to no signal any more', async (_, run) => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'command']);
  const listening = () => (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => process.listenerCount(signal));
  const before = listening();
  let during: number[] = [];
  await runCommand(
    new Command('command'),
    () => {
      during = listening();
      return run();
    },
    () => 2,
  );
  expect(during).toEqual(before.map((count) => count + 1));
  expect(listening()).toEqual(before);
  vi.restoreAllMocks();
});
