/** A soak of the cache: many random operations over remotes that go wrong. `node apps/bench/src/soak/cli.ts --operations 100000` */
import { Command } from 'commander';
import { wholeNumber } from 'kvferry/terminal';
import pc from 'picocolors';
import { type CommandFlags, runCommand } from '../shared/command.ts';
import { soak } from './soak.ts';

interface Flags extends CommandFlags {
  readonly operations: number;
  readonly seed: number;
}

const command = new Command('soak')
  .description(
    'Runs random operations on caches over remotes that go wrong, and compares what the process holds before and after.',
  )
  .option('--operations <n>', 'how many', wholeNumber, 100_000)
  .option('--seed <n>', 'another sequence of operations', wholeNumber, 1)
  .option('--json', 'print the result as one JSON document');

process.exitCode = await runCommand<Flags>(command, run, () => 1);

async function run({ operations, seed, json }: Flags): Promise<number> {
  const result = await soak(operations, seed, (text) => console.error(text));
  if (json === true) console.log(JSON.stringify(result, undefined, 2));
  else {
    console.table([result.before, result.after].map(({ handles, ...figures }) => ({ ...figures, ...handles })));
    console.log(`${result.operations} operations in ${result.seconds.toFixed(0)} s`);
    for (const problem of result.problems) console.log(pc.red(problem));
  }
  return result.problems.length === 0 ? 0 : 1;
}
