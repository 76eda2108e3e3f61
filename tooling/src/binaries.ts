import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

/** Where a binary was found, or a sentence with every place that was searched. */
export type Binary =
  | { readonly status: 'found'; readonly path: string }
  | { readonly status: 'missing'; readonly reason: string };

/** Finds a program: the path in the environment variable `setting`, else on the PATH, else in the user's cache folder. */
export async function findBinary(name: string, setting: string): Promise<Binary> {
  const set = process.env[setting];
  // A setting that names nothing is a mistake to show, not a reason to take another binary.
  if (set) {
    if (await isExecutable(set)) return { status: 'found', path: set };
    return { status: 'missing', reason: `${setting} is ${set}, which is no executable file.` };
  }
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kvferry/bin');
  for (const folder of [...(process.env.PATH ?? '').split(delimiter).filter(isAbsolute), cache]) {
    const path = join(folder, name);
    if (await isExecutable(path)) return { status: 'found', path };
  }
  return { status: 'missing', reason: `${setting} is not set, and there is no ${name} on the PATH or in ${cache}.` };
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
