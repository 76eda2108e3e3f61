import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStage, type Stage } from './stage.ts';
import { CHUNK_BYTES, CHUNK_TOKENS, orderOf, playHere, smallSetup } from './testing/small-load.ts';

// These take the seconds that they are about.

const bucket = 'my-bucket';
const promptTokens = 4 * CHUNK_TOKENS;

let simulator: Simulator;
let stage: Stage;

/** A store whose answers take their time, always the same, and memory for two prompts. */
beforeEach(async () => {
  simulator = await startSimulator({ buckets: [bucket] });
  const { credentials, url } = simulator;
  const env = { LMCACHE_MAX_LOCAL_CPU_SIZE: String((8 * CHUNK_BYTES) / 2 ** 30) };
  stage = await openStage(await smallSetup(`s3://${bucket}`, { env, overrides: { endpoint: url, credentials } }));
  await playHere(stage, orderOf({ type: 'store', prompts: 6 })).outcome;
  const takesTime = { kind: 'delay', delayMs: 200 } as const;
  simulator.addFault({ match: { method: 'GET' }, times: Number.POSITIVE_INFINITY, effect: takesTime });
});

afterEach(async () => {
  await stage?.close();
  await simulator?.close();
});

test('a sweep ends when its throughput is steady', async () => {
  const order = orderOf({ type: 'sweep', concurrency: 4 }, { maxMs: 20_000 });
  const { record } = await playHere(stage, order).outcome;
  expect(record.endedBy).toBe('steady');
  expect(record.endMs - record.warmUntilMs).toBeGreaterThanOrEqual(8 * 200);
});

test('hits end when their time is steady', async () => {
  const order = orderOf({ type: 'hit', share: 1, temperature: 'cold', promptTokens }, { maxMs: 20_000 });
  const { record, prompts } = await playHere(stage, order).outcome;
  expect(record.endedBy).toBe('steady');
  expect(prompts.length).toBeGreaterThanOrEqual(8);
});

test('prompts for which there was no time have a row', async () => {
  const order = orderOf({ type: 'open-loop', promptsPerSecond: 200, share: 1, promptTokens }, { maxMs: 1000 });
  const { record, prompts } = await playHere(stage, order).outcome;
  expect(record.endedBy).toBe('time');
  const begun = prompts.filter(({ error }) => error === null);
  const left = prompts.filter(({ error }) => error === 'ABORTED');
  expect(begun.length).toBeGreaterThan(2);
  expect(left.length).toBeGreaterThan(50);
  expect(begun.length + left.length).toBe(prompts.length);
  for (const { dueMs, endMs, bytes } of left) {
    expect(bytes).toBe(0);
    expect(endMs).toBeGreaterThanOrEqual(dueMs);
  }
});
