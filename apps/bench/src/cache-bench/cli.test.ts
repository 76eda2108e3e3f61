import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
const run = (...args: readonly string[]) => promisify(execFile)(process.execPath, [cli, ...args]);

test('a quick run prints one JSON document and nothing else', async () => {
  // Ends with 1, so that this rejects, where a byte or the length of a hit was wrong.
  const { stdout } = await run('--quick', '--json');
  const positive = expect.toSatisfy((value: unknown) => typeof value === 'number' && value > 0);
  expect(JSON.parse(stdout)).toEqual({
    retrieveOverBatchGet: positive,
    retrieveOverBatchGetTierOn: positive,
    retrieveOverBatchGetFromTier: positive,
    cpuSecondsPerGiB: { batchGet: positive, tierOff: positive, tierOn: positive, fromTier: positive },
    hashMilliseconds: { sha256_cbor: positive, blake3: positive, builtin: positive },
    // Counts, so no quicker run has others.
    lookup512: { probes: 22, roundTrips: 3 },
    goals: expect.any(Array),
    environment: expect.objectContaining({ node: process.version }),
  });
}, 60_000);

test('a person gets tables with the goals in them', async () => {
  const { stdout } = await run('--quick');
  expect(stdout).toContain('22 probes in 3 round trips');
  expect(stdout).toMatch(/lookup of 512 chunks: probes, at worst +│ +22 +│ +24 +│ +ok/);
}, 60_000);

test('the help shows an example', async () => {
  const { stdout } = await run('--help');
  expect(stdout).toContain('npm run --silent bench:cache -- --json');
});
