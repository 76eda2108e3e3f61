import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export const repositoryRoot: string = join(import.meta.dirname, '../..');

export interface ProgramOptions {
  /** Default: the repository's root. */
  readonly cwd?: string | undefined;
  /** `on-failure`: what the program prints goes to our standard error, and only if it fails. Default `always`: our standard streams are its own. */
  readonly output?: 'always' | 'on-failure' | undefined;
}

/** Runs a program and answers its exit code. Programs of the root's node_modules/.bin go by name. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { cwd = repositoryRoot, output = 'always' }: ProgramOptions = {},
): Promise<number> {
  const child = spawn(command, args, {
    cwd,
    stdio: output === 'always' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: `${join(repositoryRoot, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
      TURBO_TELEMETRY_DISABLED: '1',
      TURBO_NO_UPDATE_NOTIFIER: '1',
    },
  });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => printed.push(bytes));
  const [code] = await once(child, 'close');
  if (code !== 0) process.stderr.write(Buffer.concat(printed));
  return code ?? 1;
}

/** Runs a program with the pinned pnpm on its PATH, fetched through npx: turbo and changesets call it by name. */
export async function runWithPnpm(command: string, args: readonly string[], options?: ProgramOptions): Promise<number> {
  const { packageManager } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8'));
  return await runProgram('npx', ['--yes', '--package', packageManager, '--', command, ...args], options);
}
