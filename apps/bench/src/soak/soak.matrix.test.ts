import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { SoakResult } from './soak.ts';

const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));

test('100,000 operations with faults end where they began', async () => {
  // A process of its own: all it holds is counted. It ends with 1, so that this rejects, where an answer was wrong or something was left.
  const { stdout } = await promisify(execFile)(process.execPath, [cli, '--operations', '100000', '--json']);
  const { operations, problems } = JSON.parse(stdout) as SoakResult;
  expect(problems).toEqual([]);
  expect(operations).toBe(100_000);
}, 1_800_000);
