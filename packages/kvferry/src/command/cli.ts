import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { KvferryError } from '@kvferry/core';
import { Command } from 'commander';
import pc from 'picocolors';
import { doctorCommand } from './doctor.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { inspectCommand } from './inspect.ts';
import { type CommandIo, say } from './io.ts';
import { lookupCommand } from './lookup.ts';
import { probeCommand } from './probe.ts';
import { retrieveCommand } from './retrieve.ts';
import { storeCommand } from './store.ts';
import type { Subcommand } from './subcommand.ts';

const subcommands: readonly (() => Subcommand)[] = [
  storeCommand,
  lookupCommand,
  retrieveCommand,
  inspectCommand,
  doctorCommand,
  probeCommand,
];

/**
 * Runs `kvferry` with these arguments and gives its exit code. What goes wrong is said in one line on standard error, with `--json` as a document on
 * standard output; never as a stack.
 */
export async function main(args: readonly string[], io: CommandIo): Promise<number> {
  let exitCode: number = EXIT.usage;
  const program = programFor(io);
  for (const make of subcommands) {
    const { command, run } = make();
    // What it answers is the exit code; commander has no place for it.
    command.action(async (flags: { readonly json?: true }) => {
      exitCode = await answered(() => run(flags, io), flags.json === true, io);
    });
    program.addCommand(command.copyInheritedSettings(program));
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    // commander has printed help, or what is wrong with the flags.
    return (thrown as { exitCode?: number }).exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}

function programFor(io: CommandIo): Command {
  return new Command('kvferry')
    .description('Stores, finds and loads KV cache of LLM inference in object storage, as LMCache names it.')
    .version(versionOf())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText(
      'after',
      `
Exit code: 0 done, 1 something failed, 2 a flag, a file or the configuration cannot be meant, 3 not complete (where that was
asked), 130 after Ctrl-C.

Example:
  kvferry lookup --config lmcache.yaml --model llama-3.1-8b --tokens tokens.json`,
    );
}

async function answered(run: () => Promise<number>, json: boolean, io: CommandIo): Promise<number> {
  try {
    return await run();
  } catch (thrown) {
    if (io.signal.aborted) {
      say(io.stderr, 'Interrupted.');
      return EXIT.interrupted;
    }
    const { code, message } = KvferryError.from(thrown);
    if (json) say(io.stdout, JSON.stringify({ error: { code, message } }, null, 2));
    else say(io.stderr, pc.red(message));
    return exitCodeOf(code);
  }
}

function versionOf(): string {
  const file = createRequire(import.meta.url).resolve('kvferry/package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
