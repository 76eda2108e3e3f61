import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

const repositoryRoot = join(import.meta.dirname, '../..');

/** Runs a program from the root with our standard streams, and answers its exit code. Programs of node_modules/.bin go by name. */
export async function runProgram(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, {
    cwd: repositoryRoot,
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${join(repositoryRoot, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
      TURBO_TELEMETRY_DISABLED: '1',
      TURBO_NO_UPDATE_NOTIFIER: '1',
    },
  });
  const [code] = await once(child, 'close');
  return code ?? 1;
}

/** Runs a program with the pinned pnpm on its PATH, fetched through npx: turbo and changesets call it by name. */
export async function runWithPnpm(command: string, args: readonly string[]): Promise<number> {
  const { packageManager } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8'));
  return await runProgram('npx', ['--yes', '--package', packageManager, '--', command, ...args]);
}
