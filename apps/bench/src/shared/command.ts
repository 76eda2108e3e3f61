import { KvferryError } from '@kvferry/core';
import type { Command } from 'commander';
import { outliveOutput } from 'kvferry/terminal';
import pc from 'picocolors';

/** What every command's flags have. */
export interface CommandFlags {
  readonly json: true | undefined;
}

/** One command of a program that has several. */
export interface Subcommand {
  readonly command: Command;
  /** Gives the exit code. `args`: what stands beside the flags. */
  run(flags: CommandFlags, signal: AbortSignal, args: readonly string[]): Promise<number>;
}

const TERMINATING = ['SIGTERM', 'SIGHUP'] as const;

/** Runs a program of several commands, each as `runCommand` does; the first is meant where none is named. What a command throws is worth 2. */
export async function runProgram(program: Command, subcommands: readonly Subcommand[]): Promise<number> {
  let exitCode = 2;
  outliveOutput(() => 2);
  program.exitOverride();
  for (const [index, { command, run }] of subcommands.entries()) {
    // Its answer is the exit code; commander has no place for it.
    command.action(async () => {
      exitCode = await carriedOut(command, run, () => 2);
    });
    program.addCommand(command.copyInheritedSettings(program), { isDefault: index === 0 });
  }
  try {
    await program.parseAsync();
    return exitCode;
  } catch (thrown) {
    return usageExitCode(thrown);
  }
}

/**
 * Runs a command of this app and gives its exit code: what `run` gives, 2 for flags that cannot be meant, 130 after a signal. The first Ctrl-C fires the
 * signal, so that what was stored can be removed; the second ends the process. SIGTERM and SIGHUP (a closed terminal, a lost ssh) fire it, too. What `run`
 * throws is printed, with `--json` as the document, and `exitCodeOf` says what it is worth.
 */
export async function runCommand<Flags extends CommandFlags>(
  command: Command,
  run: (flags: Flags, signal: AbortSignal, args: readonly string[]) => Promise<number>,
  exitCodeOf: (error: KvferryError) => number,
): Promise<number> {
  outliveOutput((lost) => exitCodeOf(KvferryError.from(lost)));
  try {
    command.exitOverride().parse();
  } catch (thrown) {
    return usageExitCode(thrown);
  }
  return await carriedOut(command, run, exitCodeOf);
}

/** Runs a command whose backend may throw past its callers, which is no reason to leave its objects behind: it counts as a failure, at the end. */
export async function outlivingStrays(run: () => Promise<number>): Promise<number> {
  const stray: unknown[] = [];
  process.on('uncaughtException', (thrown) => stray.push(thrown));
  try {
    const exitCode = await run();
    return stray.length > 0 ? Math.max(1, exitCode) : exitCode;
  } finally {
    for (const thrown of stray) console.error(pc.red(`Thrown where nobody could catch it: ${String(thrown)}`));
  }
}

/** Of what commander throws once it has printed help, or what is wrong. */
function usageExitCode(thrown: unknown): number {
  return (thrown as { exitCode?: number }).exitCode === 0 ? 0 : 2;
}

/** Runs a command whose arguments are parsed. */
async function carriedOut<Flags extends CommandFlags>(
  command: Command,
  run: (flags: Flags, signal: AbortSignal, args: readonly string[]) => Promise<number>,
  exitCodeOf: (error: KvferryError) => number,
): Promise<number> {
  const flags = command.opts<Flags>();
  const interrupt = new AbortController();
  const onTerminate = (): void => interrupt.abort();
  const onInterrupt = (): void => {
    console.error('\nInterrupted: stopping, and removing what was stored. Press Ctrl-C again to leave it.');
    interrupt.abort();
    process.once('SIGINT', () => process.exit(130));
  };
  process.once('SIGINT', onInterrupt);
  // May come more than once: when a terminal closes, its shell passes on what the system has sent to all.
  for (const signal of TERMINATING) process.on(signal, onTerminate);
  try {
    return await run(flags, interrupt.signal, command.args);
  } catch (thrown) {
    if (interrupt.signal.aborted) return 130;
    const error = KvferryError.from(thrown);
    const { code, message } = error;
    if (flags.json === true) console.log(JSON.stringify({ error: { code, message } }, null, 2));
    else console.error(pc.red(message));
    return exitCodeOf(error);
  } finally {
    // A backend of somebody else may keep the process from ending: there is nothing left to stop, so a signal ends it as it ends any other.
    process.off('SIGINT', onInterrupt);
    for (const signal of TERMINATING) process.off(signal, onTerminate);
  }
}
