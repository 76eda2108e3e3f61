import type { PeerRecord, PeerTurn } from '../results/records.ts';
import type { Worker } from '../shared/worker.ts';
import type { ObjectBudget } from './budget.ts';
import type { LmcacheSetup, ModuleSetup, ObjectSetup, PeerAnswer, PeerCommand } from './messages.ts';
import { LMCACHE_CLIENT, type PeerClient } from './names.ts';
import { presignReads } from './presign.ts';
import { startClient, unableTo } from './start-client.ts';
import type { PeerListener, PeerRace } from './types.ts';

/** The clients of a comparison. One that fails is out from then on, with the reason; what it did before does not count. */
export class Field {
  readonly #race: PeerRace;
  readonly #endMs: number;
  readonly #contenders: readonly Contender[];

  constructor(clients: readonly PeerClient[], race: PeerRace) {
    this.#race = race;
    this.#endMs = performance.now() + race.maxMs;
    this.#contenders = clients.map((client) => ({
      client,
      worker: undefined,
      version: null,
      outFor: undefined,
      turns: [],
      operationMs: 0,
      lastTurnMs: 0,
    }));
  }

  /** Clients that are still in. */
  get size(): number {
    return this.#in.length;
  }

  /** Starts the processes, side by side. One that hangs is not to take the time of all. */
  async open(): Promise<void> {
    const { concurrency, maxMs, objectBytes, objects: keys, seat, s3: store } = this.#race;
    const setup: ObjectSetup = { store, keys, objectBytes, concurrency };
    // Signed before any clock runs, and for somewhat longer than all may last.
    const seconds = Math.min(604_800, Math.ceil(maxMs / 1000) + 600);
    const plain = store.isExpress ? { origin: '', paths: [] } : await presignReads(store, keys, seconds);
    // What is not set is as LMCache has it.
    const { ioThreads, preferHttp2 = true } = seat.loaded.config.s3;
    await Promise.all(
      this.#contenders.map(async (contender) => {
        const { client } = contender;
        contender.outFor = unableTo(client, store);
        if (contender.outFor !== undefined || this.#race.signal.aborted) return;
        contender.worker = startClient(client);
        const order: ModuleSetup | LmcacheSetup =
          client === LMCACHE_CLIENT ? { ...setup, ioThreads, preferHttp2 } : { ...setup, client, plain, seat };
        const answer = await this.#tell(contender, { do: 'open', ...order }, this.#timeLeft() / 2);
        if (answer?.status === 'open') contender.version = answer.version;
      }),
    );
  }

  /** Has each read the first objects once. All must find the same bytes: kvferry's, which are verified, or else those of the first. */
  async prove(objects: number): Promise<void> {
    let expected: readonly string[] | undefined;
    for (const contender of this.#in) {
      // As when it was opened.
      const answer = await this.#tell(contender, { do: 'prove', objects }, this.#timeLeft() / 2);
      if (answer?.status !== 'proved') continue;
      contender.operationMs = (answer.seconds * 1000 * Math.min(objects, this.#race.concurrency)) / objects;
      expected ??= answer.hashes;
      const wrong = answer.hashes.findIndex((hash, index) => hash !== expected?.[index]);
      if (wrong >= 0)
        await this.#leave(contender, `it read other bytes of ${this.#race.objects[wrong]} than the others`);
    }
  }

  /** Has each work for half a turn, where that leaves time for a round. */
  async warmUp(maxObjects: number, turnObjects: number): Promise<void> {
    const forMs = this.#race.turnMs / 2;
    const wholeMs = sum(this.#in, ({ operationMs }) => forMs + this.#race.turnMs + 2 * operationMs);
    if (maxObjects === 0 || wholeMs > this.#timeLeft()) return;
    for (const contender of this.#in) await this.#turn(contender, forMs, Math.min(maxObjects, turnObjects));
  }

  /** Whether a round can be done with before the end. */
  hasTimeFor(round: number): boolean {
    return this.size > 0 && sum(this.#in, (each) => needMs(each, round)) < this.#timeLeft();
  }

  async takeTurns(round: number, { rounds, turn: maxObjects }: ObjectBudget, listener: PeerListener): Promise<void> {
    const all = this.#in;
    // The first, which has to be, is made shorter where time is short.
    const spareMs = this.#timeLeft() - sum(all, ({ operationMs }) => operationMs);
    const forMs = Math.max(0, Math.min(this.#race.turnMs, spareMs / all.length));
    for (const [index] of all.entries()) {
      const contender = all[(index + round) % all.length] as Contender;
      // One before may have taken the time of several: nobody is out for that.
      if (this.#race.signal.aborted || needMs(contender, round) >= this.#timeLeft()) return;
      listener.onTurn(contender.client, round + 1, rounds);
      const turn = await this.#turn(contender, forMs, maxObjects);
      if (turn !== undefined) contender.turns.push(turn);
    }
  }

  /** Takes all out. */
  disband(reason: string): void {
    for (const contender of this.#in) contender.outFor = reason;
  }

  records(): PeerRecord[] {
    return this.#contenders.map(({ client, outFor, turns, version }) => {
      const isMeasured = outFor === undefined && turns.length > 0;
      return {
        kind: 'peer',
        client,
        version,
        status: isMeasured ? 'measured' : 'left-out',
        reason: isMeasured ? null : (outFor ?? 'the time for the comparison was over before its first turn'),
        turns: isMeasured ? turns : [],
      };
    });
  }

  /** Ends all processes. */
  async stop(): Promise<void> {
    await Promise.all(this.#contenders.map(({ worker }) => worker?.stop()));
  }

  get #in(): readonly Contender[] {
    return this.#contenders.filter(({ outFor }) => outFor === undefined);
  }

  /** Whether a wait that ends now has ended with the time of all, which is no fault of the client's. A timer may fire a part of a millisecond early. */
  get #isTimeUp(): boolean {
    return this.#timeLeft() < 2;
  }

  #timeLeft(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  async #turn(contender: Contender, forMs: number, maxObjects: number): Promise<PeerTurn | undefined> {
    const slowMs = SLOW * (forMs + contender.operationMs) + 2_000;
    const timeoutMs = Math.min(this.#timeLeft(), slowMs);
    const answer = await this.#tell(contender, { do: 'turn', forMs, maxObjects }, timeoutMs);
    if (answer?.status !== 'turn') return undefined;
    const { turn } = answer;
    contender.lastTurnMs = turn.seconds * 1000;
    contender.operationMs = (contender.lastTurnMs * Math.min(turn.requests, this.#race.concurrency)) / turn.requests;
    return turn;
  }

  async #tell(contender: Contender, command: PeerCommand, timeoutMs: number): Promise<PeerAnswer | undefined> {
    const { worker } = contender;
    if (worker === undefined || this.#race.signal.aborted) return undefined;
    const answer = await worker.ask<PeerAnswer>(command, timeoutMs).catch((error: Error): PeerAnswer | undefined => {
      return this.#isTimeUp ? undefined : { status: 'failed', reason: error.message };
    });
    if (answer === undefined) await worker.stop();
    if (answer?.status === 'failed') await this.#leave(contender, answer.reason);
    return answer;
  }

  async #leave(contender: Contender, reason: string): Promise<void> {
    // A library may write whole pages.
    contender.outFor = reason.replace(/\s+/g, ' ').slice(0, 300);
    await contender.worker?.stop();
  }
}

/** How many times as long as it was about to last a turn may last. */
const SLOW = 4;

interface Contender {
  readonly client: PeerClient;
  worker: Worker | undefined;
  version: string | null;
  /** Why it is out; `undefined`: it is in. */
  outFor: string | undefined;
  readonly turns: PeerTurn[];
  /** How long one object takes it, with all slots busy. */
  operationMs: number;
  lastTurnMs: number;
}

/** What a turn of this round takes it at least: one object in each slot, and after the first as long as its last. */
function needMs({ lastTurnMs, operationMs }: Contender, round: number): number {
  return round === 0 ? operationMs : Math.max(operationMs, lastTurnMs);
}

function sum(contenders: readonly Contender[], of: (contender: Contender) => number): number {
  return contenders.reduce((total, contender) => total + of(contender), 0);
}
