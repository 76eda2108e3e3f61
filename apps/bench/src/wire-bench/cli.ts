import os from 'node:os';
import { Command } from 'commander';
import { outliveOutput } from 'kvferry/terminal';
import pc from 'picocolors';
import { busyNotes, startProgress } from '../shared/bench-run.ts';
import { describeEnvironment, type Environment } from './environment.ts';
import { type GoalResult, judge } from './goals.ts';
import { FULL_PLAN, QUICK_PLAN } from './plan.ts';
import { chooseCores } from './processes.ts';
import { toRow } from './rows.ts';
import { type RunResult, runPlan } from './run.ts';
import { renderTables } from './tables.ts';
import { measureThreads, type ThreadsResult } from './threads.ts';

outliveOutput(() => 1);

const command = new Command('bench:wire')
  .description(
    "Measures what a byte costs: kvferry's GET, PUT and HEAD beside other clients on the same server, and beside a bare socket.",
  )
  .option('--json', 'print one JSON document { rows, goals, threads, environment } on standard output')
  .option('--quick', 'a smoke run of a few seconds: every client, every path, figures without meaning')
  .addHelpText(
    'after',
    `
Takes three to four minutes. Progress goes to standard error. Ends with 1 when a client failed or read or sent wrong bytes; a goal
that was missed is shown, and is no failure.

Example:
  npm run --silent bench:wire -- --json > wire.json
  node -p 'require("./wire.json").goals.filter((goal) => goal.outcome === "missed")'`,
  )
  .parse();
const options: { json?: boolean; quick?: boolean } = command.opts();

const plan = options.quick === true ? QUICK_PLAN : FULL_PLAN;
const cores = chooseCores();
const loadBefore = os.loadavg();
const progress = startProgress();
for (const warning of busyNotes(loadBefore)) {
  progress(pc.yellow(warning));
}
const cells = await runPlan(plan, cores, progress);
const threadsRun = await measureThreads(plan, progress);
const result: RunResult = { ...cells, failed: [...cells.failed, ...threadsRun.failed] };
const goals = judge(result.measurements);
const environment = describeEnvironment(plan, cores, loadBefore, result);
const threads = threadsRun.result;
process.stdout.write(
  options.json === true ? toJson(result, goals, threads, environment) : toText(result, goals, threads, environment),
);
process.exitCode = result.failed.length > 0 ? 1 : 0;

function toJson(
  { measurements }: RunResult,
  goals: readonly GoalResult[],
  threads: ThreadsResult,
  environment: Environment,
): string {
  return `${JSON.stringify({ rows: measurements.map(toRow), goals, threads, environment }, undefined, 2)}\n`;
}

function toText(
  { measurements, leftOut, failed }: RunResult,
  goals: readonly GoalResult[],
  threads: ThreadsResult,
  environment: Environment,
): string {
  const met = goals.filter(({ outcome }) => outcome === 'ok').length;
  const libraries = Object.entries(environment.libraries).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `CPU is user and system time of the client's process. Medians of at least ${environment.rounds} rounds, each with every client in turn;`,
    'ratios are taken within a round. kvferry and the SDK sign their requests, the others do not.',
    `Node ${environment.node}, ${libraries.join(', ')}; ${environment.cores} cores, ${environment.coreBinding}.`,
    `Server: ${environment.server}.`,
    threadsText(threads),
    ...(options.quick === true
      ? [pc.yellow('A smoke run: its figures mean nothing.')]
      : busyNotes(loadBefore).map(pc.yellow)),
    ...leftOut.map(({ client, reason }) => `Left out: ${client}: ${reason}`),
    ...failed.map(({ client, reason }) => pc.red(`Failed: ${client}: ${reason}`)),
    `${met} of ${goals.length} goals met.`,
  ];
  return `${renderTables(measurements, goals)}\n${lines.join('\n')}\n`;
}

function threadsText({ ratio, cores, goal, outcome }: ThreadsResult): string {
  const found = ratio === null ? 'no figure' : `${ratio.toFixed(2)} times the bytes per second of one`;
  return `Two I/O threads over https: ${found}; goal ≥${goal} on four cores or more, here ${cores}: ${outcome}.`;
}
