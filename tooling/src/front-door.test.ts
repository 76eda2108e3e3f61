import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';

// The front door in a clone of its own, where `npx` is a script that notes its call and puts our Node where pnpm would.

let clone: string;

beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'kvferry-front-door-'));
  await cp(join(import.meta.dirname, '../front-door.mjs'), join(clone, 'tooling/front-door.mjs'));
  await put('package.json', JSON.stringify({ packageManager: 'pnpm@1.2.3', type: 'module' }));
  await put('pnpm-lock.yaml', 'first');
  await put('apps/bench/src/main-job/cli.ts', "console.log('arguments', ...process.argv.slice(2));");
  await putInstaller(`mkdir -p node_modules/node/bin && ln -sf '${process.execPath}' node_modules/node/bin/node`);
});

afterEach(() => rm(clone, { recursive: true, force: true }));

test('sets up on standard error, then leaves standard output and exit code to the program', async () => {
  await put('apps/bench/src/main-job/cli.ts', "console.log('{}', ...process.argv.slice(2)); process.exitCode = 7;");
  expect(await open('start', '--json').outcome).toEqual({
    code: 7,
    stdout: '{} --json\n',
    stderr: expect.stringMatching(/^setting up .*\n$/),
  });
  expect(await installs()).toEqual(['--yes pnpm@1.2.3 install --frozen-lockfile']);
});

test('sets up once, and again after the lockfile has changed', async () => {
  await open('start').outcome;
  await open('start').outcome;
  expect(await installs()).toHaveLength(1);
  await put('pnpm-lock.yaml', 'second');
  await open('start').outcome;
  expect(await installs()).toHaveLength(2);
});

test('two at the same time set up once', async () => {
  const outcomes = await Promise.all([open('start', 'a').outcome, open('start', 'b').outcome]);
  expect(outcomes.map(({ code, stdout }) => [code, stdout])).toEqual([
    [0, 'arguments a\n'],
    [0, 'arguments b\n'],
  ]);
  expect(await installs()).toHaveLength(1);
  expect((await readdir(clone)).filter((name) => name.includes('lock'))).toEqual(['pnpm-lock.yaml']);
});

test('takes over the lock of a set-up that died', async () => {
  // A process id beyond Linux's largest.
  await put(`.kvferry-setup.lock/${hostname()}-4194305-00000000`, '');
  expect(await open('start').outcome).toMatchObject({ code: 0, stdout: 'arguments\n' });
  expect(await readdir(clone)).not.toContain('.kvferry-setup.lock');
});

test('a failed set-up shows what was printed, and the way out', async () => {
  await putInstaller('echo the registry is away; exit 3');
  const { code, stdout, stderr } = await open('start').outcome;
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toMatch(/the registry is away\n.*npx --yes pnpm@1\.2\.3 install/s);
  expect(await readdir(clone)).not.toContain('.kvferry-setup.lock');
});

test('an unknown verb lists the verbs, and sets nothing up', async () => {
  const { code, stderr } = await open('strat').outcome;
  expect(code).toBe(2);
  expect(stderr).toMatch(/Unknown verb 'strat'.*\n {2}start /s);
  expect(await installs()).toEqual([]);
});

test.for(['SIGINT', 'SIGTERM'] as const)('the program hears one %s, and is waited for', async (signal) => {
  await put(
    'apps/bench/src/main-job/cli.ts',
    `let heard = 0;
     process.on('${signal}', () => { heard += 1; setTimeout(() => { console.log('heard', heard); process.exit(5); }, 100); });
     setInterval(() => {}, 1000);
     console.log('ready');`,
  );
  const door = open('start');
  await once(door.process.stdout, 'readable');
  // As npm does it, which hears the terminal too: twice in a row.
  door.process.kill(signal);
  door.process.kill(signal);
  expect(await door.outcome).toMatchObject({ code: 5, stdout: 'ready\nheard 1\n' });
});

function open(...args: string[]) {
  const child = spawn(process.execPath, ['tooling/front-door.mjs', ...args], {
    cwd: clone,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${join(clone, 'bin')}:${process.env.PATH}` },
  });
  const outcome = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]) => ({ code, stdout, stderr }),
  );
  return { process: child, outcome };
}

async function put(path: string, content: string): Promise<void> {
  await mkdir(join(clone, path, '..'), { recursive: true });
  await writeFile(join(clone, path), content);
}

async function putInstaller(commands: string): Promise<void> {
  await put('bin/npx', `#!/bin/sh\necho "$@" >> installs.log\n${commands}\n`);
  await chmod(join(clone, 'bin/npx'), 0o755);
}

/** The arguments of each call of `npx`. */
async function installs(): Promise<string[]> {
  const log = await readFile(join(clone, 'installs.log'), 'utf8').catch(() => '');
  return log.split('\n').filter((line) => line !== '');
}
