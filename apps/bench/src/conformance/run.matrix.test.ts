import { fileURLToPath } from 'node:url';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startCommand } from '../testing/start-command.ts';
import { mostRequests } from './limits.ts';
import { type ConformanceOutcome, runJob } from './run.ts';

const bucket = 'my-bucket';
const foreignKey = 'meta-llama_Llama-3.1-8B@1@0@49bc192c478bfc2e@bfloat16';

test('in a named bucket a run stays under one prefix and below the load that it announced, and leaves nothing', async () => {
  const simulator = await startSimulator({ buckets: [bucket] });
  onTestFinished(() => simulator.close());
  await simulator.putObject(bucket, foreignKey, Buffer.from('not ours'));
  const { plan, report, removed } = await runIn(simulator);
  expect(report.cases.filter(({ status }) => status === 'failed')).toEqual([]);
  expect(plan).toMatchObject({
    place: `bucket ${bucket}`,
    identity: 'environment kvfe…or',
    most: mostRequests('core'),
  });
  expect(removed).toBe(true);
  expect(simulator.listKeys(bucket)).toEqual([foreignKey]);

  const { requests } = simulator;
  expect(requests.map(({ method, url }) => outside(method, url, plan.prefix)).filter(Boolean)).toEqual([]);
  // It keeps no more than the latest 10,000.
  expect(requests.length).toBeLessThan(10_000);
  const bytes = requests.reduce((sum, { bytesIn, bytesOut }) => sum + bytesIn + bytesOut, 0);
  for (const [said, counted] of [
    [plan.most.requests, requests.length],
    [plan.most.bytes, bytes],
  ] as const) {
    // Three attempts of each, and not by far more.
    expect(counted * 3).toBeLessThanOrEqual(said);
    expect(counted * 3 * 2).toBeGreaterThan(said);
  }
}, 60_000);

test('the command prints one document of the S3 backend on the embedded simulator', async () => {
  const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
  const nobody = { accessKeyId: '', secretAccessKey: '' };
  const { code, out, err } = await startCommand(cli, ['--level', 'core', '--json'], nobody).ended;
  const document = JSON.parse(out) as {
    readonly passed: number;
    readonly cases: readonly { readonly status: string }[];
  };
  expect(document.cases.filter(({ status }) => status === 'failed')).toEqual([]);
  expect(document).toMatchObject({ backend: 's3', target: 'embedded', level: 'core', failed: 0 });
  expect(document.passed).toBeGreaterThan(100);
  expect(err).toMatch(/as: static kvfe…or\. All keys are in bucket kvferry-conformance-[0-9a-f]{12}, and begin with/);
  expect(code).toBe(0);
}, 120_000);

async function runIn(simulator: Simulator): Promise<ConformanceOutcome> {
  vi.stubEnv('AWS_ACCESS_KEY_ID', simulator.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', simulator.credentials.secretAccessKey);
  onTestFinished(() => void vi.unstubAllEnvs());
  const { signal } = new AbortController();
  return await runJob(
    {
      backend: 's3',
      target: simulator.url,
      loaded: undefined,
      live: false,
      bucket,
      region: undefined,
      level: 'core',
      signal,
    },
    { onPlan() {}, onCase() {}, onEnd() {}, onRemoved() {}, onNotRemoved() {} },
  );
}

/** The request, where it is about more than names under `prefix`. */
function outside(method: string, url: string, prefix: string): string | undefined {
  const { pathname, searchParams } = new URL(url, 'http://store');
  // The keys stand in its body; that the foreign object is there at the end says enough.
  if (method === 'POST' && searchParams.has('delete')) return undefined;
  const name = searchParams.has('list-type') ? `/${bucket}/${searchParams.get('prefix')}` : pathname;
  return name.startsWith(`/${bucket}/${prefix}`) ? undefined : `${method} ${url}`;
}
