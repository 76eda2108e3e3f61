// The examples as their authors have them: in a copy outside of the repository, with kvferry's packages from packed tarballs.
//
//   node examples/third-party/run.mjs [--packed FOLDER] [--write]
//
// Tests them with the Node that runs this file, opens them in every way there is, and prints their conformance reports.
//
//   --packed FOLDER   tarballs that `.ci/packages.sh pack FOLDER` made; without it, packages are built and packed first
//   --write           writes the reports into the READMEs; without it, a README with another report is a failure
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const node = process.execPath;
// npm and what it starts use this Node too.
const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };

const { values: options } = parseArgs({ options: { packed: { type: 'string' }, write: { type: 'boolean' } } });

/** Each example, and how a store of its own is made ready; `url` names the store. */
const examples = [
  {
    name: 'kvferry-backend-sqlite',
    prepare: async (folder) => ({ url: `sqlite://${join(folder, 'chunks.db')}`, end: async () => {} }),
  },
  { name: 'kvferry-backend-kvtcp', prepare: (folder) => startServer(join(folder, 'dist/cli.js')) },
];

let passed = 0;
let failed = 0;

const work = await mkdtemp(join(tmpdir(), 'kvferry-third-party-'));
try {
  const copy = join(work, 'workspace');
  await install(options.packed === undefined ? await pack(join(work, 'packed')) : resolve(options.packed), copy);
  for (const { name, prepare } of examples) {
    const folder = join(copy, name);
    await mustSucceed(node, [join(copy, 'node_modules/typescript/bin/tsc'), '-p', folder], { cwd: copy });
    await test(name, folder);
    const store = await prepare(folder);
    try {
      await openByCommand(name, folder, store.url);
    } finally {
      await store.end();
    }
    await report(name, folder);
  }
} finally {
  await rm(work, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function pack(folder) {
  await mustSucceed('npm', ['run', '--silent', 'build'], { cwd: root, env: process.env });
  await mustSucceed('bash', ['.ci/packages.sh', 'pack', folder], { cwd: root, env: process.env });
  return folder;
}

async function install(packed, copy) {
  const made = new Set(['node_modules', 'dist']);
  await cp(here, copy, { recursive: true, filter: (path) => !made.has(basename(path)) });
  const tarballs = (await readdir(packed)).filter(isForAuthors).map((file) => join(packed, file));
  if (tarballs.length === 0)
    throw new Error(`${packed} holds no tarball; bash .ci/packages.sh pack ${packed} makes them`);
  await mustSucceed('npm', ['install', '--no-fund', '--no-audit', ...tarballs], { cwd: copy });
}

/** The bench is a command that nothing here imports, with native modules of many megabytes. */
function isForAuthors(file) {
  return file.endsWith('.tgz') && !file.startsWith('kvferry-bench-');
}

/** The author's own tests: the conformance suite among them. */
async function test(name, folder) {
  const { output } = await run(node, ['--test', '--test-reporter=tap', 'dist/**/*.test.js'], { cwd: folder });
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1] ?? Number.NaN);
  const counts = { passed: count('pass'), failed: count('fail') + count('cancelled'), skipped: count('skipped') };
  console.log(`${name}: ${counts.passed} tests passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  if (counts.passed > 0 && counts.failed === 0) {
    passed += counts.passed;
    return;
  }
  passed += counts.passed || 0;
  failed += counts.failed || 1;
  // A failed test, with what it says, up to the end of its block.
  console.log(output.match(/^ *not ok (?:(?!# SKIP).)*\n(?: +.*\n)*? *\.\.\.$/gm)?.join('\n') ?? output);
}

/** `npm run conformance` opens it by file, by package, and from the configuration that comes with it. */
async function openByCommand(name, folder, url) {
  const command = ['run', '--silent', 'conformance', '--'];
  const program = join(root, 'apps/bench/src/conformance/cli.ts');
  const pinned = join(root, 'node_modules/node/bin/node');
  const ways = [
    ['by file', 'npm', [...command, '--backend', join(folder, 'dist/index.js'), '--target', url, '--json'], root],
    // A package is looked for from the working folder, which npm would make the repository's.
    ['by package', pinned, [program, '--backend', name, '--target', url, '--json'], folder],
    ['from a configuration', 'npm', [...command, '--config', join(folder, 'lmcache.yaml'), '--live', '--json'], root],
  ];
  for (const [way, program, args, cwd] of ways) {
    // LMCache's variables go before what the file says.
    const variables = { ...process.env, LMCACHE_REMOTE_URL: url };
    const { code, stdout, output } = await run(program, args, { cwd, env: variables });
    const { passed: held = 0, cases = [] } = code <= 1 ? JSON.parse(stdout) : {};
    const wrong = cases.filter(({ status }) => status === 'failed').map(({ id, reason }) => `${id}: ${reason}`);
    const what = `${name}, opened by npm run conformance ${way}: ${held} cases passed`;
    check(code === 0 && held > 0, what, code <= 1 ? wrong.join('\n') : output);
  }
}

/** The report that its author shows. */
async function report(name, folder) {
  const { code, stdout, output } = await run(node, ['dist/testing/report.js'], { cwd: folder });
  console.log(`\n${output.trim()}\n`);
  const file = join(here, name, 'README.md');
  const readme = await readFile(file, 'utf8');
  const section = /(?<=<!-- report -->\n).*(?=<!-- \/report -->)/s;
  const current = readme.replace(section, () => `\n${stdout.trim()}\n\n`);
  if (options.write) await writeFile(file, current);
  const isShown = options.write || current === readme;
  check(
    code === 0 && isShown,
    `${name}: the README shows this report`,
    'To write it: node examples/third-party/run.mjs --write',
  );
}

function check(holds, what, otherwise) {
  if (holds) passed += 1;
  else failed += 1;
  console.log(`${holds ? 'ok' : 'FAILED'}: ${what}`);
  if (!holds) console.log(otherwise);
}

async function startServer(file) {
  const server = spawn(node, [file, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  const lines = createInterface({ input: server.stdout });
  const [url] = await Promise.race([once(lines, 'line'), exited]);
  if (typeof url !== 'string') throw new Error(`${file} did not start`);
  return {
    url,
    end: async () => {
      server.kill();
      await exited;
    },
  };
}

async function mustSucceed(program, args, settings) {
  const { code, output } = await run(program, args, settings);
  if (code === 0) return;
  console.log(output);
  throw new Error(`${program} ${args.slice(0, 3).join(' ')} … ended with ${code}`);
}

/** Runs a program to its end; gives its exit code, and what it wrote: to standard output, and in all. */
async function run(program, args, settings) {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...settings });
  let stdout = '';
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  return { code: code ?? 1, stdout, output };
}
