import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Environment } from './environment.ts';
import type { GoalResult } from './goals.ts';
import { contendersOf } from './plan.ts';
import type { Row } from './rows.ts';
import type { ThreadsResult } from './threads.ts';

const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));

test('a quick run has every client deliver right bytes, and prints one JSON document and nothing else', async () => {
  // Ends with 1, so that this rejects, when a client failed or a byte was wrong.
  const { stdout } = await promisify(execFile)(process.execPath, [cli, '--quick', '--json'], { maxBuffer: 2 ** 24 });
  const document = JSON.parse(stdout) as {
    rows: Row[];
    goals: GoalResult[];
    threads: ThreadsResult;
    environment: Environment;
  };

  expect(Object.keys(document)).toEqual(['rows', 'goals', 'threads', 'environment']);
  expect(document.threads.ratio).toBeGreaterThan(0);
  expect(document.threads.cores).toBeGreaterThan(0);
  expect(document.environment.failed).toEqual([]);
  const leftOut = new Set(document.environment.leftOut.map(({ client }) => client));
  for (const operation of ['GET', 'PUT', 'HEAD'] as const) {
    for (const scheme of ['http', 'https']) {
      const rows = document.rows.filter((row) => row.operation === operation && row.scheme === scheme);
      const expected = contendersOf(operation).filter(({ client }) => !leftOut.has(client));
      expect(rows.map(({ client, verify }) => ({ client, verify }))).toEqual(expected);
    }
  }
  for (const row of document.rows) {
    expect(Object.keys(row)).toEqual(rowFields);
    expect(row.cpuMicrosecondsPerOperation).toBeGreaterThan(0);
    expect(row.operationsPerSecond).toBeGreaterThan(0);
    expect(row.cpuSecondsPerGiB === null).toBe(row.operation === 'HEAD');
  }
  for (const goal of document.goals) {
    expect(goal.outcome === 'not measured').toBe(leftOut.has(goal.against));
  }
}, 120_000);

test('the help shows an example', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [cli, '--help']);
  expect(stdout).toContain('npm run --silent bench:wire -- --json');
});

const rowFields = [
  'client',
  'operation',
  'scheme',
  'bytes',
  'concurrency',
  'verify',
  'cpuSecondsPerGiB',
  'cpuMicrosecondsPerOperation',
  'bytesPerSecond',
  'operationsPerSecond',
];
