import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LEVELS, type Level } from '@kvferry/conformance';
import { KvferryError } from '@kvferry/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { modelByName, modelNames } from 'kvferry';
import { formatBytes, formatCount, Progress, parseBytes, wholeNumber } from 'kvferry/terminal';
import pc from 'picocolors';
import { summarize } from '../analysis/summarize.ts';
import { checkPlanOptions } from '../planner/plan.ts';
import { summaryText } from '../report/summary-text.ts';
import { rateText } from '../report/units.ts';
import { ResultsFolder } from '../results/folder.ts';
import type { RunHead, RunRecord } from '../results/records.ts';
import type { Summary } from '../results/summary.ts';
import { type CommandFlags, outlivingStrays, type Subcommand } from '../shared/command.ts';
import { DEFAULT_MODEL } from '../shared/models.ts';
import { addPlanFlags, type PlanFlags, planOptionsOf } from '../shared/plan-flags.ts';
import { addStoreFlags, type StoreFlags, storeRequestOf } from '../stores/flags.ts';
import { type BenchListener, runBench } from './run.ts';
import { DEFAULT_LIMITS } from './run-plan.ts';

interface Flags extends CommandFlags, StoreFlags, PlanFlags {
  readonly model: string;
  readonly maxTime: number;
  readonly maxBytes: number | undefined;
  readonly maxObjects: number;
  readonly conformance: Level | 'off';
  readonly peers: boolean;
  readonly out: string | undefined;
}

/** Measures a store as a KV cache would use it. `call`: how a shell calls the command, for the examples of its help. */
export function runCommandOf(call: string): Subcommand {
  const command = addStoreFlags(
    new Command('run').description(
      'Measures a store as a KV cache would use it: how fast chunks come and go, what limits it, and from which prefix on loading beats recomputing.',
    ),
  )
    .option('--model <name>', `whose chunks: ${modelNames.join(', ')}`, DEFAULT_MODEL)
    .option(
      '--max-time <seconds>',
      'most the whole run may take; what it stored is removed after that',
      readSeconds,
      DEFAULT_LIMITS.seconds,
    )
    .option(
      '--max-bytes <size>',
      `most to move, both ways together, such as 4GiB (default: ${formatBytes(DEFAULT_LIMITS.ownBytes)} on a store of its own, else ${formatBytes(DEFAULT_LIMITS.bytes)})`,
      readBytes,
    )
    .option(
      '--max-objects <count>',
      'most chunks to store at once; the conformance suite has small objects of its own',
      wholeNumber,
      DEFAULT_LIMITS.objects,
    )
    .addOption(
      new Option('--conformance <level>', 'what of the conformance suite to run beside it')
        .choices(['off', ...LEVELS])
        .default('core'),
    )
    .option('--no-peers', 'do not compare with other clients of S3');
  addPlanFlags(command)
    .option('--out <folder>', 'where results go (default: a new folder in bench-results; with --json: none)')
    .option('--json', 'print the summary as one JSON document')
    .addHelpText('after', furtherHelp(call));
  return { command, run: (flags, signal) => outlivingStrays(() => run(flags as Flags, signal)) };
}

function furtherHelp(call: string): string {
  return `
Everything it stores lies under one prefix of its own, and is removed at the end, also after Ctrl-C, SIGTERM or SIGHUP. What the run may cost at most is said before it begins.
Leaves summary.json, rows.ndjson (every request) and report.html (one file, opens anywhere) in the folder.
Exit code: 0 measured, 1 the store failed or a case of the suite did, 2 could not run or tidy up, 130 after one of these.

Examples:
  ${call.replace(/ --$/, '')}
  ${call} --backend s3-express --model llama-3.1-70b
  ${call} --backend s3-compatible --target minio --out minio
  ${call} --config lmcache.yaml --live --max-bytes 8GiB --max-time 60
  ${call.replace(/^npm run/, 'npm run --silent')} --json > summary.json`;
}

async function run(flags: Flags, signal: AbortSignal): Promise<number> {
  const model = modelByName(flags.model);
  const plan = planOptionsOf(flags);
  checkPlanOptions(model.name, plan);
  const store = await storeRequestOf(flags);
  const isOwn = !store.live && (store.target === undefined || ['embedded', 'minio'].includes(store.target));
  const folder = flags.out ?? (flags.json === true ? undefined : freshFolder());
  const results = folder === undefined ? undefined : await ResultsFolder.create(folder);
  const progress = new Progress('{value}/{total} parts, {rate}');
  let removed = true;
  const listener: BenchListener = {
    onPlan(head, afterwards) {
      if (flags.json !== true) console.log(headerText(head));
      console.error(announcement(head, afterwards));
    },
    onRecords: (records) => results?.add(records),
    onProgress: ({ phase, done, steps, bytesPerSecond }) =>
      progress.update(phase, done, steps, { rate: bytesPerSecond === undefined ? '' : rateText(bytesPerSecond) }),
    onRemoved: (what) => progress.aside(() => console.error(what)),
    onNotRemoved(where, error) {
      removed = false;
      progress.aside(() => console.error(pc.red(`What this run stored may still be in ${where}: ${error.message}`)));
    },
  };
  let records: readonly RunRecord[];
  try {
    const bytes = flags.maxBytes ?? (isOwn ? DEFAULT_LIMITS.ownBytes : DEFAULT_LIMITS.bytes);
    records = await runBench(
      {
        ...{ store, model, plan, signal },
        limits: { seconds: flags.maxTime, bytes, objects: flags.maxObjects },
        comparesClients: flags.peers,
        conformance: flags.conformance,
      },
      listener,
    );
  } catch (thrown) {
    await results?.discard();
    throw thrown;
  } finally {
    progress.stop();
  }
  const summary = summarize(records, plan);
  const isKept = results === undefined || (await keep(results, summary, records));
  show(summary, flags.json === true, isKept ? results?.path : undefined);
  return exitCodeOf(summary, removed && isKept);
}

/** Puts summary and report beside the rows. Says whether all of it could be written; if not, what was measured is still worth showing. */
async function keep(results: ResultsFolder, summary: Summary, records: readonly RunRecord[]): Promise<boolean> {
  try {
    let html: string | undefined;
    try {
      // Drawing libraries of half a second: not before there is something to draw.
      const { reportHtml } = await import('../report/report-html.ts');
      html = reportHtml([{ name: results.path, summary, records }]);
    } finally {
      await results.close(summary, html);
    }
    return true;
  } catch (thrown) {
    const { reason } = KvferryError.from(thrown);
    console.error(
      pc.red(`The results in ${results.path} are not whole: ${reason}. The figures are printed here alone.`),
    );
    return false;
  }
}

/** A folder that is not there yet: named by the time of the run, to the second. */
function freshFolder(): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  let path = join('bench-results', time);
  for (let count = 2; existsSync(path); count += 1) path = join('bench-results', `${time}-${count}`);
  return path;
}

function show(summary: Summary, isJson: boolean, folder: string | undefined): void {
  if (isJson) console.log(JSON.stringify(summary, null, 2));
  else console.log(`\n${summaryText(summary)}`);
  if (folder !== undefined) console.error(`Report: ${join(folder, 'report.html')}`);
}

function exitCodeOf({ conformance, status }: Summary, removed: boolean): number {
  if (status === 'interrupted') return 130;
  if (status !== 'complete' || (conformance?.failed ?? 0) > 0) return 1;
  return removed ? 0 : 2;
}

function headerText({ backend, model, store }: RunHead): string {
  const what = `${model.name}, chunks of ${model.chunkTokens} tokens, ${formatBytes(model.chunkBytes)} each`;
  return `${pc.bold('Bench')}: the ${backend} backend, ${what}\n${pc.bold('Store')}: ${store}`;
}

/** What is about to be done, to whose account and where, and what becomes of it. */
function announcement({ bounds, identity, place }: RunHead, afterwards: string): string {
  const load = `at most ${formatBytes(bounds.bytes)} in ${formatCount(bounds.requests)} requests, ${formatCount(bounds.objects)} objects at once, for ${bounds.seconds} s`;
  const price = bounds.dollars === null ? '' : ` That costs at most $${bounds.dollars.toFixed(2)} at list prices.`;
  return `About to move ${load}, as: ${identity}. All keys are in ${place}. ${afterwards}${price}`;
}

/** Timers count milliseconds in 31 bits: one of more fires at once. */
const MOST_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

function readSeconds(text: string): number {
  const seconds = wholeNumber(text);
  if (seconds >= 1 && seconds <= MOST_SECONDS) return seconds;
  throw new InvalidArgumentError(`write a whole number of seconds, from 1 to ${formatCount(MOST_SECONDS)}.`);
}

function readBytes(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined || bytes === 0) throw new InvalidArgumentError('write a size such as 512MiB or 8GiB.');
  return bytes;
}
