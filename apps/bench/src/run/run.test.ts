import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Summary } from '../results/summary.ts';
import { type Ended, startCommand } from '../testing/start-command.ts';

const cli = fileURLToPath(new URL('../cli.ts', import.meta.url));
const bucket = 'my-bucket';
const foreignKey = 'meta-llama_Llama-3.1-8B@1@0@49bc192c478bfc2e@bfloat16';
/** Two prompts of two chunks of 3 MiB: in seconds, with figures that mean nothing. */
const small = ['--model', 'qwen2.5-0.5b', '--max-objects', '4', '--no-peers', '--conformance', 'off'];

/** Ended by its bytes, however busy the machine is. */
const short = ['--max-time', '60', '--max-bytes', '400MiB'];
const shorter = ['--max-time', '20', '--max-bytes', '200MiB'];

let simulator: Simulator;
let folder: string;
beforeAll(async () => {
  simulator = await startSimulator({ buckets: [bucket] });
  await simulator.putObject(bucket, foreignKey, Buffer.from('not ours'));
  folder = await mkdtemp(join(tmpdir(), 'kvferry-bench-test-'));
});
afterAll(async () => {
  await simulator.close();
  await rm(folder, { recursive: true });
});

function start(args: readonly string[], detached = false) {
  return startCommand(cli, args, simulator.credentials, { cwd: folder, detached });
}

const run = (args: readonly string[]): Promise<Ended> => start(args).ended;

async function summaryIn(name: string): Promise<Summary> {
  return JSON.parse(await readFile(join(folder, name, 'summary.json'), 'utf8')) as Summary;
}

test('a run gives figures, keeps them for later, and stays under one prefix of the bucket', async () => {
  const there = ['--target', simulator.url, '--bucket', bucket];
  const { code, out, err } = await run(['run', ...there, ...small, ...short, '--out', 'first', '--json']);
  const summary = JSON.parse(out) as Summary;
  expect(summary).toMatchObject({
    backend: 's3',
    target: simulator.url,
    model: 'qwen2.5-0.5b',
    chunkBytes: 3 * 1024 ** 2,
    status: 'complete',
    errors: {},
    peers: [],
    conformance: null,
    chunkMilliseconds: { p50: expect.any(Number), p99: expect.any(Number) },
    limitedBy: expect.stringMatching(/^(client CPU|event loop|request limit|store)$/),
  });
  expect(summary.bytesPerSecond).toBeGreaterThan(0);
  const ids = summary.phases.map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(['store', 'hit-0-cold', 'hit-95-warm', 'sweep-1', 'open-loop']));
  expect(err).toMatch(
    /About to move at most .* as: environment kvfe…or\. All keys are in bucket my-bucket, under kvferry-bench-[0-9a-f]{12}\//,
  );
  expect(simulator.listKeys(bucket)).toEqual([foreignKey]);
  const outside = simulator.requests.filter(({ url }) => !url.includes('kvferry-bench-') && !url.includes('?delete'));
  expect(outside).toEqual([]);
  expect(code).toBe(0);

  expect(await summaryIn('first')).toEqual(summary);
  // Worked out again from its rows, with other hardware: what was measured stays.
  const again = await run(['analyze', 'first', '--hardware', 'a100-80g-sxm', '--json']);
  const { plan, breakEvenTokens, ...measured } = JSON.parse(again.out) as Summary;
  expect(summary).toMatchObject(measured);
  expect(plan.hardware).toBe('a100-80g-sxm');
  const compared = await run(['compare', 'first', 'first', '--out', 'both']);
  expect(compared.out).toContain('within the spread');
  expect(await readFile(join(folder, 'both', 'report.html'), 'utf8')).toContain('<svg');

  // Where nothing can be written, the figures are printed all the same, and nothing but them.
  const nowhere = join('first', 'rows.ndjson');
  const alone = await run(['compare', 'first', 'first', '--json', '--out', nowhere]);
  expect(JSON.parse(alone.out)).toMatchObject({ metrics: expect.any(Array) });
  expect(alone.err).toMatch(/There is no new report in first\/rows\.ndjson: /);
  expect(alone.code).toBe(2);
  await rm(join(folder, 'first', 'summary.json'));
  await mkdir(join(folder, 'first', 'summary.json'));
  const unwritten = await run(['analyze', 'first', '--json']);
  expect(JSON.parse(unwritten.out)).toMatchObject(measured);
  expect(unwritten.err).toContain('There is no new report in first');
  expect(unwritten.code).toBe(2);
}, 60_000);

test('a store that fails in mid-run gives a report that says so', async () => {
  simulator.clearRequests();
  // Everything is stored by then, and some of it read.
  const remove = simulator.addFault({
    match: { method: 'GET', key: /kvferry-bench-/ },
    after: 30,
    times: Number.POSITIVE_INFINITY,
    effect: { kind: 'status', status: 500, code: 'InternalError' },
  });
  const there = ['--target', simulator.url, '--bucket', bucket];
  const { code, out, err } = await run(['run', ...there, ...small, ...short, '--out', 'failed']);
  remove();
  expect(out).toMatch(/The store failed while .*: UNAVAILABLE.*What was measured before stands\./s);
  expect(err).not.toMatch(/\n {4}at /);
  expect(await summaryIn('failed')).toMatchObject({ status: 'failed', errors: { UNAVAILABLE: expect.any(Number) } });
  expect(await readFile(join(folder, 'failed', 'report.html'), 'utf8')).toContain('The store failed while');
  expect(simulator.listKeys(bucket)).toEqual([foreignKey]);
  expect(code).toBe(1);
}, 60_000);

test('a store too slow for whole prompts has its chunks read all the same', async () => {
  // A chunk and no more of four.
  const held = simulator.addFault({
    match: { method: 'PUT', key: /kvferry-bench_/ },
    after: 1,
    times: Number.POSITIVE_INFINITY,
    effect: { kind: 'stall', afterBytes: 'head' },
  });
  onTestFinished(held);
  const there = ['--target', simulator.url, '--bucket', bucket, '--model', 'qwen2.5-0.5b', '--max-objects', '4'];
  const limits = ['--max-time', '20', '--max-bytes', '400MiB', '--conformance', 'off'];
  const { code, out } = await run(['run', ...there, ...limits, '--json']);
  const { bytesPerSecond, problems, status } = JSON.parse(out) as Summary;
  expect(problems).toContain(
    'The store took so long that of no prompt enough was stored. Left out: hit-50-cold, hit-95-cold, hit-50-warm, hit-95-warm, open-loop. A longer --max-time or a smaller --model has room for it.',
  );
  expect(bytesPerSecond).toBeGreaterThan(0);
  expect(simulator.listKeys(bucket)).toEqual([foreignKey]);
  // The clients of the comparison, too, do with one object.
  expect(status).toBe('complete');
  expect(code).toBe(0);
}, 60_000);

test.each(['SIGINT', 'SIGHUP'] as const)(
  '%s removes what was stored, and keeps what was measured',
  async (signal) => {
    // Chunks, not what is looked at before.
    const held = simulator.addFault({
      match: { method: 'GET', key: /kvferry-bench_/ },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'stall', afterBytes: 'head' },
    });
    onTestFinished(held);
    simulator.clearRequests();
    const there = ['--target', simulator.url, '--bucket', bucket];
    const { child, ended } = start(['run', ...there, ...small, '--max-time', '60', '--out', signal], true);
    const isReading = (): boolean =>
      simulator.requests.some(({ method, url }) => method === 'GET' && url.includes('/kvferry-bench_'));
    while (!isReading()) await new Promise((resolve) => setImmediate(resolve));
    // As a terminal does it: to the measuring process, too.
    process.kill(-Number(child.pid), signal);
    const { code, err } = await ended;
    expect(err).toContain('Nothing is left under kvferry-bench-');
    expect(simulator.listKeys(bucket)).toEqual([foreignKey]);
    expect(await summaryIn(signal)).toMatchObject({
      status: 'interrupted',
      phases: expect.arrayContaining([expect.objectContaining({ endedBy: 'interrupted' })]),
    });
    expect(code).toBe(130);
  },
  60_000,
);

test('a live store is used under its own prefix, and with no more memory than the cache has', async () => {
  const lines = [
    'remote_url: "s3://my-bucket"',
    'chunk_size: 256',
    // Six chunks.
    'max_local_cpu_size: 0.02',
    `extra_config: { s3_region: us-east-1, kvferry: { endpoint: "${simulator.url}", key_prefix: kv/prod } }`,
  ];
  await writeFile(join(folder, 'lmcache.yaml'), lines.join('\n'));
  const { code, out, err } = await run(['run', '--config', 'lmcache.yaml', '--live', ...small, ...short, '--json']);
  const { phases, problems } = JSON.parse(out) as Summary;
  expect(problems).toEqual([]);
  expect(phases.map(({ id }) => id).filter((id) => id.startsWith('sweep'))).toEqual(['sweep-1', 'sweep-2', 'sweep-4']);
  expect(err).toContain('under kv/prod/kvferry-bench-');
  expect(simulator.listKeys(bucket)).toEqual([foreignKey]);
  expect(code).toBe(0);
}, 60_000);

test('a store that does not answer takes no longer than the time, and the folder of its run can be named again', async () => {
  const remove = simulator.addFault({
    match: { query: /list-type/ },
    times: Number.POSITIVE_INFINITY,
    effect: { kind: 'delay', delayMs: 60_000 },
  });
  const there = ['--target', simulator.url, '--bucket', bucket, '--out', 'again', '--json'];
  const { code, out } = await run(['run', ...there, ...small, '--max-time', '1']);
  remove();
  expect(JSON.parse(out)).toMatchObject({ error: { code: 'TIMEOUT', message: expect.stringContaining('--max-time') } });
  expect(code).toBe(2);
  expect(await readdir(folder)).not.toContain('again');
}, 60_000);

test('what a plug-in throws past its callers, and a folder that cannot be written, cost no figures; and no password is shown', async () => {
  await mkdir(join(folder, 'odd', 'summary.json'), { recursive: true });
  const text = `
    import { defineBackend, forwardTo, memoryBackend } from '${import.meta.resolve('@kvferry/core')}';
    const open = async (store) => {
      await store.open();
      // Not in the measuring process.
      if (process.send === undefined) setImmediate(() => { throw new Error('stray'); });
    };
    export const backendPlugin = {
      scheme: 'test',
      open: () => {
        const store = memoryBackend();
        return defineBackend(forwardTo(store, { open: () => open(store) }));
      },
    };`;
  await writeFile(join(folder, 'stray.mjs'), text);
  const there = ['--backend', './stray.mjs', '--target', 'test://somebody:hunter2@store'];
  const { code, out, err } = await run(['run', ...there, ...small, ...shorter, '--out', 'odd', '--json']);
  expect(JSON.parse(out)).toMatchObject({ backend: 'test', target: 'test://…@store', status: 'complete' });
  expect(err).toContain('Thrown where nobody could catch it: Error: stray');
  expect(err).toMatch(/The results in odd are not whole: .*summary\.json/);
  expect(out + err).not.toContain('hunter2');
  expect(code).toBe(2);
}, 60_000);

test('what cannot run says why, with exit code 2', async () => {
  // `run` is meant where no command is named.
  const { code, err } = await run(['--model', 'lama-3.1-8b']);
  expect(err).toContain('no model is called lama-3.1-8b (did you mean llama-3.1-8b?)');
  expect(code).toBe(2);
});

test.each(['0', '2147484', '999999999'])('a time of %s s is none that a run can take', async (seconds) => {
  const { code, err } = await run(['run', '--backend', 'memory', ...small, ...shorter, '--max-time', seconds]);
  expect(err).toContain('write a whole number of seconds, from 1 to 2,147,483.');
  expect(code).toBe(2);
});
