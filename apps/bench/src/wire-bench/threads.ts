import { availableParallelism } from 'node:os';
import { median } from '../shared/statistics.ts';
import type { Worker } from '../shared/worker.ts';
import type { ClientAnswer, ClientCommand, ServerSetup, Target } from './messages.ts';
import type { ClientName, Plan, Sample } from './plan.ts';
import { ANSWER_MS, startClient, startServer } from './processes.ts';
import type { Dropped } from './run.ts';

/** What a second I/O thread is worth. */
export interface ThreadsResult {
  /** Bytes per second over https of two I/O threads divided by those of one, the median of the rounds. `null` where it was not measured. */
  readonly ratio: number | null;
  /** Cores that this run could use. */
  readonly cores: number;
  readonly goal: number;
  /** Client and server want two cores each: on fewer than four the threads of one side take them from the other, and the ratio says little. */
  readonly outcome: 'ok' | 'missed' | 'not judged' | 'not measured';
}

export interface ThreadsRun {
  readonly result: ThreadsResult;
  readonly failed: readonly Dropped[];
}

/**
 * Reads the same objects with one I/O thread and with two, in turn, round after round. Nothing is bound to a core, and the server is two
 * processes, so that it is not what keeps two threads from reading faster than one.
 */
export async function measureThreads(
  { threads: { cell, rounds, windowMs } }: Plan,
  progress: (text: string) => void,
): Promise<ThreadsRun> {
  progress(`I/O threads  ${cell.operation} ${cell.scheme}, ${cell.bytes} bytes × ${cell.concurrency} in flight`);
  const server = startServer('server of the I/O threads', []);
  const one = startClient(names.one, []);
  const two = startClient(names.two, []);
  try {
    const setup: ServerSetup = { sizes: [cell.bytes], objectsPerSize: cell.concurrency, processes: 2 };
    const target = await server.ask<Target>(setup, ANSWER_MS);
    for (const [worker, client] of [
      [one, names.one],
      [two, names.two],
    ] as const) {
      await tell(worker, { do: 'load', client, target });
      await tell(worker, { do: 'open', cell, verify: 'crc32c' });
    }
    const measure = async (worker: Worker): Promise<number> => {
      const { bytes, seconds } = await tell(worker, { do: 'measure', windowMs });
      return bytes / seconds;
    };
    const ratios: number[] = [];
    for (let round = 0; round < rounds; round++) {
      // Each goes first in every other round.
      const early = await measure(round % 2 === 0 ? one : two);
      const late = await measure(round % 2 === 0 ? two : one);
      ratios.push(round % 2 === 0 ? late / early : early / late);
    }
    return { result: judgeThreads(median(ratios), availableParallelism()), failed: [] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    progress(`I/O threads failed: ${reason}`);
    return { result: judgeThreads(null, availableParallelism()), failed: [{ client: 'kvferry, I/O threads', reason }] };
  } finally {
    await Promise.all([one, two, server].map((worker) => worker.stop()));
  }
}

/** Holds the ratio against its goal, where there are cores enough for it to mean something. */
export function judgeThreads(ratio: number | null, cores: number): ThreadsResult {
  const facts = { ratio, cores, goal: GOAL };
  if (ratio === null) return { ...facts, outcome: 'not measured' };
  if (cores < 4) return { ...facts, outcome: 'not judged' };
  return { ...facts, outcome: ratio >= GOAL ? 'ok' : 'missed' };
}

const GOAL = 1.7;
const names = { one: 'kvferry, 1 I/O thread', two: 'kvferry, 2 I/O threads' } as const satisfies Record<
  string,
  ClientName
>;

type Answered<Command extends ClientCommand> = Command extends { readonly do: 'measure' } ? Sample : undefined;

async function tell<Command extends ClientCommand>(worker: Worker, command: Command): Promise<Answered<Command>> {
  const answer = await worker.ask<ClientAnswer>(command, ANSWER_MS);
  if (answer.status === 'failed' || answer.status === 'unavailable') throw new Error(answer.reason);
  return (answer.status === 'measured' ? answer.sample : undefined) as Answered<Command>;
}
