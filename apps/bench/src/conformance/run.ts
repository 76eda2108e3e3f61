import { randomBytes } from 'node:crypto';
import {
  type CaseResult,
  type ConformanceReport,
  cases,
  LEVELS,
  type Level,
  runConformance,
} from '@kvferry/conformance';
import { KvferryError } from '@kvferry/core';
import { openStore } from '../stores/open-store.ts';
import type { OpenStore, StoreRequest } from '../stores/types.ts';
import { runFolder } from './keys.ts';
import { type Load, mostOperations, mostRequests } from './limits.ts';
import { subjectOf } from './subject.ts';

export interface ConformanceJob extends Omit<StoreRequest, 'runFolder'> {
  /** `undefined`: `network`, and `core` for a backend without one. */
  readonly level: Level | undefined;
  readonly signal: AbortSignal;
}

/** Called as the run goes on, to tell a person. */
export interface ConformanceListener {
  onPlan(plan: Plan): void;
  onCase(result: CaseResult): void;
  /** No further case follows. */
  onEnd(): void;
  /** What was removed, as a sentence. */
  onRemoved(what: string): void;
  /** Something of this run is still there: where, and why. */
  onNotRemoved(where: string, error: KvferryError): void;
}

/** What is going to happen, before the first byte is sent. */
export interface Plan extends Pick<OpenStore, 'backend' | 'target' | 'words' | 'identity' | 'place' | 'afterwards'> {
  readonly level: Level;
  /** Starts the name of everything that is written. */
  readonly prefix: string;
  readonly most: Load;
  /** What `most.requests` are. */
  readonly counted: 'requests' | 'operations on items';
  /** Cases of the level, those included that will be skipped. */
  readonly cases: number;
}

export interface ConformanceOutcome {
  readonly plan: Plan;
  readonly report: ConformanceReport;
  readonly seconds: number;
  /** Whether nothing of the run is left. */
  readonly removed: boolean;
}

/** Runs the suite against what the job names, and removes what it has written, whatever comes of it. Rejects when it could not run. */
export async function runJob(job: ConformanceJob, listener: ConformanceListener): Promise<ConformanceOutcome> {
  const { signal } = job;
  const runId = randomBytes(6).toString('hex');
  const store = await openStore({ ...job, runFolder: runFolder(runId) });
  try {
    const plan = planFor(store, job.level, runId);
    signal.throwIfAborted();
    listener.onPlan(plan);
    let removed = false;
    let ran: SuiteRun;
    try {
      await store.prepare(signal);
      const options = { level: plan.level, folder: '', runId, signal };
      ran = await runConformanceOn(store, options, (result) => listener.onCase(result));
    } finally {
      listener.onEnd();
      try {
        const what = await store.remove();
        if (what !== undefined) listener.onRemoved(what);
        removed = true;
      } catch (thrown) {
        listener.onNotRemoved(`${plan.place}, under ${plan.prefix}`, KvferryError.from(thrown));
      }
    }
    return { ...ran, plan, removed };
  } finally {
    await store.close();
  }
}

export interface SuiteOptions {
  readonly level: Level;
  /** Folder of the store to stay in: what all keys begin with, below the configuration's prefix. Empty, or with a slash at its end. */
  readonly folder: string;
  /** Names the suite's own folder in there, `kvferry-conformance-<runId>/`. */
  readonly runId: string;
  readonly signal: AbortSignal;
}

export type SuiteRun = Pick<ConformanceOutcome, 'report' | 'seconds'>;

/** Runs the suite on a store that is open and prepared. What a case leaves behind there is the caller's to remove. Rejects with the signal's reason when that fires. */
export async function runConformanceOn(
  store: OpenStore,
  { folder, level, runId, signal }: SuiteOptions,
  onCase: (result: CaseResult) => void,
): Promise<SuiteRun> {
  const subject = await subjectOf(store, folder);
  try {
    const startMs = performance.now();
    const report = await runConformance(subject.suite, {
      ...{ level, runId, signal },
      onCase: (result) => {
        if (!signal.aborted) onCase(result);
      },
    });
    // Told to end, the suite counts the case that it was in as failed, and the rest as skipped.
    signal.throwIfAborted();
    return { report, seconds: (performance.now() - startMs) / 1000 };
  } finally {
    subject.close();
  }
}

function planFor(store: OpenStore, asked: Level | undefined, runId: string): Plan {
  const { afterwards, backend, identity, keyPrefix, place, s3, target, words } = store;
  const level = asked ?? (s3 === undefined ? 'core' : 'network');
  return {
    ...{ backend, target, words, identity, place, afterwards },
    level,
    prefix: `${keyPrefix}${runFolder(runId)}/`,
    most: s3 === undefined ? mostOperations(level) : mostRequests(level),
    counted: s3 === undefined ? 'operations on items' : 'requests',
    cases: cases.filter((conformanceCase) => LEVELS.indexOf(conformanceCase.level) <= LEVELS.indexOf(level)).length,
  };
}
