import { execFile } from 'node:child_process';
import { readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CopyOfTree, copyOfTree, pendingChangesets } from './copy-of-tree.ts';
import { repositoryRoot } from './programs.ts';

// Releases are tried in a copy of this repository: nothing here is changed, and no registry is asked.

const run = promisify(execFile);
let copy: CopyOfTree;

beforeEach(async () => {
  copy = await copyOfTree();
});
afterEach(() => copy[Symbol.asyncDispose]());

describe('a changeset', () => {
  /** What opens every backend. */
  const opens = { kvferry: '1.0.1', 'kvferry-bench': '1.0.1' };

  /** All packages at 1.0.0, and this one changeset; then the versions that come of it, of the packages that have others. */
  async function versionsAfter(changed: string, bump: 'patch' | 'minor'): Promise<Record<string, string>> {
    const { folder } = copy;
    const packages = await publicPackages(folder);
    for (const { path } of packages)
      await rewrite(join(folder, path, 'package.json'), (json) => ({ ...json, version: '1.0.0' }));
    for (const name of await pendingChangesets(folder)) await unlink(join(folder, '.changeset', name));
    await writeFile(join(folder, '.changeset/one.md'), `---\n'${changed}': ${bump}\n---\n\nA change.\n`);
    // Its generator is found from the copy, where nothing is installed.
    await rewrite(join(folder, '.changeset/config.json'), (json) => ({ ...json, changelog: false }));
    await run(process.execPath, [join(repositoryRoot, 'node_modules/@changesets/cli/bin.js'), 'version'], {
      cwd: folder,
    });
    expect(await pendingChangesets(folder)).toEqual([]);
    const after = await publicPackages(folder);
    return Object.fromEntries(
      after.filter(({ version }) => version !== '1.0.0').map(({ name, version }) => [name, version]),
    );
  }

  test.each(['@kvferry/s3', '@kvferry/s3-express', '@kvferry/s3-compatible'])(
    'for %s bumps it and what opens it, and no other backend',
    async (backend) => {
      expect(await versionsAfter(backend, 'minor')).toEqual({ [backend]: '1.1.0', ...opens });
    },
  );

  test('that is a patch reaches those who depend on it too', async () => {
    expect(await versionsAfter('@kvferry/s3-compatible', 'patch')).toEqual({
      '@kvferry/s3-compatible': '1.0.1',
      ...opens,
    });
  });

  test('for what all backends share bumps all of them, and nothing below it', async () => {
    expect(await versionsAfter('@kvferry/s3-protocol', 'patch')).toEqual({
      '@kvferry/s3-protocol': '1.0.1',
      '@kvferry/s3': '1.0.1',
      '@kvferry/s3-express': '1.0.1',
      '@kvferry/s3-compatible': '1.0.1',
      ...opens,
    });
  });
});

test('whatever was never released is in a changeset', async () => {
  const texts = await Promise.all(
    (await pendingChangesets(copy.folder)).map((name) => readFile(join(copy.folder, '.changeset', name), 'utf8')),
  );
  const unreleased = (await publicPackages(copy.folder)).filter(({ version }) => version === '0.0.0');
  for (const { name } of unreleased) expect(texts.join('\n')).toContain(`'${name}':`);
});

describe('npm run release', () => {
  /** In the copy, as a clone of its own. The registry is a port where nobody listens. */
  async function release(...args: string[]): Promise<{ readonly code: number; readonly stderr: string }> {
    const env = { PATH: process.env.PATH, HOME: copy.folder, npm_config_registry: 'http://127.0.0.1:1' };
    try {
      const { stderr } = await run(process.execPath, ['tooling/src/release.ts', ...args], { cwd: copy.folder, env });
      return { code: 0, stderr };
    } catch (thrown) {
      const { code, stderr } = thrown as { readonly code: number; readonly stderr: string };
      return { code, stderr };
    }
  }

  test('says everything that a release needs, and publishes nothing', async () => {
    await run('git', ['init', '--quiet'], { cwd: copy.folder });
    const { code, stderr } = await release();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^Nothing was published\. A release needs:\n {2}- a clean tree: .*\n {2}- versions: npm run release -- --version, .*first-release\.md\n {2}- a token of the npm registry/,
    );
  });

  test.for([['--dry-rum'], ['--dry-run', '--version'], ['--json']])('refuses %s', async (args) => {
    const { code, stderr } = await release(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/--dry-ru/);
  });
});

/** All that may be published, as its package.json has it, and where that lies in the folder. */
async function publicPackages(folder: string) {
  const found: { readonly name: string; readonly version: string; readonly path: string }[] = [];
  const paths = (await readdir(join(folder, 'packages'))).map((entry) => join('packages', entry));
  for (const path of [...paths, 'apps/bench']) {
    const manifest = JSON.parse(await readFile(join(folder, path, 'package.json'), 'utf8'));
    if (manifest.private !== true) found.push({ name: manifest.name, version: manifest.version, path });
  }
  return found;
}

async function rewrite(file: string, change: (json: object) => object): Promise<void> {
  await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8'))), undefined, 2));
}
