import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { conformanceCommand } from './conformance/command.ts';
import { analyzeCommand, compareCommand } from './results/command.ts';
import { runCommandOf } from './run/command.ts';
import type { Subcommand } from './shared/command.ts';

const NAME = 'kvferry-bench';

/** Every command of `kvferry-bench`. */
export function benchCommands(): readonly Subcommand[] {
  return [
    runCommandOf(`${NAME} run`),
    conformanceCommand(`${NAME} conformance`),
    analyzeCommand(`${NAME} analyze`),
    compareCommand(`${NAME} compare`),
  ];
}

export function benchProgram(): Command {
  return new Command(NAME)
    .description(
      'Shows whether a store is fit for KV cache of LLM inference: what it keeps of the contract, and how fast it is.',
    )
    .version(versionOf())
    .showHelpAfterError('(add --help for what there is)');
}

function versionOf(): string {
  const file = createRequire(import.meta.url).resolve(`${NAME}/package.json`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
