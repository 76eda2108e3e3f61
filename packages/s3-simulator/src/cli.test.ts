import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, onTestFinished, test } from 'vitest';
import { sdkClient } from './testing/sdk.ts';
import type { Simulator } from './types.ts';

const COMMAND = fileURLToPath(new URL('cli.ts', import.meta.url));

function run(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function output(child: ChildProcess): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    texts.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    texts.stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, ...texts };
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('The child has no standard output.');
  const [line] = await once(createInterface(child.stdout), 'line');
  return line;
}

test('says in one line of JSON where it is, serves there, and ends with its standard input', async () => {
  const child = run('--json', '--exit-with-stdin', '--bucket', 'first', '--bucket', 'second', '--https');
  const ready = JSON.parse(await firstLine(child));
  expect(ready).toEqual({
    url: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
    port: expect.any(Number),
    ca: expect.stringContaining('BEGIN CERTIFICATE'),
    accessKeyId: 'kvferry-simulator',
    secretAccessKey: 'kvferry-simulator-secret',
    region: 'us-east-1',
    hosts: ['s3.localhost'],
  });
  const client = sdkClient({ ...ready, credentials: ready } as Simulator);
  await client.send(new PutObjectCommand({ Bucket: 'second', Key: 'k', Body: 'hello' }));
  const got = await client.send(new GetObjectCommand({ Bucket: 'second', Key: 'k' }));
  expect(await got.Body?.transformToString()).toBe('hello');
  child.stdin?.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('ends with a standard input that is a file', async () => {
  const child = spawn(process.execPath, [COMMAND, '--json', '--exit-with-stdin'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  expect(await output(child)).toMatchObject({ code: 0, stderr: '' });
});

test.each([[[]], [['--json']], [['--help']]])('ends without a trace where nobody reads what %j says', async (args) => {
  const child = run(...args);
  child.stdout?.destroy();
  expect(await output(child)).toEqual({ code: 1, stdout: '', stderr: '' });
});

test('says in one sentence that standard output takes nothing', async ({ skip }) => {
  if (!existsSync('/dev/full')) skip('there is no /dev/full here');
  const full = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(full));
  const child = spawn(process.execPath, [COMMAND], { stdio: ['pipe', full, 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const { code, stderr } = await output(child);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^kvferry-s3-simulator: standard output: ENOSPC[^\n]*\n$/);
});

test.each(['SIGTERM', 'SIGHUP'] as const)('tells a person what to set, and ends at %s', async (signal) => {
  const child = run('--access-key', 'mine', '--secret-key', 'secret', '--region', 'eu-west-1');
  const ended = output(child);
  await once(child.stdout ?? child, 'data');
  child.kill(signal);
  const { code, stdout } = await ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/export AWS_ENDPOINT_URL_S3=http:\/\/127\.0\.0\.1:\d+\n/);
  expect(stdout).toContain('export AWS_ACCESS_KEY_ID=mine\n');
  expect(stdout).toContain('export AWS_REGION=eu-west-1\n');
  expect(stdout).toContain('aws s3 ls s3://my-bucket/');
});

test('refuses what cannot be in one sentence', async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await output(run(...args));
    expect([code, stdout]).toEqual([1, '']);
    return stderr;
  };
  const [port, etag, unknown] = await Promise.all([
    refused('--port', 'x'),
    refused('--etag', 'sha1'),
    refused('--bogus'),
  ]);
  expect(port).toBe('kvferry-s3-simulator: --port takes a whole number, not x.\n');
  expect(etag).toBe('kvferry-s3-simulator: --etag takes crc or md5, not sha1.\n');
  expect(unknown).toContain("Unknown option '--bogus'");
});

test('--help shows every flag, and an example', async () => {
  const { code, stdout } = await output(run('--help'));
  expect(code).toBe(0);
  for (const flag of ['--port', '--https', '--bucket', '--region', '--json', '--exit-with-stdin']) {
    expect(stdout).toContain(flag);
  }
  expect(stdout).toContain('kvferry-s3-simulator --port 9000');
});
