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
import { runFolder } from './keys.ts';
import { type Load, mostOperations, mostRequests } from './limits.ts';
import { openSubject, type Subject, type SubjectRequest } from './subject.ts';

export interface ConformanceJob extends Omit<SubjectRequest, 'runId'> {
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
export interface Plan extends Pick<Subject, 'backend' | 'target' | 'store' | 'identity' | 'place' | 'afterwards'> {
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
  const runId = randomBytes(6).toString('hex');
  const subject = await openSubject({ ...job, runId });
  try {
    return await runOn(subject, job, runId, listener);
  } finally {
    await subject.close();
  }
}

async function runOn(
  subject: Subject,
  job: ConformanceJob,
  runId: string,
  listener: ConformanceListener,
): Promise<ConformanceOutcome> {
  const { signal } = job;
  const { suite } = subject;
  const level = job.level ?? (suite.upstream === undefined ? 'core' : 'network');
  const { backend, target, store, identity, place, afterwards } = subject;
  const plan: Plan = {
    ...{ backend, target, store, identity, place, afterwards },
    level,
    prefix: `${subject.keyPrefix}${runFolder(runId)}/`,
    most: suite.upstream === undefined ? mostOperations(level) : mostRequests(level),
    counted: suite.upstream === undefined ? 'operations on items' : 'requests',
    cases: cases.filter((conformanceCase) => LEVELS.indexOf(conformanceCase.level) <= LEVELS.indexOf(level)).length,
  };
  signal.throwIfAborted();
  listener.onPlan(plan);
  let removed = false;
  let outcome: Omit<ConformanceOutcome, 'removed'>;
  try {
    await subject.prepare(signal);
    const startMs = performance.now();
    const onCase = (result: CaseResult): void => {
      if (!signal.aborted) listener.onCase(result);
    };
    const report = await runConformance(suite, { level, runId, signal, onCase });
    outcome = { plan, report, seconds: (performance.now() - startMs) / 1000 };
  } finally {
    listener.onEnd();
    try {
      const what = await subject.remove();
      if (what !== undefined) listener.onRemoved(what);
      removed = true;
    } catch (thrown) {
      listener.onNotRemoved(`${place}, under ${plan.prefix}`, KvferryError.from(thrown));
    }
  }
  signal.throwIfAborted();
  return { ...outcome, removed };
}
