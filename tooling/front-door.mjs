// The front door of the repository: `node tooling/front-door.mjs VERB [ARGUMENTS]`, reached through the root's npm scripts.
// It sets up what is missing, then runs the verb with the pinned Node. Plain JavaScript without dependencies, since it has
// to run on a machine that has Node 20 and npm and nothing else. Set-up speaks on standard error only: standard output
// belongs to the program that the verb names.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { constants, hostname } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What each verb runs with the pinned Node, from the root; the caller's arguments follow. */
const verbs = {
  start: { run: ['apps/bench/src/main-job/cli.ts'], says: 'store and load real text as KV chunks' },
  test: { run: ['node_modules/vitest/vitest.mjs', 'run'], says: 'all tests' },
  conformance: { run: ['apps/bench/src/conformance/cli.ts'], says: 'the contract, tried on a backend and a store' },
  probe: {
    run: ['packages/kvferry/src/command/bin.ts', 'probe'],
    says: 'what an S3-compatible store does, found out by trying',
  },
  kvferry: {
    run: ['packages/kvferry/src/command/bin.ts'],
    says: 'the command: store, lookup, retrieve, inspect, doctor, probe',
  },
  bench: {
    run: ['apps/bench/src/cli.ts'],
    says: 'a store under the load of a KV cache: throughput, latency, what limits it, when loading pays',
  },
  'bench:cache': {
    run: ['apps/bench/src/cache-bench/cli.ts'],
    says: 'what the cache adds to the bytes: retrieving, hashing, looking up',
  },
  'bench:wire': { run: ['apps/bench/src/wire-bench/cli.ts'], says: 'our HTTP beside the others, per GiB of CPU' },
  generate: {
    run: ['tooling/src/generate.ts'],
    says: 'write generated files again (--check: only compare)',
  },
  check: { run: ['tooling/src/check.ts'], says: 'lint, types, import directions, unused code' },
  build: { run: ['tooling/src/build.ts'], says: 'what gets published, into packages/*/dist' },
  release: { run: ['tooling/src/release.ts'], says: 'publish to npm (--dry-run: list what it would)' },
};

const pinnedNode = join(root, 'node_modules/node/bin/node');
const stampFile = join(root, 'node_modules/.kvferry-setup');
const lockFolder = join(root, '.kvferry-setup.lock');
// A set-up takes about a minute. An owner that is older has died and its process id belongs to somebody else by now.
const staleLockMs = 15 * 60_000;

async function main() {
  const [verb, ...args] = process.argv.slice(2);
  if (verb === undefined || !Object.hasOwn(verbs, verb)) {
    const list = Object.entries(verbs).map(([name, { says }]) => `  ${name.padEnd(12)}${says}`);
    const complaint = verb === undefined ? 'No verb given.' : `Unknown verb '${verb}'.`;
    process.stderr.write(`${complaint} npm run VERB [-- ARGUMENTS], where VERB is one of\n${list.join('\n')}\n`);
    return 2;
  }
  await setUp();
  return await run(pinnedNode, [...verbs[verb].run, ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      // Programs that the verb starts by the name `node` get the pinned one too.
      PATH: `${dirname(pinnedNode)}${delimiter}${process.env.PATH ?? ''}`,
      // Stripping the types of some 200 files at each start costs half a second of CPU; this keeps what came out.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules/.cache/node-compile-cache'),
    },
  });
}

async function setUp() {
  if (await isSetUp()) return;
  const release = await lock();
  try {
    // Another front door may have done it while this one waited.
    if (await isSetUp()) return;
    const { packageManager } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    process.stderr.write('setting up (about a minute the first time)…\n');
    const output = [];
    const code = await run('npx', ['--yes', packageManager, 'install', '--frozen-lockfile'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // CI=true: pnpm asks nothing, and draws no progress.
      env: { ...process.env, CI: 'true' },
      onOutput: (bytes) => output.push(bytes),
    });
    if (code !== 0 || !existsSync(pinnedNode)) {
      process.stderr.write(`${Buffer.concat(output).toString().trimEnd()}\n\n${wayOut(packageManager)}\n`);
      await release();
      process.exit(code || 1);
    }
    await writeFile(stampFile, await stamp());
  } finally {
    await release();
  }
}

function wayOut(packageManager) {
  return [
    `Set-up failed in: npx --yes ${packageManager} install --frozen-lockfile`,
    'It needs the npm registry (npm ping; npm config get registry), about 1 GB of disk, and write access to this folder.',
    `After a change to a package.json, bring the lockfile up to date: npx --yes ${packageManager} install`,
    'If node_modules is half made, remove it and start again.',
  ].join('\n');
}

async function isSetUp() {
  if (!existsSync(pinnedNode) || !existsSync(stampFile)) return false;
  return (await readFile(stampFile, 'utf8')) === (await stamp());
}

/** Everything that decides what `pnpm install` puts down. The Node that runs this file does not: the pinned one is among it. */
async function stamp() {
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'tooling/package.json'];
  for (const parent of ['packages', 'apps']) {
    const names = await readdir(join(root, parent)).catch(() => []);
    for (const name of names.sort()) files.push(`${parent}/${name}/package.json`);
  }
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const file of files) hash.update(`${file}\n`).update(await readFile(join(root, file)).catch(() => ''));
  return `${hash.digest('hex')}\n`;
}

/**
 * One set-up at a time per clone. The lock is a folder that appears with its owner already in it (a rename is atomic, and
 * fails on a folder that holds something); a dead owner's is taken over by renaming that owner's file, which only one can do.
 */
async function lock() {
  const owner = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const release = async () => {
    await unlink(join(lockFolder, owner)).catch(() => {});
    // Fails where the next owner has moved in already: then it is theirs.
    await rmdir(lockFolder).catch(() => {});
  };
  let waiting = false;
  while (true) {
    const prepared = await mkdtemp(`${lockFolder}-`);
    await writeFile(join(prepared, owner), '');
    const taken = await rename(prepared, lockFolder).then(
      () => true,
      () => false,
    );
    if (taken) return release;
    await rm(prepared, { recursive: true, force: true });
    for (const other of await readdir(lockFolder).catch(() => [])) {
      if (!(await isDead(other))) continue;
      const mine = join(lockFolder, owner);
      const tookOver = await rename(join(lockFolder, other), mine).then(
        () => true,
        () => false,
      );
      // The file's age is the owner's: begin anew.
      if (tookOver) await writeFile(mine, `${new Date().toISOString()}\n`);
      if (tookOver) return release;
    }
    if (!waiting)
      process.stderr.write(`another set-up of this clone is under way, waiting (${relative(root, lockFolder)})…\n`);
    waiting = true;
    await sleep(200);
  }
}

async function isDead(owner) {
  const written = await stat(join(lockFolder, owner)).catch(() => undefined);
  if (written === undefined) return false;
  if (Date.now() - written.mtimeMs > staleLockMs) return true;
  const [, host, pid] = /^(.*)-(\d+)-[0-9a-f]{8}$/.exec(owner) ?? [];
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/**
 * Runs a program and answers its exit code, 128 + signal number when a signal ended it. SIGINT, SIGTERM and SIGHUP go to the
 * program, and this process waits for its end.
 *
 * One Ctrl-C must be one SIGINT for the program, although npm forwards to us what the terminal has sent to us as well.
 * With a terminal on standard input the program shares our process group and hears the terminal itself, so SIGINT is not
 * forwarded. Without one it has a group of its own, and hears the first of the signals that arrive within half a second.
 */
async function run(command, args, { onOutput, ...options }) {
  const ownGroup = !process.stdin.isTTY && process.platform !== 'win32';
  const child = spawn(command, args, {
    cwd: root,
    detached: ownGroup,
    shell: process.platform === 'win32',
    ...options,
  });
  if (onOutput !== undefined) {
    child.stdout.on('data', onOutput);
    child.stderr.on('data', onOutput);
  }
  const lastSent = {};
  const forward = (signal) => {
    if (signal === 'SIGINT' && !ownGroup) return;
    if (performance.now() - (lastSent[signal] ?? Number.NEGATIVE_INFINITY) < 500) return;
    lastSent[signal] = performance.now();
    // The whole group, as a terminal does it; a program that is gone already has nothing to hear.
    if (ownGroup) killGroup(child.pid, signal);
    else child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  try {
    const [code, signal] = await once(child, 'close');
    return code ?? 128 + constants.signals[signal];
  } catch (error) {
    const hint = error.code === 'ENOENT' ? ' (is it on PATH?)' : '';
    process.stderr.write(`${command} could not be started${hint}: ${error.message}\n`);
    return 127;
  } finally {
    for (const signal of signals) process.off(signal, forward);
  }
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

process.exitCode = await main();
