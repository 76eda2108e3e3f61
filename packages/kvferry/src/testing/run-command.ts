import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { main } from '../command/cli.ts';

/** How a run of the command ended, and all that it wrote. */
export interface CommandRun {
  readonly code: number | null;
  readonly out: Buffer;
  readonly err: string;
}

export interface RunOptions {
  readonly stdin?: Uint8Array | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs the command in this process. */
export async function runCommand(args: readonly string[], options: RunOptions = {}): Promise<CommandRun> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(options.stdin ?? '');
  const written = Promise.all([buffer(stdout), buffer(stderr)]);
  const { env = {}, signal = new AbortController().signal } = options;
  const code = await main(args, { stdin, stdout, stderr, env, signal });
  stdout.end();
  stderr.end();
  const [out, err] = await written;
  return { code, out, err: err.toString() };
}

/** Starts the command as a process of its own. It ends with the test at the latest. */
export function startCommand(
  args: readonly string[],
  options: Pick<SpawnOptions, 'env' | 'cwd'> = {},
): { readonly child: ChildProcess; readonly ended: Promise<CommandRun> } {
  const file = fileURLToPath(new URL('../command/bin.ts', import.meta.url));
  const child = spawn(process.execPath, [file, ...args], {
    ...options,
    env: { PATH: process.env.PATH, AWS_EC2_METADATA_DISABLED: 'true', ...options.env },
    stdio: 'pipe',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  // One that ends before it has read all says so by its exit code.
  child.stdin.on('error', () => {});
  const written = Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  const ended = once(child, 'close').then(async ([code]): Promise<CommandRun> => {
    const [out, err] = await written;
    return { code: code as number | null, out, err: err.toString() };
  });
  return { child, ended };
}
