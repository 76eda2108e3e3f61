import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const BIN = fileURLToPath(new URL('./bin.ts', import.meta.url));

function start(args: readonly string[], stdout: 'pipe' | number): ChildProcess {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', stdout, 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

test('whoever stops reading standard error does not change how a run ends', async () => {
  const child = start(['inspect', '--config', 'nowhere.yaml'], 'pipe');
  child.stderr?.destroy();
  expect((await once(child, 'close'))[0]).toBe(2);
});

test('what goes on by itself does not keep the process, and all that was said is out', async () => {
  const busy = ['--import', 'data:text/javascript,setInterval(() => {}, 1000)'];
  const child = spawn(process.execPath, [...busy, BIN, '--help'], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = text(child.stdout);
  expect((await once(child, 'close'))[0]).toBe(0);
  expect(await said).toMatch(/^Usage: kvferry.*retrieve.*\n$/s);
});

test.skipIf(!existsSync('/dev/full'))('a full disk that did not take the output is an error', async () => {
  const full = await open('/dev/full', 'w');
  try {
    const child = start(['--help'], full.fd);
    const said = text(child.stderr as Readable);
    expect((await once(child, 'close'))[0]).toBe(1);
    expect(await said).toMatch(/^Standard output cannot be written: ENOSPC/);
  } finally {
    await full.close();
  }
});
