import type { Worker } from '../shared/worker.ts';
import type { ClientAnswer, ClientCommand, ServerSetup, Target } from './messages.ts';
import { type Cell, type Contender, contendersOf, type Plan, type Sample } from './plan.ts';
import { ANSWER_MS, type Cores, startClient, startServer } from './processes.ts';

/** What one client did in one cell: a sample per round, in order of rounds. */
export interface Measurement {
  readonly cell: Cell;
  readonly contender: Contender;
  readonly samples: readonly Sample[];
}

export interface RunResult {
  readonly measurements: readonly Measurement[];
  /** Clients whose library does not load on this machine. */
  readonly leftOut: readonly Dropped[];
  /** Clients that failed, or whose bytes were wrong. They are out from then on. */
  readonly failed: readonly Dropped[];
}

export interface Dropped {
  readonly client: string;
  readonly reason: string;
}

/**
 * Measures every cell of the plan with every client. All clients are measured in each round, one at a time, so that whatever happens to
 * the machine meanwhile happens to all of them; each round begins with another.
 */
export async function runPlan(plan: Plan, cores: Cores, progress: (text: string) => void): Promise<RunResult> {
  const server = startServer('server', cores.server);
  const field = new Field(progress);
  try {
    const setup: ServerSetup = {
      sizes: [...new Set(plan.cells.map(({ bytes }) => bytes))],
      objectsPerSize: Math.max(
        1,
        ...plan.cells.filter(({ operation }) => operation !== 'HEAD').map(({ concurrency }) => concurrency),
      ),
      processes: 1,
    };
    const target = await server.ask<Target>(setup, ANSWER_MS);
    await field.load(plan, target, cores);
    const measurements: Measurement[] = [];
    for (const [index, cell] of plan.cells.entries()) {
      progress(
        `${index + 1}/${plan.cells.length}  ${cell.operation} ${cell.scheme}, ${cell.bytes} bytes × ${cell.concurrency} in flight`,
      );
      measurements.push(...(await field.measureCell(cell, plan)));
    }
    return { measurements, leftOut: field.leftOut, failed: field.failed };
  } finally {
    await Promise.all([field.stop(), server.stop()]);
  }
}

/** The clients of a run. */
class Field {
  readonly leftOut: Dropped[] = [];
  readonly failed: Dropped[] = [];
  readonly #workers = new Map<string, Worker>();
  readonly #progress: (text: string) => void;

  constructor(progress: (text: string) => void) {
    this.#progress = progress;
  }

  /** Starts the process of each client of the plan. */
  async load(plan: Plan, target: Target, cores: Cores): Promise<void> {
    const all = plan.cells.flatMap(({ operation }) => contendersOf(operation));
    const distinct = new Map(all.map((contender) => [nameOf(contender), contender]));
    this.#progress(`loading ${distinct.size} clients`);
    await Promise.all(
      [...distinct.values()].map(async (contender) => {
        this.#workers.set(nameOf(contender), startClient(nameOf(contender), cores.client));
        await this.#tell(contender, { do: 'load', client: contender.client, target });
      }),
    );
  }

  async measureCell(cell: Cell, plan: Plan): Promise<Measurement[]> {
    const entered = contendersOf(cell.operation).map((contender) => ({ contender, samples: [] as Sample[] }));
    for (const { contender } of entered) {
      await this.#tell(contender, { do: 'open', cell, verify: contender.verify });
    }
    const endMs = performance.now() + plan.cellMs;
    for (let round = 0; round < plan.rounds; round += 1) {
      if (round > 0 && performance.now() > endMs) {
        this.#progress(`time is up after ${round} of ${plan.rounds} rounds`);
        break;
      }
      for (let turn = 0; turn < entered.length; turn += 1) {
        const entry = entered[(turn + round) % entered.length] as (typeof entered)[number];
        const answer = await this.#tell(entry.contender, { do: 'measure', windowMs: plan.windowMs });
        if (answer?.status === 'measured') {
          entry.samples.push(answer.sample);
        }
      }
    }
    for (const { contender } of entered) {
      await this.#tell(contender, { do: 'close' });
    }
    return entered.flatMap((entry) => (this.#workers.has(nameOf(entry.contender)) ? [{ cell, ...entry }] : []));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
  }

  /** Gives a command to a client that is still in the field, and takes it out when it does not obey. */
  async #tell(contender: Contender, command: ClientCommand): Promise<ClientAnswer | undefined> {
    const name = nameOf(contender);
    const worker = this.#workers.get(name);
    if (worker === undefined) {
      return undefined;
    }
    const answer = await worker.ask<ClientAnswer>(command, ANSWER_MS).catch((error: Error): ClientAnswer => {
      return { status: 'failed', reason: error.message };
    });
    if (answer.status === 'unavailable' || answer.status === 'failed') {
      const list = answer.status === 'failed' ? this.failed : this.leftOut;
      list.push({ client: name, reason: answer.reason });
      this.#progress(`${name} ${answer.status === 'failed' ? 'failed' : 'is left out'}: ${answer.reason}`);
      this.#workers.delete(name);
      await worker.stop();
    }
    return answer;
  }
}

function nameOf({ client, verify }: Contender): string {
  return verify === 'none' ? client : `${client} ${verify}`;
}
