import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { SoakResult } from './soak.ts';

const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));

test('500 operations with faults end where they began', async () => {
  // A process of its own: all it holds is counted. It ends with 1, so that this rejects, where an answer was wrong or something was left.
  const { stdout } = await promisify(execFile)(process.execPath, [cli, '--operations', '500', '--json']);
  const { operations, parts, problems } = JSON.parse(stdout) as SoakResult;
  expect(problems).toEqual([]);
  expect(operations).toBe(500);
  for (const { mostLeasedBytes, budgetBytes } of parts) expect(mostLeasedBytes).toBeLessThanOrEqual(budgetBytes);
  // All kinds of things have happened.
  for (const name of ['localHits', 'remoteHits', 'misses', 'failures', 'storedChunks', 'evictions'] as const) {
    expect(parts.reduce((sum, { stats }) => sum + stats[name], 0)).toBeGreaterThan(10);
  }
}, 120_000);
