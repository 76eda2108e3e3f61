import Table from 'cli-table3';
import pc from 'picocolors';
import type { Machine } from '../shared/bench-run.ts';
import type { Figures, GoalResult } from './goals.ts';
import type { CacheBenchPlan } from './plan.ts';

/** Under what conditions the figures came about. */
export interface Environment extends Machine {
  readonly plan: CacheBenchPlan;
}

/** The run as one JSON document. */
export function toJson(
  { retrieve, hashMilliseconds, lookup }: Figures,
  goals: readonly GoalResult[],
  environment: Environment,
): object {
  const { overBatchGet, cpuSecondsPerGiB } = retrieve;
  return {
    retrieveOverBatchGet: overBatchGet['tier off'],
    retrieveOverBatchGetTierOn: overBatchGet['tier on'],
    retrieveOverBatchGetFromTier: overBatchGet['from the tier'],
    cpuSecondsPerGiB: {
      batchGet: cpuSecondsPerGiB['batch get'],
      tierOff: cpuSecondsPerGiB['tier off'],
      tierOn: cpuSecondsPerGiB['tier on'],
      fromTier: cpuSecondsPerGiB['from the tier'],
    },
    hashMilliseconds,
    lookup512: lookup,
    goals,
    environment,
  };
}

/** The run as tables for a person. */
export function toText(
  { retrieve, hashMilliseconds, lookup }: Figures,
  goals: readonly GoalResult[],
  { plan, node, cores }: Environment,
): string {
  const { cpuSecondsPerGiB, overBatchGet } = retrieve;
  const chunkKiB = plan.retrieve.layers * 128;
  const costs = table(
    ['', 'client CPU s/GiB', '× batch get'],
    [
      ['backend.get, one batch', cpuSecondsPerGiB['batch get'].toFixed(3), ''],
      ['retrieve, local tier off', cpuSecondsPerGiB['tier off'].toFixed(3), overBatchGet['tier off'].toFixed(3)],
      [
        'retrieve, local tier on: loaded and kept, others evicted',
        cpuSecondsPerGiB['tier on'].toFixed(3),
        overBatchGet['tier on'].toFixed(3),
      ],
      [
        'retrieve out of the local tier',
        cpuSecondsPerGiB['from the tier'].toFixed(3),
        overBatchGet['from the tier'].toFixed(3),
      ],
    ],
  );
  const hashes = table(
    ['', 'ms, median'],
    Object.entries(hashMilliseconds).map(([name, ms]) => [name, ms.toFixed(2)]),
  );
  const judged = table(
    ['goal', 'found', 'at most', ''],
    goals.map(({ what, found, goal, outcome }) => [
      what,
      Number.isInteger(found) ? `${found}` : found.toFixed(3),
      `${goal}`,
      (outcome === 'ok' ? pc.green : pc.yellow)(outcome),
    ]),
  );
  return [
    pc.bold(`Retrieving ${plan.retrieve.chunks} chunks of ${chunkKiB} KiB, ${plan.retrieve.rounds} rounds`),
    costs,
    pc.bold(`Hashing ${plan.hashing.tokens} tokens, ${plan.hashing.runs} warm runs`),
    hashes,
    pc.bold(`Looking up ${plan.lookup.chunks} chunks, at worst over all lengths of the hit`),
    `  ${lookup.probes} probes in ${lookup.roundTrips} round trips\n`,
    judged,
    `CPU is user and system time of this process; the store is the simulator, in a process of its own. Node ${node}, ${cores} cores.`,
  ].join('\n');
}

function table(head: string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({
    head,
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  made.push(...rows.map((row) => [...row]));
  return `${made.toString()}\n`;
}
