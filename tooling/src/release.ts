// `npm run release`: publishes to npm what is not there yet. `-- --dry-run` only lists what that would be, with the changesets that are waiting made into
// versions first; it works in a copy, and leaves no trace. `-- --version` makes them into versions here, for a commit.
import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { copyOfTree, pendingChangesets } from './copy-of-tree.ts';
import { type ProgramOptions, repositoryRoot, runWithPnpm } from './programs.ts';

const HELP = `npm run release [-- --dry-run [--json] | --version]

  --dry-run  lists what would be published: name, version, tags, tarball and its files; publishes and changes nothing
  --json     the list as one JSON document
  --version  makes the waiting changesets into versions and changelogs, to be looked at and committed
  (neither)  publishes. It needs versions that are committed, and a login at the npm registry
`;

/** One package that would be published. */
interface Listed {
  readonly name: string;
  readonly version: string;
  /** By which npm finds it: `npm install NAME@latest`. */
  readonly distTag: string;
  readonly gitTag: string;
  readonly access: string;
  readonly tarball: string;
  readonly tarballBytes: number;
  readonly files: readonly string[];
}

/** A reason to end that needs no stack. */
class Refusal extends Error {}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      version: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { 'dry-run': isDry, json, version, help } = values;
  if (help) process.stdout.write(HELP);
  else if ((isDry && version) || (json && !isDry)) throw new Refusal(HELP);
  else if (isDry) await listRelease(json ? 'json' : 'text');
  else if (version) await makeVersions();
  else await publish();
}

async function listRelease(format: 'json' | 'text'): Promise<void> {
  await using copy = await copyOfTree();
  const { folder } = copy;
  const changesets = await pendingChangesets(folder);
  const step: ProgramOptions = { cwd: folder, output: 'on-failure' };
  const out = join(folder, 'release');
  // No scripts: the one that fetches the pinned Node is the long one, and this Node is that.
  const install = ['install', '--frozen-lockfile', '--prefer-offline', '--ignore-scripts'];
  await must('pnpm install', runWithPnpm('pnpm', install, step));
  if (changesets.length > 0) await must('changeset version', runWithPnpm('changeset', ['version'], step));
  await must('the build', runWithPnpm('turbo', ['run', 'build'], step));
  // What `changeset publish` goes by: everything public whose version the registry does not have.
  await must('changeset pack', runWithPnpm('changeset', ['pack', '--out-dir', out], step));
  const listed = await listedOf(out);
  if (format === 'json') process.stdout.write(`${JSON.stringify({ changesets, packages: listed }, undefined, 2)}\n`);
  else process.stdout.write(textOf(changesets, listed));
}

async function listedOf(out: string): Promise<Listed[]> {
  const { plan } = JSON.parse(await readFile(join(out, 'publish-plan.json'), 'utf8'));
  const listed: Listed[] = [];
  for (const { access, name, tag, tarball, version } of plan.flat()) {
    const path = join(out, tarball.path);
    const { stdout } = await promisify(execFile)('tar', ['-tzf', path]);
    const files = stdout.split('\n').filter((line) => line !== '');
    listed.push({
      name,
      version,
      distTag: tag,
      gitTag: `${name}@${version}`,
      access,
      tarball: tarball.path.replace('packages/', ''),
      tarballBytes: (await stat(path)).size,
      files: files.map((file) => file.replace(/^package\//, '')).sort(),
    });
  }
  return listed;
}

function textOf(changesets: readonly string[], listed: readonly Listed[]): string {
  const lines =
    changesets.length === 0
      ? ['No changesets are waiting: the versions are those of the package.json files.']
      : [`Versions as these changesets would make them: ${changesets.join(', ')}`];
  lines.push(
    listed.length === 0 ? 'Nothing would be published: the registry has it all.' : 'Would be published, in this order:',
  );
  for (const { access, distTag, files, gitTag, name, tarball, tarballBytes, version } of listed) {
    lines.push('', `${name} ${version}`);
    lines.push(`  npm dist-tag ${distTag}, ${access}; git tag ${gitTag}`);
    lines.push(`  ${tarball}, ${Math.ceil(tarballBytes / 1024)} KiB, ${files.length} files`);
    for (const file of files) lines.push(`    ${file}`);
  }
  return `${lines.join('\n')}\n`;
}

async function makeVersions(): Promise<void> {
  const changesets = await pendingChangesets(repositoryRoot);
  if (changesets.length === 0)
    throw new Refusal('No changesets are waiting in .changeset: there is nothing to make a version of.');
  await must('changeset version', runWithPnpm('changeset', ['version']));
  await must('pnpm install', runWithPnpm('pnpm', ['install', '--lockfile-only']));
  process.stderr.write('\nLook at the diff, run bash .ci/run, commit; then: npm run release\n');
}

async function publish(): Promise<void> {
  const missing = await whatIsMissing();
  if (missing.length > 0) {
    const list = missing.map((line) => `  - ${line}`).join('\n');
    throw new Refusal(
      `Nothing was published. A release needs:\n${list}\nWhat it would publish: npm run release -- --dry-run`,
    );
  }
  await must('the build', runWithPnpm('turbo', ['run', 'build']));
  await must('changeset publish', runWithPnpm('changeset', ['publish']));
  process.stderr.write('\nThe tags are local still: git push --follow-tags\n');
}

/** Every condition of a release that does not hold, with the way to make it hold. */
async function whatIsMissing(): Promise<string[]> {
  const missing: string[] = [];
  const changed = await outputOf('git', ['status', '--porcelain']);
  if (changed === undefined) missing.push('a git repository, for the tags');
  else if (changed !== '')
    missing.push(`a clean tree: commit or put away ${changed.split('\n').length} changed files (git status)`);
  const changesets = await pendingChangesets(repositoryRoot);
  if (changesets.length > 0) {
    missing.push(`versions: npm run release -- --version, and a commit; waiting: ${changesets.join(', ')}`);
  }
  if ((await outputOf('npm', ['whoami'])) === undefined) {
    missing.push(
      'a token of the npm registry that may publish: npm login, or //registry.npmjs.org/:_authToken in ~/.npmrc',
    );
  }
  return missing;
}

/** What a program prints, trimmed; `undefined` where it fails. */
async function outputOf(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: repositoryRoot });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

async function must(what: string, exitCode: Promise<number>): Promise<void> {
  if ((await exitCode) !== 0) throw new Refusal(`Nothing was published: ${what} failed.`);
}

try {
  await main();
} catch (thrown) {
  const isOurs =
    thrown instanceof Refusal || (thrown as NodeJS.ErrnoException).code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION';
  process.stderr.write(isOurs ? `${(thrown as Error).message}\n` : `${(thrown as Error).stack}\n`);
  process.exitCode = 1;
}
