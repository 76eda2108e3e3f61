import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Ended, startCommand } from '../testing/start-command.ts';

const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
const bucket = 'your-bucket-name';
const realKey = 'meta-llama_Llama-3.1-8B@1@0@49bc192c478bfc2e@bfloat16';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ buckets: [bucket] });
  await simulator.putObject(bucket, realKey, Buffer.from('not ours'));
});
afterAll(() => simulator.close());

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const small = ['--model', 'qwen2.5-0.5b', '--max-bytes', '13MiB'];
  return startCommand(cli, [...small, ...args], simulator.credentials, { env });
}

const run = (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> => start(args, env).ended;

describe('on the embedded simulator', () => {
  test('with --json, standard output is one document with the whole result', async () => {
    const { code, out } = await run(['--json']);
    const result = JSON.parse(out) as Record<string, unknown>;
    const chunkBytes = 2 * 24 * 256 * 2 * 64 * 2;
    const cost = {
      seconds: expect.any(Number),
      bytesPerSecond: expect.any(Number),
      cpuSecondsPerGiB: expect.any(Number),
    };
    expect(result).toMatchObject({
      backend: 's3',
      endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      model: 'qwen2.5-0.5b',
      chunkTokens: 256,
      chunks: 4,
      bytes: 4 * chunkBytes,
      store: cost,
      lookup: { hitTokens: 1024, seconds: expect.any(Number) },
      retrieve: cost,
      verifiedBytes: 4 * chunkBytes,
      mismatches: 0,
      // The example keeps nothing in memory.
      cache: {
        local: 'staging-only',
        asyncLoading: false,
        remoteHits: 4,
        localHits: 0,
        keptBytes: 0,
        probes: 4,
        probeRounds: 1,
        again: null,
      },
    });
    expect(code).toBe(0);
  });

  test('a local tier gives the second time what was loaded the first', async () => {
    const { out } = await run(['--json'], { LMCACHE_LOCAL_CPU: 'True' });
    expect(JSON.parse(out)).toMatchObject({
      mismatches: 0,
      cache: { local: 'LRU', remoteHits: 4, localHits: 4, keptChunks: 4, again: { localChunks: 4 } },
    });
  });

  test('the first line says where the chunks go, whatever the configuration names', async () => {
    const { code, out } = await run(['--set', 'NOWHERE=1']);
    expect(out).toMatch(
      /^Store: the embedded simulator, nothing leaves this machine\. The configuration names: s3 backend/,
    );
    expect(out).toMatch(/chunk_size +256 +.*s3-basic\.yaml:1/);
    expect(out).toMatch(/blocking_timeout_secs +10 +/);
    expect(out).toContain('all 12 MiB loaded by the second process equal what was stored');
    expect(code).toBe(0);
  });

  const express = ['BUCKET_NAME=kv--use1-az4--x-s3', 'AZ_ID=use1-az4', 'REGION=us-east-1'];
  test.each([
    { name: 's3-express.yaml', backend: 's3-express', placeholders: express, asyncLoading: false },
    { name: 'coreweave.yaml', backend: 's3-compatible', placeholders: [], asyncLoading: true },
  ])('$name of the examples goes there too, as the backend $backend', async ({ name, placeholders, ...expected }) => {
    const file = fileURLToPath(new URL(`../../../../examples/configs/${name}`, import.meta.url));
    const { code, out } = await run(['--config', file, ...placeholders.flatMap((pair) => ['--set', pair]), '--json']);
    expect(JSON.parse(out)).toMatchObject({
      backend: expected.backend,
      endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      chunks: 4,
      mismatches: 0,
      lookup: { hitTokens: 1024 },
      // Loaded ahead by the lookup, so in memory when they are retrieved.
      cache: {
        asyncLoading: expected.asyncLoading,
        remoteHits: 4,
        localHits: expected.asyncLoading ? 4 : 0,
        keptBytes: 0,
      },
    });
    expect(code).toBe(0);
  });
});

test('a backend that a package brings is opened by name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-plugin-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const plugin = join(folder, 'foo.mjs');
  await writeFile(
    plugin,
    `import { fileBackend } from '${import.meta.resolve('@kvferry/core')}';
     export const backendPlugin = { scheme: 'foo', open: ({ url }) => fileBackend({ path: url.slice('foo://'.length) }) };`,
  );
  const config = join(folder, 'lmcache.yaml');
  await writeFile(config, `remote_url: "foo://${folder}/store"\n`);
  const { code, out, err } = await run(['--live', '--config', config, '--backend', plugin, '--json']);
  expect(JSON.parse(out)).toMatchObject({ backend: 'file', chunks: 4, mismatches: 0 });
  expect(err).toContain('Removed the 4 objects of this run.');
  expect(code).toBe(0);
});

describe('what cannot run says why, with exit code 2', () => {
  test.each([
    [['--config', 'nowhere.yaml'], /there is no file nowhere\.yaml/],
    [['--model', 'gpt-9'], /no model is called gpt-9; there are: llama-3\.1-8b/],
    [['--max-bytes', '1MiB'], /raise --max-bytes/],
    [['--max-bytes', 'lots'], /write a size such as 512MiB/],
    [['--live'], /your-bucket-name is the placeholder of an example/],
    [['--live', '--endpoint', 'http://127.0.0.1:9'], /cannot be used with/],
    [['--frobnicate'], /unknown option/],
  ])('%j', async (args, message) => {
    const { code, err } = await run(args);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n {4}at /);
    expect(code).toBe(2);
  });

  test('with --json the error is the document', async () => {
    const { code, out } = await run(['--config', 'nowhere.yaml', '--json']);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
    expect(code).toBe(2);
  });
});

describe('on a store that is not its own', () => {
  test('it says what it will do, and removes its own objects only', async () => {
    simulator.clearRequests();
    const { code, out, err } = await run(['--endpoint', simulator.url, '--json']);
    expect(JSON.parse(out)).toMatchObject({ chunks: 4, mismatches: 0, lookup: { hitTokens: 1024 } });
    expect(err).toContain(`About to store 12 MiB in 4 objects in ${bucket} at ${simulator.url}, as: environment kvfe`);
    expect(err).toContain('Removed the 4 objects of this run.');
    const puts = simulator.requests.filter((request) => request.method === 'PUT');
    expect(puts).toHaveLength(4);
    // Keys of a model that no engine has.
    for (const { url } of puts) expect(decodeURIComponent(url)).toContain('/kvferry-demo_qwen2.5-0.5b-');
    expect(simulator.listKeys(bucket)).toEqual([realKey]);
    expect(code).toBe(0);
  });

  test('what is written down of the namespaces of its keys goes too', async () => {
    const extra = JSON.stringify({ s3_region: 'us-east-1', kvferry: { key_format: 'kv1' } });
    const { err } = await run(['--endpoint', simulator.url, '--json'], { LMCACHE_EXTRA_CONFIG: extra });
    expect(err).toContain('Removed the 5 objects of this run.');
    expect(simulator.listKeys(bucket)).toEqual([realKey]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends it and removes what was stored', async (signal) => {
    const held = simulator.addFault({
      match: { method: 'GET' },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'stall', afterBytes: 'head' },
    });
    simulator.clearRequests();
    const { child, ended } = start(['--endpoint', simulator.url]);
    const seen = (): boolean => simulator.requests.some((request) => request.method === 'GET');
    while (!seen()) await new Promise((resolve) => setImmediate(resolve));
    child.kill(signal);
    const { code, err } = await ended;
    held();
    expect(err).toContain('Removed the 4 objects of this run.');
    expect(simulator.listKeys(bucket)).toEqual([realKey]);
    expect(code).toBe(130);
  });

  test('a reader that leaves early, as `head` does, costs nothing but the output', async () => {
    const { child, ended } = start(['--endpoint', simulator.url]);
    child.stdout?.destroy();
    const { code, err } = await ended;
    expect(err).toContain('Removed the 4 objects of this run.');
    expect(err).not.toContain('EPIPE');
    expect(simulator.listKeys(bucket)).toEqual([realKey]);
    expect(code).toBe(0);
  });

  test('a store that fails is a sentence, not a stack trace', async () => {
    const wrong = { AWS_SECRET_ACCESS_KEY: 'wrong-secret' };
    const { code, err } = await run(['--endpoint', simulator.url], wrong);
    expect(err).toMatch(/UNAUTHENTICATED in stat/);
    expect(err).not.toMatch(/\n {4}at |wrong-secret/);
    expect(code).toBe(1);
  });

  test.each([
    ['a checksum that does not match is CORRUPT', 'fast', { error: { code: 'CORRUPT' } }],
    ['without checksums, bytes that are not those stored are counted', 'length', { mismatches: 4, verifiedBytes: 0 }],
  ])('%s', async (_, verify, document) => {
    const heal = simulator.addFault({
      match: { method: 'GET' },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'flip', atByte: 100 },
    });
    const extra = JSON.stringify({ s3_region: 'us-east-1', kvferry: { verify } });
    const { out, code } = await run(['--endpoint', simulator.url, '--json'], { LMCACHE_EXTRA_CONFIG: extra });
    heal();
    expect(JSON.parse(out)).toMatchObject(document);
    expect(code).toBe(1);
  });
});
