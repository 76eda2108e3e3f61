import { KvferryError } from '@kvferry/core';
import type { Command } from 'commander';
import pc from 'picocolors';

/** What every command's flags have. */
export interface CommandFlags {
  readonly json: true | undefined;
}

/**
 * Runs a command of this app and gives its exit code: what `run` gives, 2 for flags that cannot be meant, 130 after Ctrl-C. The first Ctrl-C fires the
 * signal, so that what was stored can be removed; the second ends the process. What `run` throws is printed, with `--json` as the document, and
 * `exitCodeOf` says what it is worth.
 */
export async function runCommand<Flags extends CommandFlags>(
  command: Command,
  run: (flags: Flags, signal: AbortSignal) => Promise<number>,
  exitCodeOf: (error: KvferryError) => number,
): Promise<number> {
  let flags: Flags;
  try {
    flags = command.exitOverride().parse().opts<Flags>();
  } catch (thrown) {
    // commander has printed help, or what is wrong.
    return (thrown as { exitCode?: number }).exitCode === 0 ? 0 : 2;
  }
  const interrupt = new AbortController();
  process.once('SIGINT', () => {
    console.error('\nInterrupted: stopping, and removing what was stored. Press Ctrl-C again to leave it.');
    interrupt.abort();
    process.once('SIGINT', () => process.exit(130));
  });
  process.once('SIGTERM', () => interrupt.abort());
  try {
    return await run(flags, interrupt.signal);
  } catch (thrown) {
    if (interrupt.signal.aborted) return 130;
    const error = KvferryError.from(thrown);
    const { code, message } = error;
    if (flags.json === true) console.log(JSON.stringify({ error: { code, message } }, null, 2));
    else console.error(pc.red(message));
    return exitCodeOf(error);
  }
}
