import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Fault, type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RequestRow } from '../results/records.ts';
import type { LoadSetup } from './messages.ts';
import { openStage, type Stage } from './stage.ts';
import {
  CHUNK_BYTES,
  CHUNK_TOKENS,
  type Outcome,
  orderOf,
  playHere,
  RUN_FOLDER,
  smallSetup,
} from './testing/small-load.ts';

const bucket = 'my-bucket';
const promptTokens = 4 * CHUNK_TOKENS;
const store = orderOf({ type: 'store', prompts: 6 });
const forEver = Number.POSITIVE_INFINITY;

let simulator: Simulator;
/** Where the prompts are stored already, for whoever reads. */
let onS3: Stage;
let onMemory: Stage;

beforeAll(async () => {
  simulator = await startSimulator({ buckets: [bucket] });
  onS3 = await openStage(await s3Setup());
  onMemory = await openStage(await smallSetup('memory://bench'));
  for (const stage of [onS3, onMemory]) await playHere(stage, store).outcome;
});

afterAll(async () => {
  await onS3?.close();
  await onMemory?.close();
  await simulator?.close();
});

function s3Setup(changes: Parameters<typeof smallSetup>[1] = {}, at = simulator): Promise<LoadSetup> {
  const { credentials, url } = at;
  const overrides = { endpoint: url, credentials, region: 'us-east-1', maxAttempts: 2 };
  return smallSetup(`s3://${bucket}`, { ...changes, overrides });
}

/** A stage of the test's own, where nothing is stored yet. */
async function newStage(setup: LoadSetup): Promise<Stage> {
  const stage = await openStage(setup);
  onTestFinished(() => stage.close());
  return stage;
}

/** Until the test is over. */
function addFault(fault: Fault): void {
  onTestFinished(simulator.addFault(fault));
}

const play = (stage: Stage, ...order: Parameters<typeof orderOf>): Promise<Outcome> =>
  playHere(stage, orderOf(...order)).outcome;

function countBy<Row>(rows: readonly Row[], nameOf: (row: Row) => string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(Object.groupBy(rows, nameOf)).map(([name, group]) => [name, group?.length ?? 0]),
  );
}

const kinds = (rows: readonly RequestRow[]): Record<string, number> =>
  countBy(rows, ({ operation, status }) => `${operation} ${status}`);

const bytesOf = (rows: readonly { readonly bytes: number }[]): number =>
  rows.reduce((sum, { bytes }) => sum + bytes, 0);

function expectInOrder({ record, requests, prompts }: Outcome): void {
  expect(record.startMs).toBeLessThanOrEqual(record.warmUntilMs);
  expect(record.warmUntilMs).toBeLessThanOrEqual(record.endMs);
  for (const { startMs, endMs } of [...requests, ...prompts]) {
    expect(startMs).toBeGreaterThanOrEqual(record.startMs);
    expect(endMs).toBeGreaterThanOrEqual(startMs);
    expect(endMs).toBeLessThanOrEqual(record.endMs);
  }
}

describe.each([
  ['a backend that tells of its requests', () => onS3, (folder: string) => s3Setup({ runFolder: folder })],
  ['a backend that tells of none', () => onMemory, (runFolder: string) => smallSetup('memory://bench', { runFolder })],
] as const)('on %s', (_, stored, setup) => {
  test('a store phase stores all chunks, and its rows say so', async () => {
    const stage = await newStage(await setup('another'));
    const outcome = await playHere(stage, store).outcome;
    expectInOrder(outcome);
    const { record, requests, prompts } = outcome;
    expect(record).toMatchObject({ kind: 'phase', id: 'store', endedBy: 'done', error: null });
    expect(record.process?.cpuSeconds).toBeGreaterThan(0);
    expect(record.process?.peakMemoryBytes).toBeGreaterThan(CHUNK_BYTES);
    expect(kinds(requests)).toEqual({ 'stat miss': 24, 'put ok': 24 });
    expect(bytesOf(requests)).toBe(24 * CHUNK_BYTES);
    expect(prompts).toHaveLength(6);
    expect(bytesOf(prompts)).toBe(24 * CHUNK_BYTES);
    expect(prompts.every(({ hitTokens, lookedUpMs }) => hitTokens === promptTokens && lookedUpMs === null)).toBe(true);
    expect(stage.storedKeys.size).toBe(24);
  });

  test.each([
    [0, 'cold', 0],
    [0.5, 'cold', 2],
    [0.95, 'cold', 4],
    [0.5, 'warm', 2],
    [0.95, 'warm', 4],
  ] as const)('prompts of which %d are stored, %s, are hit exactly so far', async (share, temperature, hitChunks) => {
    const outcome = await play(stored(), { type: 'hit', share, temperature, promptTokens }, { maxPrompts: 5 });
    expectInOrder(outcome);
    const { record, requests, prompts } = outcome;
    expect(record).toMatchObject({ endedBy: 'done', error: null });
    const measured = prompts.filter(({ startMs }) => startMs >= record.warmUntilMs);
    expect(measured).toHaveLength(5);
    for (const row of measured) {
      expect(row).toMatchObject({ tokens: promptTokens, hitTokens: hitChunks * CHUNK_TOKENS, error: null });
      expect(row.bytes).toBe(hitChunks * CHUNK_BYTES);
      expect(row.dueMs).toBe(row.startMs);
      expect(row.lookedUpMs).toBeGreaterThanOrEqual(row.startMs);
      expect(row.lookedUpMs).toBeLessThanOrEqual(row.endMs);
    }
    const gets = requests.filter(({ operation, startMs }) => operation === 'get' && startMs >= record.warmUntilMs);
    expect(bytesOf(gets)).toBe(temperature === 'cold' ? 5 * hitChunks * CHUNK_BYTES : 0);
  });

  test('a sweep reads chunks until its bytes are used up', async () => {
    const outcome = await play(stored(), { type: 'sweep', concurrency: 4 }, { maxBytes: 50 * CHUNK_BYTES + 1 });
    expectInOrder(outcome);
    expect(outcome.record).toMatchObject({ endedBy: 'bytes', error: null });
    expect(kinds(outcome.requests)).toEqual({ 'get ok': 50 });
    expect(bytesOf(outcome.requests)).toBe(50 * CHUNK_BYTES);
  });

  test('in an open loop prompts arrive by themselves', async () => {
    const workload = { type: 'open-loop', promptsPerSecond: 500, share: 0.5, promptTokens } as const;
    const outcome = await play(stored(), workload, { maxPrompts: 20 });
    expectInOrder(outcome);
    expect(outcome.record).toMatchObject({ endedBy: 'done', error: null });
    expect(outcome.prompts).toHaveLength(20);
    expect(bytesOf(outcome.prompts)).toBe(20 * 2 * CHUNK_BYTES);
    for (const { dueMs, startMs } of outcome.prompts) expect(startMs).toBeGreaterThanOrEqual(dueMs);
  });
});

describe('warming up', () => {
  test('every slot takes a turn at least, and what is measured begins when all are done', async () => {
    const limits = { warmUpMs: 1, maxBytes: 40 * CHUNK_BYTES };
    const { record, requests } = await play(onS3, { type: 'sweep', concurrency: 4 }, limits);
    const before = requests.filter(({ startMs }) => startMs < record.warmUntilMs);
    expect(before.length).toBeGreaterThanOrEqual(4);
    for (const { endMs } of before) expect(endMs).toBeLessThanOrEqual(record.warmUntilMs);
    expect(requests).toHaveLength(40);
  });

  test('it leaves most of the bytes to what is measured', async () => {
    const limits = { warmUpMs: 10_000, maxBytes: 40 * CHUNK_BYTES };
    const { record, requests } = await play(onMemory, { type: 'sweep', concurrency: 2 }, limits);
    expect(requests.filter(({ startMs }) => startMs < record.warmUntilMs).length).toBeLessThanOrEqual(11);
    expect(record.endedBy).toBe('bytes');
  });
});

test('warming up leaves prompts to arrive, however many could be loaded at once', async () => {
  const workload = { type: 'open-loop', promptsPerSecond: 500, share: 0.5, promptTokens } as const;
  const { record, prompts } = await play(onMemory, workload, { warmUpMs: 10_000, maxBytes: 12 * 2 * CHUNK_BYTES });
  expect(record.endedBy).toBe('bytes');
  expect(prompts).toHaveLength(12);
  expect(prompts.filter(({ startMs }) => startMs >= record.warmUntilMs)).toHaveLength(9);
});

describe('ends', () => {
  test('early, what was stored until then is left to those that read', async () => {
    const stage = await newStage(await s3Setup({ runFolder: 'cut-short' }));
    addFault({ match: { method: 'PUT' }, after: 6, times: forEver, effect: { kind: 'stall', afterBytes: 'head' } });
    const { phase, outcome } = playHere(stage, store);
    while (stage.storedKeys.size < 6) await nextTurn();
    phase.interrupt();
    await outcome;
    expect(simulator.listKeys(bucket).filter((key) => key.startsWith('cut-short/'))).toHaveLength(6);
    const swept = await play(stage, { type: 'sweep', concurrency: 2 }, { maxBytes: 12 * CHUNK_BYTES });
    expect(kinds(swept.requests)).toEqual({ 'get ok': 12 });
  });

  test.each<[string, Parameters<typeof orderOf>]>([
    ['sweep', [{ type: 'sweep', concurrency: 4 }]],
    ['hit', [{ type: 'hit', share: 1, temperature: 'cold', promptTokens }]],
  ])('a %s with what was still under way in its rows', async (name, [workload]) => {
    addFault({ match: { method: 'GET' }, after: 6, times: forEver, effect: { kind: 'stall', afterBytes: 'head' } });
    const { record, requests, prompts } = await play(onS3, workload, { maxMs: 1000 });
    expect(record).toMatchObject({ endedBy: 'time', error: null });
    if (name === 'sweep') expect(kinds(requests)).toEqual({ 'get ok': 6, 'get failed': 4 });
    else
      expect(prompts.map(({ error, bytes }) => [error, bytes])).toEqual([
        [null, 4 * CHUNK_BYTES],
        ['ABORTED', 0],
      ]);
    const late = [...requests, ...prompts].filter(({ error }) => error === 'ABORTED');
    for (const { endMs } of late) expect(endMs - record.startMs).toBeGreaterThan(3000);
  });

  test.each<[string, Parameters<typeof orderOf>]>([
    ['store', [{ type: 'store', prompts: 6 }]],
    ['sweep', [{ type: 'sweep', concurrency: 4 }]],
    ['hit', [{ type: 'hit', share: 1, temperature: 'cold', promptTokens }]],
    ['open-loop', [{ type: 'open-loop', promptsPerSecond: 200, share: 1, promptTokens }]],
  ])('an interrupted %s at once, and nothing that was cut off counts', async (name, order) => {
    const stage = name === 'store' ? await newStage(await s3Setup({ runFolder: 'interrupted' })) : onS3;
    const method = name === 'store' ? 'PUT' : 'GET';
    addFault({ match: { method }, after: 6, times: forEver, effect: { kind: 'stall', afterBytes: 'head' } });
    simulator.clearRequests();
    const { phase, outcome } = playHere(stage, orderOf(...order));
    while (simulator.requests.filter((request) => request.method === method).length <= 6) await nextTurn();
    phase.interrupt();
    const { record, requests, prompts } = await outcome;
    expect(record).toMatchObject({ endedBy: 'interrupted', error: null });
    expect(requests.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(prompts.filter(({ error }) => error !== null)).toEqual([]);
  });
});

describe('a store that fails', () => {
  test.each<[string, Parameters<typeof orderOf>]>([
    ['sweep', [{ type: 'sweep', concurrency: 2 }]],
    ['hit', [{ type: 'hit', share: 1, temperature: 'cold', promptTokens }]],
    ['open-loop', [{ type: 'open-loop', promptsPerSecond: 100, share: 1, promptTokens }]],
  ])('ends a %s that is under way, with the failed requests in its rows', async (_, order) => {
    const refuses = { kind: 'status', status: 403, code: 'AccessDenied' } as const;
    addFault({ match: { method: 'GET' }, after: 20, times: forEver, effect: refuses });
    const outcome = await play(onS3, ...order);
    expectInOrder(outcome);
    const { record, requests } = outcome;
    expect(record.endedBy).toBe('failed');
    expect(record.error?.code).toBe('PERMISSION_DENIED');
    expect(record.error?.message).not.toContain('\n');
    const failed = requests.filter(({ status }) => status === 'failed');
    expect(failed.filter(({ error }) => error === 'PERMISSION_DENIED').length).toBeGreaterThanOrEqual(3);
    // Behind a chunk that did not come the cache calls off the others.
    expect(failed.filter(({ error }) => error !== 'PERMISSION_DENIED' && error !== 'ABORTED')).toEqual([]);
    expect(bytesOf(failed)).toBe(0);
  });

  test('ends a store phase with its first chunk that is not stored, all attempts of which have rows', async () => {
    const stage = await newStage(await s3Setup({ runFolder: 'broken' }));
    const breaks = { kind: 'status', status: 503, code: 'ServiceUnavailable' } as const;
    addFault({ match: { method: 'PUT' }, after: 9, times: forEver, effect: breaks });
    const { record, requests, prompts } = await playHere(stage, store).outcome;
    expect(record).toMatchObject({ endedBy: 'failed', error: { code: 'UNAVAILABLE' } });
    expect(kinds(requests.filter(({ operation }) => operation === 'put'))['put ok']).toBe(9);
    expect(stage.storedKeys.size).toBe(9);
    expect(requests.some(({ attempt, error }) => attempt === 2 && error === 'UNAVAILABLE')).toBe(true);
    expect(prompts.some(({ error }) => error === 'UNAVAILABLE')).toBe(true);
  });

  test('and is gone, is an error in words', async () => {
    const ownSimulator = await startSimulator({ buckets: [bucket] });
    onTestFinished(() => ownSimulator.close());
    const stage = await newStage(await s3Setup({}, ownSimulator));
    await playHere(stage, store).outcome;
    await ownSimulator.close();
    const { record, requests } = await play(stage, { type: 'sweep', concurrency: 2 });
    expect(record.endedBy).toBe('failed');
    expect(['CONNECTION', 'UNAVAILABLE']).toContain(record.error?.code);
    expect(requests.some(({ status, error }) => status === 'failed' && error === 'CONNECTION')).toBe(true);
  });

  test('one read in fifty, does not end the phase', async () => {
    const refuses = { kind: 'status', status: 403, code: 'AccessDenied' } as const;
    for (const after of [20, 60]) addFault({ match: { method: 'GET' }, after, effect: refuses });
    const { record, requests } = await play(onS3, { type: 'sweep', concurrency: 2 }, { maxBytes: 100 * CHUNK_BYTES });
    expect(record).toMatchObject({ endedBy: 'bytes', error: null });
    expect(kinds(requests)).toEqual({ 'get ok': 98, 'get failed': 2 });
  });

  test.each<[string, Parameters<typeof orderOf>]>([
    ['sweep', [{ type: 'sweep', concurrency: 2 }]],
    ['hit', [{ type: 'hit', share: 1, temperature: 'cold', promptTokens }]],
  ])('and gives a %s the bytes of another chunk, ends it', async (_, order) => {
    const [one = '', other = ''] = simulator.listKeys(bucket).filter((key) => key.startsWith(RUN_FOLDER));
    const right = (await simulator.getObject(bucket, one))?.body ?? new Uint8Array();
    onTestFinished(() => simulator.putObject(bucket, one, right));
    await simulator.putObject(bucket, one, (await simulator.getObject(bucket, other))?.body ?? new Uint8Array());
    const { record } = await play(onS3, ...order);
    expect(record.endedBy).toBe('failed');
    expect(record.error?.code).toBe('CORRUPT');
    expect(record.error?.message).toContain('not those that this run stored');
  });

  test('and has lost its chunks, is told', async () => {
    addFault({ match: { method: 'GET' }, times: forEver, effect: { kind: 'status', status: 404, code: 'NoSuchKey' } });
    const { record, requests } = await play(onS3, { type: 'sweep', concurrency: 1 });
    expect(record).toMatchObject({ endedBy: 'failed', error: { code: 'UNKNOWN' } });
    expect(kinds(requests)).toEqual({ 'get miss': 3 });
  });
});

describe('what cannot be measured', () => {
  test('a prompt that does not fit into the budget names the setting', async () => {
    const setup = await smallSetup('memory://bench', { promptChunks: 200, chunks: 200 });
    await expect(openStage(setup)).rejects.toThrow(/a prompt of 200 chunks takes .* raise max_local_cpu_size/);
  });

  test('more chunks at once than fit into the budget are an error of their phase', async () => {
    const { record } = await play(onMemory, { type: 'sweep', concurrency: 200 });
    expect(record).toMatchObject({ endedBy: 'failed', process: null, error: { code: 'CONFIG_INVALID' } });
    expect(record.error?.message).toContain('max_local_cpu_size');
  });

  test('a sweep before anything is stored', async () => {
    const { record } = await play(await newStage(await smallSetup('memory://bench')), {
      type: 'sweep',
      concurrency: 1,
    });
    expect(record).toMatchObject({ endedBy: 'failed', error: { code: 'UNKNOWN' } });
    expect(record.error?.message).toContain('a longer --max-time');
  });

  test.each<[string, Parameters<typeof orderOf>]>([
    ['cold hit', [{ type: 'hit', share: 1, temperature: 'cold', promptTokens }]],
    ['warm hit', [{ type: 'hit', share: 1, temperature: 'warm', promptTokens }]],
    ['loop', [{ type: 'open-loop', promptsPerSecond: 200, share: 1, promptTokens }]],
  ])('a %s of more than is stored of any prompt is left out', async (name, order) => {
    const stage = await newStage(await s3Setup({ runFolder: `too-slow-${name}`, chunks: 4 }));
    addFault({ match: { method: 'PUT' }, after: 3, times: forEver, effect: { kind: 'stall', afterBytes: 'head' } });
    const { phase, outcome } = playHere(stage, store);
    while (stage.storedKeys.size < 3) await nextTurn();
    phase.interrupt();
    await outcome;
    const { record, requests, prompts } = await play(stage, ...order);
    expect(record).toMatchObject({ endedBy: 'left-out', error: null, process: null });
    expect([requests, prompts]).toEqual([[], []]);
  });
});

/** Memory for one prompt. */
const tight = { LMCACHE_MAX_LOCAL_CPU_SIZE: String((4 * CHUNK_BYTES) / 2 ** 30) };

test('prompts that wait when their phase has failed are not begun any more', async () => {
  const stage = await newStage(await s3Setup({ env: tight, runFolder: 'given-up' }));
  await playHere(stage, store).outcome;
  addFault({ match: { method: 'GET' }, times: forEver, effect: { kind: 'status', status: 403, code: 'AccessDenied' } });
  const workload = { type: 'open-loop', promptsPerSecond: 5000, share: 1, promptTokens } as const;
  const { record, prompts } = await play(stage, workload);
  expect(record).toMatchObject({ endedBy: 'failed', error: { code: 'PERMISSION_DENIED' } });
  expect(prompts.map(({ error }) => error)).toEqual(new Array(3).fill('PERMISSION_DENIED'));
});

test('prompts that arrive faster than they are loaded wait for memory, and longer and longer', async () => {
  const stage = await newStage(await s3Setup({ env: tight, runFolder: 'piled-up' }));
  await playHere(stage, store).outcome;
  addFault({ match: { method: 'GET' }, times: forEver, effect: { kind: 'delay', delayMs: 30 } });
  const workload = { type: 'open-loop', promptsPerSecond: 1000, share: 1, promptTokens } as const;
  const outcome = await play(stage, workload, { maxPrompts: 6 });
  expectInOrder(outcome);
  expect(outcome.record.endedBy).toBe('done');
  const { prompts } = outcome;
  expect(prompts).toHaveLength(6);
  for (const [index, { error, startMs }] of prompts.entries()) {
    expect(error).toBe(null);
    expect(startMs).toBeGreaterThanOrEqual(prompts[index - 1]?.endMs ?? 0);
  }
  expect((prompts[5]?.startMs ?? 0) - (prompts[5]?.dueMs ?? 0)).toBeGreaterThan(30);
});
