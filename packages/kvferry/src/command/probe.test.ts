import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProbeReport } from '@kvferry/s3-compatible';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { backendFor } from '../backend-for.ts';
import { loadConfig } from '../load-config.ts';
import { runCommand, startCommand } from '../testing/run-command.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { reportText } from './probe-text.ts';

const bucket = 'my-bucket';
let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ buckets: [bucket] });
  const { accessKeyId, secretAccessKey } = simulator.credentials;
  for (const [name, value] of Object.entries({
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: 'us-east-1',
  })) {
    vi.stubEnv(name, value);
  }
  return async () => {
    vi.unstubAllEnvs();
    await simulator.close();
  };
});

const run = (...flags: readonly string[]) => runCommand(['probe', '--endpoint', simulator.url, ...flags]);

test('with --json, standard output is one document with what was found out', async () => {
  const { code, err, out } = await run('--bucket', bucket, '--json');
  const report = JSON.parse(String(out)) as ProbeReport;
  expect(report).toMatchObject({ endpoint: simulator.url, bucket, region: 'us-east-1', leftovers: [] });
  expect(report.findings).toContainEqual({ subject: 'create.raced', status: 'yes', seen: expect.any(String) });
  expect(report.profile).toMatchObject({ id: 'probed', addressing: ['path'], create: true });
  expect([code, err]).toEqual([0, '']);
  expect(simulator.listKeys(bucket)).toEqual([]);
});

/** A file of the lines for one. */
async function configurationOf(text: string): Promise<string> {
  const lines = /In an LMCache file\n(.*?)\n\n/s.exec(text)?.[1] ?? '';
  const file = join(await temporaryFolder(), 'lmcache.yaml');
  await writeFile(file, lines.replace(/^ {2}/gm, ''));
  return file;
}

test('the lines for an LMCache file open the store, with the profile that was found', async () => {
  const { code, out } = await run('--bucket', bucket);
  const file = await configurationOf(String(out));
  const loaded = await loadConfig({ file, env: {} });
  expect(loaded.findings).toEqual([]);
  const backend = await backendFor(loaded);
  onTestFinished(() => backend.close());
  expect(backend.info).toMatchObject({ scheme: 's3-compatible', details: { profile: 'probed', addressing: 'path' } });
  await backend.open();
  const put = () => backend.put([{ key: 'a', parts: [Buffer.from('value')] }], { mode: 'create' });
  expect([await put(), await put()]).toEqual([[{ status: 'stored' }], [{ status: 'exists' }]]);
  expect(code).toBe(0);
});

test('the lines for an LMCache file name a store at an IPv6 address too', async () => {
  const { out } = await run('--bucket', bucket, '--json');
  const report: ProbeReport = { ...(JSON.parse(String(out)) as ProbeReport), endpoint: 'http://[::1]:9000' };
  const loaded = await loadConfig({ file: await configurationOf(reportText(report)), env: {} });
  const backend = await backendFor(loaded);
  onTestFinished(() => backend.close());
  expect(backend.info).toMatchObject({ namespace: bucket, details: { endpoint: 'http://[::1]:9000' } });
});

describe('what it cannot do', () => {
  test('is said in one line, with the code of the error in the document', async () => {
    const { code, out } = await run('--bucket', 'another-bucket', '--json');
    expect(JSON.parse(String(out))).toEqual({ error: { code: 'NAMESPACE_NOT_FOUND', message: expect.any(String) } });
    expect(code).toBe(1);
  });

  test.each([
    [[], /required option '--bucket/],
    [['--bucket', bucket, '--addressing', 'host'], /Allowed choices are virtual, path/],
    [['--bucket', bucket, '--max-seconds', '0'], /a number of seconds of at least 1/],
    [['--bucket', 's3://my-bucket'], /`bucket` is a name alone/],
  ])('%j is refused with 2', async (flags, message) => {
    const { code, err } = await run(...flags);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });

  test('what it could not remove is named, with exit code 1', async () => {
    simulator.addFault({
      match: { method: 'DELETE' },
      times: Number.POSITIVE_INFINITY,
      effect: { kind: 'status', status: 403, code: 'AccessDenied' },
    });
    const { code, err, out } = await run('--bucket', bucket);
    for (const key of simulator.listKeys(bucket)) expect(err).toContain(`May still be there: ${key}: 403 AccessDenied`);
    expect(String(out)).toContain('Not all keys of the probe could be removed.');
    expect(code).toBe(1);
  });
});

test('Ctrl-C ends it, and leaves nothing', async () => {
  const { accessKeyId, secretAccessKey } = simulator.credentials;
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: 'us-east-1' };
  const { child, ended } = startCommand(['probe', '--endpoint', simulator.url, '--bucket', bucket], { env });
  while (!simulator.requests.some(({ url }) => url.includes('/race-')))
    await new Promise((resolve) => setImmediate(resolve));
  child.kill('SIGINT');
  const { code, err } = await ended;
  expect(err).toContain('Interrupted.');
  expect(code).toBe(130);
  expect(simulator.listKeys(bucket)).toEqual([]);
});
