// Each backend as somebody gets it who wants no other.
//
//   alone.mjs install PACKED FOLDER   a folder per backend with its tarball and those that it depends on, and nothing else of ours; one for the simulator
//   alone.mjs run FOLDER NODE         the example of each backend's README, as published, by NODE against that simulator
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { promisify } from 'node:util';

const SIMULATOR = '@kvferry/s3-simulator';
/** Those that the examples name. */
const BUCKETS = ['my-bucket', 'my-bucket--use1-az4--x-s3'];
const run = promisify(execFile);

/** Packages with the tag of backends. */
function backends() {
  return readdirSync('packages')
    .filter((name) => JSON.parse(readFileSync(`packages/${name}/turbo.json`, 'utf8')).tags.includes('s3-backend'))
    .map((name) => JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8')).name);
}

/** Name to tarball and what it depends on. */
function tarballsIn(packed) {
  const found = new Map();
  for (const file of readdirSync(packed)) {
    const tarball = join(packed, file);
    const manifest = JSON.parse(execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }));
    found.set(manifest.name, { tarball, needs: Object.keys(manifest.dependencies ?? {}) });
  }
  return found;
}

/** The package and all of ours that it needs, directly or not. */
function closure(name, tarballs, found = new Set()) {
  if (!tarballs.has(name) || found.has(name)) return found;
  found.add(name);
  for (const needed of tarballs.get(name).needs) closure(needed, tarballs, found);
  return found;
}

function folderOf(folder, name) {
  return join(folder, name.replace('@kvferry/', ''));
}

async function install(packed, folder) {
  const tarballs = tarballsIn(packed);
  for (const name of [...backends(), SIMULATOR]) {
    const own = closure(name, tarballs);
    const target = folderOf(folder, name);
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, 'package.json'), '{ "private": true, "type": "module" }\n');
    const files = [...own].map((needed) => tarballs.get(needed).tarball);
    await run('npm', ['install', '--no-fund', '--no-audit', '--prefer-offline', ...files], { cwd: target });
    const installed = readdirSync(join(target, 'node_modules/@kvferry')).map((entry) => `@kvferry/${entry}`);
    assert.deepEqual(installed.sort(), [...own].sort());
    console.log(`${target}: ${installed.join(', ')}`);
    if (name !== SIMULATOR) writeFileSync(join(target, 'example.js'), exampleOf(join(target, 'node_modules', name)));
  }
}

/** The first that runs, without its types. */
function exampleOf(packageFolder) {
  const [, code] = /^```ts\n(.*?)^```$/ms.exec(readFileSync(join(packageFolder, 'README.md'), 'utf8')) ?? [];
  assert.ok(code, `${packageFolder}: no example in README.md`);
  return stripTypeScriptTypes(code);
}

async function runExamples(folder, node) {
  const command = join(folderOf(folder, SIMULATOR), 'node_modules/.bin/kvferry-s3-simulator');
  const buckets = BUCKETS.flatMap((bucket) => ['--bucket', bucket]);
  const simulator = spawn(node, [command, '--json', '--exit-with-stdin', ...buckets], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const [line] = await once(createInterface(simulator.stdout), 'line');
    const { accessKeyId, region, secretAccessKey, url } = JSON.parse(line);
    const env = {
      HOME: folder,
      AWS_ENDPOINT_URL_S3: url,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const { stdout: version } = await run(node, ['--version']);
    for (const name of backends()) {
      const { stdout } = await run(node, ['example.js'], { cwd: folderOf(folder, name), env });
      for (const status of ['stored', 'hit', 'miss']) assert.ok(stdout.includes(`status: '${status}'`), stdout);
      assert.ok(stdout.includes("verified: 'checksum'"), stdout);
      console.log(`${name} on Node ${version.trim()}: its README's example runs`);
    }
  } finally {
    simulator.stdin.end();
    await once(simulator, 'close');
  }
}

const [verb, first, second] = process.argv.slice(2);
if (verb === 'install') await install(first, second);
else if (verb === 'run') await runExamples(first, second);
else throw new Error('alone.mjs install PACKED FOLDER, or run FOLDER NODE');
