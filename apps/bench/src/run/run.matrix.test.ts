import { fileURLToPath } from 'node:url';
import { findMinio } from '@kvferry/tooling/real-servers';
import { expect, test } from 'vitest';
import type { Summary } from '../results/summary.ts';
import { startCommand } from '../testing/start-command.ts';

const cli = fileURLToPath(new URL('../cli.ts', import.meta.url));
const nobody = { accessKeyId: '', secretAccessKey: '' };

async function summaryOf(args: readonly string[]): Promise<Summary> {
  const { code, out, err } = await startCommand(
    cli,
    ['run', '--json', '--max-time', '60', '--model', 'qwen2.5-0.5b', '--max-objects', '20', ...args],
    nobody,
  ).ended;
  expect(code, err).toBe(0);
  return JSON.parse(out) as Summary;
}

/** Every client that installs here is in the comparison, and all of the run ends in its time. */
function expectWhole(summary: Summary): void {
  expect(summary).toMatchObject({ status: 'complete', errors: {}, conformance: { level: 'core', failed: 0 } });
  expect(summary.conformance?.passed).toBeGreaterThan(100);
  expect(summary.bytesPerSecond).toBeGreaterThan(0);
  expect(summary.peers.find(({ client }) => client === 'kvferry')).toMatchObject({ cpuRatio: 1 });
  expect(summary.peers.find(({ client }) => client === '@aws-sdk/client-s3')?.cpuRatio).toBeGreaterThan(1);
}

test.each(['s3', 's3-compatible', 's3-express'])(
  '%s on the embedded default',
  async (backend) => {
    const summary = await summaryOf(['--backend', backend]);
    expectWhole(summary);
    expect(summary).toMatchObject({ backend, target: 'embedded', sharesMachine: true });
    if (backend === 's3-express') expect(summary.notes.join(' ')).toContain('S3 Express One Zone was simulated');
  },
  180_000,
);

const minio = await findMinio({ scheme: 'http' });
if (minio.status === 'missing') console.warn(`MinIO skipped: ${minio.reason}`);
else await minio.stop();

test.skipIf(minio.status === 'missing').each(['s3', 's3-compatible'])(
  '%s on a real MinIO',
  async (backend) => {
    const summary = await summaryOf([
      '--backend',
      backend,
      '--target',
      'minio',
      '--model',
      'qwen2.5-0.5b',
      '--max-objects',
      '20',
    ]);
    expectWhole(summary);
    expect(summary).toMatchObject({ backend, target: 'minio' });
  },
  180_000,
);
