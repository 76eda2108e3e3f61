import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { repositoryRoot } from './programs.ts';

/** What is made here and not written by anybody. */
const MADE = new Set(['.git', '.turbo', '.vitest', 'coverage', 'dist', 'node_modules']);

export interface CopyOfTree extends AsyncDisposable {
  readonly folder: string;
}

/**
 * The repository as it is written, in a temporary folder, to be changed there. Nothing is installed in it, and nothing of the repository's own is linked from
 * it: whatever runs there, it cannot change this one. Gone when it is disposed of.
 */
export async function copyOfTree(): Promise<CopyOfTree> {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-release-'));
  await cp(repositoryRoot, folder, { recursive: true, verbatimSymlinks: true, filter: (source) => !isMade(source) });
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** Files of changesets that are not yet versions, by their names. */
export async function pendingChangesets(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, '.changeset'));
  return names.filter((name) => name.endsWith('.md') && name !== 'README.md').sort();
}

function isMade(source: string): boolean {
  const name = basename(source);
  return MADE.has(name) || name.startsWith('.kvferry-setup') || name.endsWith('.tgz') || name.endsWith('.tsbuildinfo');
}
