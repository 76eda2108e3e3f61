import type { Operation } from '../clients/types.ts';
import type { Cell, ClientName, Scheme, Verify } from './plan.ts';
import type { Measurement } from './run.ts';
import { cpuRatio } from './statistics.ts';

/** A goal of kvferry's, and what became of it in one cell. */
export interface GoalResult {
  readonly operation: Operation;
  readonly scheme: Scheme;
  readonly bytes: number;
  /** Of kvferry's row. */
  readonly verify: Verify;
  readonly against: ClientName;
  /** `at most`: kvferry's CPU divided by the other's. `at least`: the other's divided by kvferry's. */
  readonly comparison: 'at most' | 'at least';
  readonly goal: number;
  /** `null` where one of the two was not measured. */
  readonly ratio: number | null;
  readonly outcome: 'ok' | 'missed' | 'not measured';
}

type Goal = Pick<GoalResult, 'operation' | 'scheme' | 'verify' | 'against' | 'comparison' | 'goal'>;

const GOALS: readonly Goal[] = [
  { operation: 'GET', scheme: 'http', verify: 'none', against: 'floor', comparison: 'at most', goal: 1.25 },
  { operation: 'GET', scheme: 'http', verify: 'none', against: 'undici', comparison: 'at least', goal: 4 },
  { operation: 'GET', scheme: 'http', verify: 'none', against: 'aws-crt', comparison: 'at least', goal: 4 },
  { operation: 'GET', scheme: 'http', verify: 'none', against: '@aws-sdk/client-s3', comparison: 'at least', goal: 8 },
  { operation: 'GET', scheme: 'http', verify: 'crc32c', against: 'floor', comparison: 'at most', goal: 1.7 },
  {
    operation: 'GET',
    scheme: 'http',
    verify: 'crc32c',
    against: '@aws-sdk/client-s3',
    comparison: 'at least',
    goal: 5,
  },
  { operation: 'GET', scheme: 'https', verify: 'none', against: 'undici', comparison: 'at least', goal: 2 },
  { operation: 'GET', scheme: 'https', verify: 'none', against: 'aws-crt', comparison: 'at least', goal: 2 },
  { operation: 'GET', scheme: 'https', verify: 'none', against: '@aws-sdk/client-s3', comparison: 'at least', goal: 4 },
  {
    operation: 'PUT',
    scheme: 'http',
    verify: 'crc32c',
    against: '@aws-sdk/client-s3',
    comparison: 'at most',
    goal: 0.6,
  },
  {
    operation: 'HEAD',
    scheme: 'http',
    verify: 'none',
    against: '@aws-sdk/client-s3',
    comparison: 'at least',
    goal: 30,
  },
];

/** Holds the goals against what was measured, one result for each goal and size. */
export function judge(measurements: readonly Measurement[]): GoalResult[] {
  const cells = [...new Set(measurements.map(({ cell }) => cell))];
  return cells.flatMap((cell) =>
    GOALS.filter(({ operation, scheme }) => operation === cell.operation && scheme === cell.scheme).map((goal) =>
      judgeIn(cell, goal, measurements),
    ),
  );
}

function judgeIn(cell: Cell, goal: Goal, measurements: readonly Measurement[]): GoalResult {
  const find = (client: ClientName, verify: Verify): Measurement | undefined =>
    measurements.find(
      (each) => each.cell === cell && each.contender.client === client && each.contender.verify === verify,
    );
  const ours = find('kvferry', goal.verify);
  const theirs = find(goal.against, 'none');
  const facts = { ...goal, bytes: cell.bytes };
  if (ours === undefined || theirs === undefined) {
    return { ...facts, ratio: null, outcome: 'not measured' };
  }
  if (goal.comparison === 'at most') {
    const ratio = cpuRatio(ours.samples, theirs.samples);
    return { ...facts, ratio, outcome: ratio <= goal.goal ? 'ok' : 'missed' };
  }
  const ratio = cpuRatio(theirs.samples, ours.samples);
  return { ...facts, ratio, outcome: ratio >= goal.goal ? 'ok' : 'missed' };
}
