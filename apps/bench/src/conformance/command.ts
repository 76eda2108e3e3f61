import { LEVELS, type Level } from '@kvferry/conformance';
import { Command, Option } from 'commander';
import { Progress } from 'kvferry/terminal';
import pc from 'picocolors';
import { type CommandFlags, outlivingStrays, type Subcommand } from '../shared/command.ts';
import { addStoreFlags, type StoreFlags, storeRequestOf } from '../stores/flags.ts';
import { announcement, CaseLines, headerText, resultJson, verdictText } from './report.ts';
import { type ConformanceListener, runJob } from './run.ts';

interface Flags extends CommandFlags, StoreFlags {
  readonly level: Level | undefined;
}

/** The suite against a backend and a store of one's choice. `call`: how a shell calls the command, for the examples of its help. */
export function conformanceCommand(call: string): Subcommand {
  const command = addStoreFlags(
    new Command('conformance').description(
      'Tries every sentence of the contract on a backend: over the network, with faults, unless told otherwise.',
    ),
  )
    .addOption(
      new Option('--level <level>', 'each includes the one before (default: network; core without a network)').choices(
        LEVELS,
      ),
    )
    .option('--json', 'print the result as one JSON document')
    .addHelpText('after', furtherHelp(call));
  return { command, run: (flags, signal) => outlivingStrays(() => run(flags as Flags, signal)) };
}

function furtherHelp(call: string): string {
  return `
Credentials for a store that is not the run's own come from the configuration, else from the usual chain of AWS.
Exit code: 0 all passed, 1 a case failed, 2 could not run or tidy up, 130 after Ctrl-C, SIGTERM or SIGHUP.

Examples:
  ${call.replace(/ --$/, '')}
  ${call} --backend file --target file:///mnt/cache
  ${call} --backend s3-compatible --target minio --level core
  ${call} --target https://s3.eu-west-1.amazonaws.com --region eu-west-1 --bucket my-bucket
  ${call} --config lmcache.yaml --live
  ${call} --backend ./my-backend.mjs --target foo://127.0.0.1:7000
  ${call.replace(/^npm run/, 'npm run --silent')} --json > conformance.json`;
}

async function run(flags: Flags, signal: AbortSignal): Promise<number> {
  const store = await storeRequestOf(flags);
  const say = flags.json === true ? () => {} : (text: string) => console.log(text);

  const progress = new Progress('{value}/{total} cases');
  const lines = new CaseLines((line) => progress.aside(() => say(line)));
  let cases = 0;
  let done = 0;
  const listener: ConformanceListener = {
    onPlan(plan) {
      cases = plan.cases;
      say(headerText(plan));
      console.error(`${announcement(plan)}\n`);
    },
    onCase(result) {
      done += 1;
      lines.add(result);
      progress.update('try', done, cases);
    },
    onEnd() {
      lines.end();
      progress.stop();
    },
    onRemoved: (what) => console.error(what),
    onNotRemoved: (where, error) =>
      console.error(pc.red(`What this run stored may still be in ${where}: ${error.message}`)),
  };
  try {
    const outcome = await runJob({ ...store, level: flags.level, signal }, listener);
    for (const problem of outcome.report.leftovers) console.error(pc.yellow(`Not cleaned up behind ${problem}`));
    if (flags.json === true) console.log(JSON.stringify(resultJson(outcome), null, 2));
    else console.log(verdictText(outcome));
    if (outcome.report.failed > 0) return 1;
    return outcome.removed ? 0 : 2;
  } finally {
    progress.stop();
  }
}
