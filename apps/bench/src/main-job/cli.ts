/** The main job, `npm start`: real text, stored and loaded again by a second process. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatFinding } from '@kvferry/lmcache';
import { Command, InvalidArgumentError, Option } from 'commander';
import { describeRemote, type LoadedConfig, loadConfig, modelByName, modelNames } from 'kvferry';
import { collectSet, formatBytes, formatCount, Progress, parseBytes } from 'kvferry/terminal';
import pc from 'picocolors';
import { type CommandFlags, runCommand } from '../shared/command.ts';
import { DEFAULT_MODEL } from '../shared/models.ts';
import { configurationText, planText, resultJson, resultText } from './report.ts';
import { defaultMaxBytes, type MainJobListener, type Plan, runMainJob, type Store } from './run.ts';

interface Flags extends CommandFlags {
  readonly config: string | undefined;
  readonly endpoint: string | undefined;
  readonly live: true | undefined;
  readonly backend: readonly string[];
  readonly model: string;
  readonly set: Readonly<Record<string, string>>;
  readonly text: string | undefined;
  readonly maxBytes: number | undefined;
}

const exampleConfig = relative(
  process.cwd(),
  fileURLToPath(new URL('../../../../examples/configs/s3-basic.yaml', import.meta.url)),
);

const command = new Command('npm start --')
  .description(
    'Stores the KV cache of a real text, then looks it up and loads it from a second process and compares every byte.',
  )
  .option('--config <file>', 'LMCache YAML file (default: LMCACHE_CONFIG_FILE, else examples/configs/s3-basic.yaml)')
  .addOption(new Option('--endpoint <url>', 'S3 store to use in place of the embedded simulator').conflicts('live'))
  .option('--live', 'use the store that the configuration names')
  .addOption(
    new Option(
      '--backend <name>',
      'package or ./file of a backend for the URL that the configuration names; repeatable',
    )
      .argParser((name: string, previous: readonly string[]) => [...previous, name])
      .default([], 'none'),
  )
  .option('--model <name>', `whose KV layout to use: ${modelNames.join(', ')}`, DEFAULT_MODEL)
  .addOption(
    new Option('--set <NAME=value>', 'fill the placeholder {NAME} of a copied example; repeatable')
      .argParser(collectSet)
      .default({}, 'none'),
  )
  .option('--text <file>', "text to tokenise (default: this repository's documentation and source)")
  .option(
    '--max-bytes <size>',
    'most KV to make, such as 512MiB (default: 2 GiB, or a quarter of free memory)',
    readBytes,
  )
  .option('--json', 'print the result as one JSON document')
  .addHelpText(
    'after',
    '\nExample:\n  npm start -- --config lmcache.yaml --model deepseek-v3\n  npm --silent start -- --json',
  );

process.exitCode = await runCommand(command, run, ({ code }) =>
  ['CONFIG_INVALID', 'INVALID_ARGUMENT', 'UNSUPPORTED'].includes(code) ? 2 : 1,
);

async function run(flags: Flags, signal: AbortSignal): Promise<number> {
  const store: Store =
    flags.live === true
      ? { kind: 'live' }
      : flags.endpoint === undefined
        ? { kind: 'embedded' }
        : { kind: 'endpoint', url: flags.endpoint };
  const file = flags.config ?? process.env.LMCACHE_CONFIG_FILE ?? exampleConfig;
  const model = modelByName(flags.model);
  const loaded = await loadConfig({ file, placeholders: flags.set });
  const say = flags.json === true ? () => {} : (text: string) => console.log(text);
  say(storeLine(store, loaded));
  for (const finding of loaded.findings) {
    // Opening the live store makes errors of these.
    if (store.kind !== 'live' || finding.scope === 'always') console.error(pc.yellow(formatFinding(finding)));
  }
  say(`\n${configurationText(loaded)}`);

  const progress = new Progress('{value}/{total} chunks, {eta_formatted} left');
  const listener: MainJobListener = {
    onPlan(plan) {
      say(`\n${planText(plan, model.name)}`);
      if (store.kind !== 'embedded') console.error(announcement(plan));
    },
    onNote: (note) => console.error(pc.yellow(note)),
    onProgress: (phase, chunks, total) => progress.update(phase, chunks, total),
    onRemoved: (objects) => console.error(`Removed the ${formatCount(objects)} objects of this run.`),
    onNotRemoved: (prefix, error) =>
      console.error(
        pc.red(`What this run stored may still be there, under keys that start with ${prefix}: ${error.message}`),
      ),
  };
  const maxBytes = flags.maxBytes ?? defaultMaxBytes();
  try {
    const result = await runMainJob(
      {
        loaded,
        placeholders: flags.set,
        backends: flags.backend,
        model,
        store,
        textFile: flags.text,
        maxBytes,
        signal,
      },
      listener,
    );
    progress.stop();
    if (flags.json === true) console.log(JSON.stringify(resultJson(result, loaded, model.name), null, 2));
    else console.log(`\n${resultText(result)}`);
    return result.reader.mismatches === 0 && result.reader.verifiedBytes === result.plan.bytes ? 0 : 1;
  } finally {
    progress.stop();
  }
}

function storeLine(store: Store, loaded: LoadedConfig): string {
  const named = describeRemote(loaded);
  switch (store.kind) {
    case 'embedded':
      return `${pc.bold('Store')}: the embedded simulator, nothing leaves this machine. The configuration names: ${named}`;
    case 'endpoint':
      return `${pc.bold('Store')}: ${store.url}. The configuration names: ${named}`;
    case 'live':
      return `${pc.bold('Store')}: live, ${named}`;
  }
}

function announcement(plan: Plan): string {
  const what = `${formatBytes(plan.bytes)} in ${formatCount(plan.chunks)} objects`;
  return `About to store ${what} in ${plan.namespace} at ${plan.endpoint}, as: ${plan.identity}. They are removed at the end.`;
}

function readBytes(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('write a size such as 512MiB or 2GiB.');
  return bytes;
}
