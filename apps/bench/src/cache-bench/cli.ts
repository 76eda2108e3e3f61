/** What the cache adds to the bytes: `npm run bench:cache`. */
import os from 'node:os';
import { Command } from 'commander';
import pc from 'picocolors';
import { busyNotes, describeMachine, startProgress } from '../shared/bench-run.ts';
import { type CommandFlags, runCommand } from '../shared/command.ts';
import { judge } from './goals.ts';
import { measureHashing } from './hashing.ts';
import { measureLookups } from './lookup-cost.ts';
import { FULL_PLAN, QUICK_PLAN } from './plan.ts';
import { toJson, toText } from './report.ts';
import { measureRetrieves } from './retrieve-cost.ts';

interface Flags extends CommandFlags {
  readonly quick: true | undefined;
}

const command = new Command('bench:cache')
  .description('Measures what the cache adds: a retrieval beside the batch get under it, hashing, and looking up.')
  .option('--json', 'print one JSON document on standard output')
  .option('--quick', 'a smoke run of a few seconds: every path, times without meaning')
  .addHelpText(
    'after',
    `
Takes about a minute. Progress goes to standard error. Ends with 1 when something failed or a byte was wrong; a goal that was missed
is shown, and is no failure.

Example:
  npm run --silent bench:cache -- --json > cache.json
  node -p 'require("./cache.json").goals.filter((goal) => goal.outcome === "missed")'`,
  );

process.exitCode = await runCommand<Flags>(command, run, () => 1);

async function run(flags: Flags): Promise<number> {
  const plan = flags.quick === true ? QUICK_PLAN : FULL_PLAN;
  const loadBefore = os.loadavg();
  const progress = startProgress();
  const notes = flags.quick === true ? ['A smoke run: its times mean nothing.'] : busyNotes(loadBefore);
  for (const note of notes) progress(pc.yellow(note));
  progress('hashing');
  const hashMilliseconds = await measureHashing(plan.hashing);
  progress('lookup');
  const lookup = await measureLookups(plan.lookup);
  progress('retrieve: storing, warming up');
  const retrieve = await measureRetrieves(plan.retrieve, progress);
  const figures = { retrieve, hashMilliseconds, lookup };
  const goals = judge(figures);
  const environment = { ...describeMachine(loadBefore), plan };
  if (flags.json === true) console.log(JSON.stringify(toJson(figures, goals, environment), undefined, 2));
  else console.log([toText(figures, goals, environment), ...notes.map(pc.yellow)].join('\n'));
  return 0;
}
