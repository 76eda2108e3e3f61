/** `npm run conformance`: the suite against a backend and a store of one's choice. */
import { LEVELS, type Level } from '@kvferry/conformance';
import { KvferryError } from '@kvferry/core';
import { formatFinding } from '@kvferry/lmcache';
import { Command, Option } from 'commander';
import { type LoadedConfig, loadConfig } from 'kvferry';
import { collectSet, Progress } from 'kvferry/terminal';
import pc from 'picocolors';
import { type CommandFlags, runCommand } from '../shared/command.ts';
import { announcement, CaseLines, headerText, resultJson, verdictText } from './report.ts';
import { type ConformanceListener, runJob } from './run.ts';

interface Flags extends CommandFlags {
  readonly backend: string | undefined;
  readonly target: string | undefined;
  readonly config: string | undefined;
  readonly live: true | undefined;
  readonly set: Readonly<Record<string, string>>;
  readonly bucket: string | undefined;
  readonly region: string | undefined;
  readonly level: Level | undefined;
}

const command = new Command('npm run conformance --')
  .description(
    'Tries every sentence of the contract on a backend: over the network, with faults, unless told otherwise.',
  )
  .option(
    '--backend <name>',
    'memory, file, s3, s3-express, s3-compatible, or a package or ./file of a plug-in (default: s3)',
  )
  .addOption(
    new Option(
      '--target <store>',
      'embedded (a simulator), minio, or the URL of a store: http(s)://… for s3, file://<folder>, foo://… of a plug-in (default: embedded)',
    ).conflicts('live'),
  )
  .option('--config <file>', 'LMCache YAML file: its bucket, region and prefix count, on the simulator')
  .option('--live', 'use the store that the configuration names (--config, else LMCACHE_CONFIG_FILE)')
  .option('--bucket <name>', 'a bucket that exists; the run stays under one prefix of its own (default: a new one)')
  .option('--region <name>', "region of the bucket (default: the configuration's, AWS_REGION, us-east-1)")
  .addOption(
    new Option('--level <level>', 'each includes the one before (default: network; core without a network)').choices(
      LEVELS,
    ),
  )
  .addOption(
    new Option('--set <NAME=value>', 'fill the placeholder {NAME} of a copied example; repeatable')
      .argParser(collectSet)
      .default({}, 'none'),
  )
  .option('--json', 'print the result as one JSON document')
  .addHelpText(
    'after',
    `
Credentials for a store that is not the run's own come from the configuration, else from the usual chain of AWS.
Exit code: 0 all passed, 1 a case failed, 2 could not run or tidy up, 130 after Ctrl-C.

Examples:
  npm run conformance
  npm run conformance -- --backend file --target file:///mnt/cache
  npm run conformance -- --backend s3-compatible --target minio --level core
  npm run conformance -- --target https://s3.eu-west-1.amazonaws.com --region eu-west-1 --bucket my-bucket
  npm run conformance -- --config lmcache.yaml --live
  npm run conformance -- --backend ./my-backend.mjs --target foo://127.0.0.1:7000
  npm run --silent conformance -- --json > conformance.json`,
  );

// What a backend throws past its callers is no reason to leave its objects behind.
const stray: unknown[] = [];
process.on('uncaughtException', (thrown) => stray.push(thrown));
const exitCode = await runCommand(command, run, () => 2);
for (const thrown of stray) console.error(pc.red(`Thrown where nobody could catch it: ${String(thrown)}`));
process.exitCode = stray.length > 0 ? Math.max(1, exitCode) : exitCode;

async function run(flags: Flags, signal: AbortSignal): Promise<number> {
  const { backend, target, bucket, region, level, live = false } = flags;
  const loaded = await configOf(flags);
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
    const outcome = await runJob({ backend, target, loaded, live, bucket, region, level, signal }, listener);
    for (const problem of outcome.report.leftovers) console.error(pc.yellow(`Not cleaned up behind ${problem}`));
    if (flags.json === true) console.log(JSON.stringify(resultJson(outcome), null, 2));
    else console.log(verdictText(outcome));
    if (outcome.report.failed > 0) return 1;
    return outcome.removed ? 0 : 2;
  } finally {
    progress.stop();
  }
}

/** The configuration, where one is asked for; what is to be said about it goes to standard error. */
async function configOf({ config, live, set }: Flags): Promise<LoadedConfig | undefined> {
  if (config === undefined && live !== true) {
    if (Object.keys(set).length === 0) return undefined;
    throw new KvferryError('INVALID_ARGUMENT', '--set fills the placeholders of a configuration: add --config <file>');
  }
  const loaded = await loadConfig({ file: config, placeholders: set });
  for (const finding of loaded.findings) {
    // Opening the live store makes errors of these.
    if (live !== true || finding.scope === 'always') console.error(pc.yellow(formatFinding(finding)));
  }
  return loaded;
}
