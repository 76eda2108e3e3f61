import { randomBytes } from 'node:crypto';
import { loadavg, totalmem } from 'node:os';
import type { Level } from '@kvferry/conformance';
import { KvferryError } from '@kvferry/core';
import type { ModelShape } from 'kvferry';
import { backendFor } from 'kvferry';
import { type PlanOptions, summarize } from '../analysis/summarize.ts';
import { runConformanceOn, type SuiteRun } from '../conformance/run.ts';
import { type LoadProcess, startLoad } from '../load/load-process.ts';
import type { LoadSetup, OpenedFacts, PhaseOrder } from '../load/messages.ts';
import { PEER_CLIENTS } from '../peers/names.ts';
import { runPeers } from '../peers/run-peers.ts';
import type {
  Bounds,
  ConformanceRecord,
  PeerRecord,
  PhaseRecord,
  RunEnd,
  RunHead,
  RunRecord,
  Workload,
} from '../results/records.ts';
import { describeMachine } from '../shared/bench-run.ts';
import { jobConfig } from '../shared/job-config.ts';
import { chunkBytes } from '../shared/models.ts';
import { openStore } from '../stores/open-store.ts';
import type { OpenStore, StoreRequest } from '../stores/types.ts';
import { boundsOf } from './bounds.ts';
import { OPEN_LOOP_LOAD, planRun, type RunLimits, type RunPlan } from './run-plan.ts';

/** A run, as it was asked for. */
export interface BenchJob {
  readonly store: Omit<StoreRequest, 'runFolder'>;
  readonly model: ModelShape;
  readonly limits: Omit<RunLimits, 'memoryBytes'>;
  /** Whether clients of other makes read the same objects. */
  readonly comparesClients: boolean;
  readonly conformance: Level | 'off';
  readonly plan: PlanOptions;
  readonly signal: AbortSignal;
}

/** Called as the run goes on. */
export interface BenchListener {
  /** What is going to happen, before the first byte is sent. `afterwards`: what becomes of it, a sentence. */
  onPlan(head: RunHead, afterwards: string): void;
  /** What is written down, as it comes. */
  onRecords(records: readonly RunRecord[]): void;
  onProgress(progress: BenchProgress): void;
  /** What was removed, as a sentence. */
  onRemoved(what: string): void;
  /** Something of this run is still there: where, and why. */
  onNotRemoved(where: string, error: KvferryError): void;
}

export interface BenchProgress {
  /** What is under way: `sweep-16`, `peers`, `conformance`. */
  readonly phase: string;
  /** Steps of the whole run that are done, and how many there are. */
  readonly done: number;
  readonly steps: number;
  /** Of what is under way, where it is known. */
  readonly bytesPerSecond: number | undefined;
}

/** A share of what is free, so that the store of an own run and the rest of the machine keep theirs. */
const MEMORY_SHARE = 0.5;
/** Clients are compared at this many requests, or where fewer were best, at those. */
const PEERS_AT = 8;
const PEER_ROUNDS = 5;
const PEER_TURN_MS = 500;
/** In less than that nothing can be measured. */
const LEAST_PART_MS = 100;

/**
 * Measures a store as a KV cache would use it, and gives all that was written down. What a store does wrong in mid-run is in the records; rejects only for what
 * cannot run at all: what was asked for does not go together, or the store cannot be reached at the start. Removes what it has stored, whatever comes of it.
 */
export async function runBench(job: BenchJob, listener: BenchListener): Promise<readonly RunRecord[]> {
  const runFolder = `kvferry-bench-${randomBytes(6).toString('hex')}`;
  const store = await openStore({ ...job.store, runFolder });
  try {
    return await new Run(job, store, runFolder, listener).run();
  } finally {
    await store.close().catch((thrown) => listener.onNotRemoved(store.place, KvferryError.from(thrown)));
  }
}

class Run {
  readonly #job: BenchJob;
  readonly #store: OpenStore;
  readonly #runFolder: string;
  readonly #listener: BenchListener;
  readonly #records: RunRecord[] = [];
  readonly #startedMs = performance.timeOrigin + performance.now();
  readonly #memoryBytes: number;
  readonly #plan: RunPlan;
  readonly #time: AbortSignal;
  /** Fires after a signal such as Ctrl-C, and when the time is up. */
  readonly #over: AbortSignal;
  readonly #skipped: string[] = [];
  /** Of everything that is still to be done, as it was planned. */
  #plannedMs: number;
  readonly #steps: number;
  #done = 0;

  constructor(job: BenchJob, store: OpenStore, runFolder: string, listener: BenchListener) {
    this.#job = job;
    this.#store = store;
    this.#runFolder = runFolder;
    this.#listener = listener;
    const { config } = store.seat.loaded;
    this.#memoryBytes = Math.min(totalmem() / 2, process.availableMemory()) * MEMORY_SHARE;
    // A quarter of it is for what is read at once, which lies in the cache's own memory.
    const memoryBytes = Math.min(this.#memoryBytes, 4 * config.maxLocalCpuBytes);
    this.#plan = planRun({
      limits: { ...job.limits, memoryBytes },
      chunkBytes: chunkBytes(job.model, config.chunkTokens),
      chunkTokens: config.chunkTokens,
      maxRequestsInFlight: requestsInFlight(store),
      comparesClients: job.comparesClients && store.s3 !== undefined,
      conformance: job.conformance,
    });
    this.#time = AbortSignal.timeout(job.limits.seconds * 1000);
    this.#over = AbortSignal.any([job.signal, this.#time]);
    const parts = plannedParts(this.#plan);
    this.#plannedMs = parts.reduce((sum, ms) => sum + ms, 0);
    this.#steps = parts.length;
  }

  async run(): Promise<readonly RunRecord[]> {
    const { signal } = this.#job;
    signal.throwIfAborted();
    const head = this.#head();
    this.#listener.onPlan(head, this.#store.afterwards);
    this.#add([head]);
    let status: RunEnd['status'] = 'complete';
    let error: string | null = null;
    let isPrepared = false;
    let removed = true;
    try {
      await this.#inTime(this.#store.prepare(this.#over));
      isPrepared = true;
      const failed = await this.#measure();
      if (failed) status = 'failed';
    } catch (thrown) {
      if (!isPrepared) throw thrown;
      // What was measured before stands, and is worth a report.
      if (!signal.aborted) {
        status = 'failed';
        error = KvferryError.from(thrown).message;
      }
    } finally {
      removed = await this.#remove();
    }
    if (signal.aborted) status = 'interrupted';
    this.#add([{ kind: 'end', endMs: this.#now(), status, error, skipped: this.#skipped, removed }]);
    return this.#records;
  }

  /** Every part of the plan in turn, until one fails. Says whether one did. */
  async #measure(): Promise<boolean> {
    const load = startLoad();
    try {
      await this.#open(load);
      const { store, hits, sweep, openLoop } = this.#plan;
      for (const order of [store, ...hits, ...sweep]) if (await this.#phase(load, order)) return true;
      const arrivals = this.#arrivals();
      if (arrivals !== undefined && (await this.#phase(load, { ...openLoop, workload: arrivals }))) return true;
    } finally {
      await load.close();
    }
    if (await this.#compare()) return true;
    await this.#conform();
    return false;
  }

  /** What has to be there before anything can be measured. Rejects with TIMEOUT where it is not when the time is up. */
  async #inTime<Result>(asked: Promise<Result>): Promise<Result> {
    try {
      return await asked;
    } catch (thrown) {
      throw this.#job.signal.aborted || !this.#time.aborted ? thrown : this.#late('the store had not answered');
    }
  }

  #late(what: string): KvferryError {
    return new KvferryError('TIMEOUT', `${what} after the ${this.#job.limits.seconds} s of --max-time`);
  }

  async #open(load: LoadProcess): Promise<OpenedFacts> {
    const { model } = this.#job;
    const { chunks, promptChunks } = this.#plan;
    const { seat } = this.#store;
    const setup: LoadSetup = {
      seat: { ...seat, loaded: jobConfig(seat.loaded) },
      runFolder: this.#runFolder,
      // An engine that nobody runs, so that made-up KV is never a hit for a real one.
      engine: {
        modelName: `kvferry-bench/${model.name}`,
        worldSize: 1,
        workerId: 0,
        kvDtype: model.dtype,
        kvShape: model.kvShape,
        pythonHashSeed: '0',
        vllm: false,
      },
      chunks,
      promptChunks,
      epochMs: this.#startedMs,
    };
    return await this.#inTime(load.open(setup, this.#over));
  }

  /** Says whether the phase failed. One for which there is no time is left out. */
  async #phase(load: LoadProcess, order: PhaseOrder): Promise<boolean> {
    const { signal } = this.#job;
    signal.throwIfAborted();
    const planned = order.maxMs + order.warmUpMs;
    const ms = this.#timeFor(order.id, planned);
    if (ms === undefined) {
      // Without it there is nothing to read.
      if (order.workload.type === 'store') throw this.#late('nothing was stored yet');
      return false;
    }
    this.#progress(order.id, undefined);
    const shrink = ms / planned;
    const fitting = {
      ...order,
      maxMs: Math.floor(order.maxMs * shrink),
      warmUpMs: Math.floor(order.warmUpMs * shrink),
    };
    const record = await load.phase(fitting, {
      signal: this.#over,
      onRows: (rows) => this.#add(rows),
      onProgress: (bytesPerSecond) => this.#progress(order.id, bytesPerSecond),
    });
    const isOver = record.endedBy === 'interrupted' && !signal.aborted;
    this.#add([isOver ? { ...record, endedBy: 'time' } : record]);
    this.#done += 1;
    signal.throwIfAborted();
    return record.endedBy === 'failed';
  }

  /**
   * The time for a part of the plan: what was planned, less where the parts before took longer than theirs. `undefined` where that is too little to measure anything: the
   * part is left out then.
   */
  #timeFor(part: string, plannedMs: number): number | undefined {
    const leftMs = this.#job.limits.seconds * 1000 - this.#now();
    const ms = plannedMs * Math.min(1, leftMs / this.#plannedMs);
    this.#plannedMs -= plannedMs;
    if (ms >= LEAST_PART_MS) return ms;
    this.#skipped.push(part);
    this.#done += 1;
    return undefined;
  }

  /** Prompts at a rate that the store has shown to carry; `undefined` where it has shown nothing. */
  #arrivals(): Extract<Workload, { readonly type: 'open-loop' }> | undefined {
    const { bytesPerSecond, modelFacts } = summarize(this.#records, this.#job.plan);
    if (bytesPerSecond === 0) return undefined;
    const share = 0.5;
    const promptTokens = this.#plan.promptChunks * modelFacts.chunkTokens;
    const bytes = Math.round(this.#plan.promptChunks * share) * modelFacts.chunkBytes;
    return { type: 'open-loop', promptsPerSecond: (OPEN_LOOP_LOAD * bytesPerSecond) / bytes, share, promptTokens };
  }

  /** Says whether the store failed. */
  async #compare(): Promise<boolean> {
    const { peers } = this.#plan;
    const { s3, seat, keyPrefix } = this.#store;
    if (peers === undefined || s3 === undefined) return false;
    const { signal } = this.#job;
    const partMs = this.#timeFor('peers', peers.maxMs);
    if (partMs === undefined) return false;
    const { chunkBytes: objectBytes } = this.#modelFacts();
    const startMs = this.#now();
    this.#progress('peers', undefined);
    const { concurrency: best } = summarize(this.#records, this.#job.plan);
    // Each client has as many objects in memory as it reads at once.
    const inMemory = Math.floor(this.#memoryBytes / PEER_CLIENTS.length / objectBytes);
    let concurrency = Math.max(1, Math.min(PEERS_AT, best ?? PEERS_AT, inMemory));
    let records: readonly PeerRecord[] = [];
    let error: PhaseRecord['error'] = null;
    try {
      const objects = (await this.#storedKeys(objectBytes)).map((key) => keyPrefix + key);
      const maxMs = partMs - (this.#now() - startMs);
      if (objects.length === 0) throw new KvferryError('UNKNOWN', 'no object is there to be read');
      // A store that is slow may have less than a prompt of them.
      concurrency = Math.min(concurrency, objects.length);
      records = await runPeers(
        {
          ...{ s3, seat, objects, objectBytes, concurrency, signal },
          ...{ rounds: PEER_ROUNDS, turnMs: PEER_TURN_MS, maxMs, maxBytes: peers.maxBytes },
        },
        { onTurn: () => this.#progress('peers', undefined) },
      );
    } catch (thrown) {
      signal.throwIfAborted();
      if (this.#time.aborted) {
        this.#skipped.push('peers, which was begun');
        return false;
      }
      const { code, message } = KvferryError.from(thrown);
      error = { code, message };
    }
    const workload: Workload = { type: 'peers', concurrency };
    const endedBy = error === null ? ('done' as const) : ('failed' as const);
    const endMs = this.#now();
    this.#add([
      ...records,
      { kind: 'phase', id: 'peers', workload, startMs, warmUntilMs: startMs, endMs, endedBy, error, process: null },
    ]);
    this.#done += 1;
    return error !== null;
  }

  /** What is really there, below the run's folder, without the configuration's prefix. */
  async #storedKeys(objectBytes: number): Promise<string[]> {
    const { seat } = this.#store;
    const backend = await backendFor(seat.loaded, { backends: seat.backends, ...seat.overrides });
    const keys: string[] = [];
    try {
      await backend.open({ signal: this.#over });
      for await (const { key, byteLength } of backend.list({
        prefix: `${this.#runFolder}/`,
        signal: this.#over,
      })) {
        if (byteLength === objectBytes) keys.push(key);
      }
    } finally {
      await backend.close();
    }
    return keys;
  }

  async #conform(): Promise<void> {
    const { conformanceMs } = this.#plan;
    const { conformance: level, signal } = this.#job;
    if (conformanceMs === undefined || level === 'off') return;
    // It comes last, and a suite that is not finished says nothing: all the time that is left.
    if (this.#timeFor('conformance', conformanceMs) === undefined) return;
    this.#progress('conformance', undefined);
    try {
      const outcome = await runConformanceOn(
        this.#store,
        { level, folder: `${this.#runFolder}/`, runId: 'suite', signal: this.#over },
        () => this.#progress('conformance', undefined),
      );
      this.#add([conformanceRecord(level, outcome)]);
    } catch (thrown) {
      signal.throwIfAborted();
      if (!this.#time.aborted) throw thrown;
      this.#skipped.push('conformance, which was begun');
    }
    this.#done += 1;
  }

  async #remove(): Promise<boolean> {
    try {
      const what = await this.#store.remove();
      if (what !== undefined) this.#listener.onRemoved(what);
      return true;
    } catch (thrown) {
      this.#listener.onNotRemoved(this.#place(), KvferryError.from(thrown));
      return false;
    }
  }

  #head(): RunHead {
    const { backend, details, isOwn, identity, s3, seat, target, words } = this.#store;
    const model = this.#modelFacts();
    const bounds: Bounds = boundsOf({
      ...{ backend, target, region: s3?.region, model },
      ...{ plan: this.#plan, limits: this.#job.limits, conformance: this.#job.conformance },
    });
    return {
      kind: 'run',
      version: 1,
      startedAt: new Date(this.#startedMs).toISOString(),
      backend,
      target,
      store: words,
      sharesMachine: isOwn,
      identity,
      place: this.#place(),
      model,
      bounds,
      client: {
        maxRequestsInFlight: requestsInFlight(this.#store) ?? null,
        ioThreads: s3 === undefined ? null : Number(details.ioThreads ?? 0),
        addressing: s3?.addressing ?? null,
        scheme: s3 === undefined ? null : s3.endpoint.startsWith('https:') ? 'https' : 'http',
      },
      machine: describeMachine(loadavg()),
      notes: this.#notes(seat.loaded.file),
    };
  }

  #modelFacts(): RunHead['model'] {
    const { model } = this.#job;
    const { chunkTokens } = this.#store.seat.loaded.config;
    const bytes = chunkBytes(model, chunkTokens);
    return {
      name: model.name,
      source: model.source,
      dtype: model.dtype,
      bytesPerToken: bytes / chunkTokens,
      chunkTokens,
      chunkBytes: bytes,
    };
  }

  #notes(file: string): string[] {
    const notes: string[] = [];
    if (this.#store.target === 'embedded' && this.#store.backend === 's3-express') {
      notes.push(
        'S3 Express One Zone was simulated: no server that could be had here speaks it. Its figures say what the client does, not what AWS does.',
      );
    } else if (this.#store.target === 'embedded') {
      notes.push('The store was the embedded simulator: its figures say what the client does, not what a store does.');
    }
    if (this.#store.isOwn) notes.push('Store and client shared the processors of this machine.');
    if (this.#job.store.loaded !== undefined) notes.push(`Configured by ${file}.`);
    return notes;
  }

  #place(): string {
    return `${this.#store.place}, under ${this.#store.keyPrefix}${this.#runFolder}/`;
  }

  #add(records: readonly RunRecord[]): void {
    for (const record of records) this.#records.push(record);
    this.#listener.onRecords(records);
  }

  #progress(phase: string, bytesPerSecond: number | undefined): void {
    this.#listener.onProgress({ phase, done: this.#done, steps: this.#steps, bytesPerSecond });
  }

  #now(): number {
    return performance.timeOrigin + performance.now() - this.#startedMs;
  }
}

/** The time of each part of a plan. */
function plannedParts({ conformanceMs = 0, hits, openLoop, peers, store, sweep }: RunPlan): number[] {
  const phases = [store, ...hits, ...sweep, openLoop].map(({ maxMs, warmUpMs }) => maxMs + warmUpMs);
  return [...phases, peers?.maxMs ?? 0, conformanceMs].filter((ms) => ms > 0);
}

/** The client's limit, where the store is reached over a network. */
function requestsInFlight({ s3, seat }: OpenStore): number | undefined {
  if (s3 === undefined) return undefined;
  return Math.min(seat.loaded.config.s3.ioThreads, seat.overrides.maxRequestsInFlight ?? Number.POSITIVE_INFINITY);
}

function conformanceRecord(level: Level, { report, seconds }: SuiteRun): ConformanceRecord {
  const { failed, passed, skipped, provisional } = report;
  const failures = report.cases.flatMap(({ id, title, status, reason = '' }) =>
    status === 'failed' ? [{ id, title, reason }] : [],
  );
  return { kind: 'conformance', level, passed, failed, skipped: skipped + provisional, seconds, failures };
}
