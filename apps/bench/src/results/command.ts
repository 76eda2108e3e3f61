import { join } from 'node:path';
import { KvferryError } from '@kvferry/core';
import { Command } from 'commander';
import pc from 'picocolors';
import { compareSummaries } from '../analysis/comparison.ts';
import { summarize } from '../analysis/summarize.ts';
import { checkPlanOptions } from '../planner/plan.ts';
import { comparisonText } from '../report/comparison-text.ts';
import type { RecordedRun } from '../report/run-data.ts';
import { summaryText } from '../report/summary-text.ts';
import type { CommandFlags, Subcommand } from '../shared/command.ts';
import { addPlanFlags, type PlanFlags, planOptionsOf } from '../shared/plan-flags.ts';
import { readRecords, writeReport, writeSummary } from './folder.ts';

type Flags = CommandFlags & PlanFlags;

interface CompareFlags extends Flags {
  readonly out: string | undefined;
}

/** Says again what a saved run comes to, and writes its summary and report anew. */
export function analyzeCommand(call: string): Subcommand {
  const command = addPlanFlags(
    new Command('analyze')
      .argument('<folder>', 'what `run --out` has left')
      .description(
        'Reads the rows of a saved run, says what they come to, and writes summary.json and report.html anew.',
      ),
  )
    .option('--json', 'print the summary as one JSON document')
    .addHelpText('after', `\nExample:\n  ${call} bench-results/20260729T101500 --hardware a100-80g-sxm`);
  return {
    command,
    async run(flags, _signal, [folder = '']) {
      const run = await readRun(folder, flags as Flags);
      console.log(flags.json === true ? JSON.stringify(run.summary, null, 2) : summaryText(run.summary));
      return await toldWhere(folder, async () => {
        await writeSummary(folder, run.summary);
        return await writeReport(folder, await drawn([run]));
      });
    },
  };
}

/** Holds two saved runs against each other. */
export function compareCommand(call: string): Subcommand {
  const command = addPlanFlags(
    new Command('compare')
      .argument('<before>', 'what `run --out` has left')
      .argument('<after>', 'the same of another run')
      .description(
        'Holds two saved runs against each other: what got better, what worse, and what lies within their own spread.',
      ),
  )
    .option('--out <folder>', 'writes a report of both, report.html, there')
    .option('--json', 'print the comparison as one JSON document')
    .addHelpText('after', `\nExample:\n  ${call} bench-results/monday bench-results/tuesday --out comparison`);
  return {
    command,
    async run(given, _signal, [before = '', after = '']) {
      const flags = given as CompareFlags;
      const runs = [await readRun(before, flags), await readRun(after, flags)] as const;
      const comparison = compareSummaries(runs[0].summary, runs[1].summary);
      console.log(flags.json === true ? JSON.stringify(comparison, null, 2) : comparisonText(comparison));
      const { out } = flags;
      return out === undefined ? 0 : await toldWhere(out, async () => await writeReport(out, await drawn(runs)));
    },
  };
}

/** Says where the report is; gives the exit code. That a folder cannot be written to costs no figures: another's run is often there to be read alone. */
async function toldWhere(folder: string, write: () => Promise<string>): Promise<number> {
  try {
    console.error(`Report: ${await write()}`);
    return 0;
  } catch (thrown) {
    const { reason } = KvferryError.from(thrown);
    console.error(pc.red(`There is no new report in ${folder}: ${reason}. The figures are printed here alone.`));
    return 2;
  }
}

/** Drawing libraries take half a second to load. */
async function drawn(runs: readonly RecordedRun[]): Promise<string> {
  const { reportHtml } = await import('../report/report-html.ts');
  return reportHtml(runs);
}

async function readRun(folder: string, flags: Flags): Promise<RecordedRun> {
  const records = await readRecords(folder);
  const plan = planOptionsOf(flags);
  const [head] = records;
  if (head?.kind === 'run') checkPlanOptions(head.model.name, plan);
  return { name: join(folder), summary: summarize(records, plan), records };
}
