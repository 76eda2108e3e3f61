import type { LoadCost } from '../planner/break-even.ts';
import { type PlanOptions, planFor } from '../planner/plan.ts';
import type { PhaseRecord, PromptRow, RunHead, RunRecord } from '../results/records.ts';
import type { PhaseSummary, Summary } from '../results/summary.ts';
import { bestStep, type Step, stepOf } from './best-step.ts';
import { findLimit } from './limit.ts';
import { countBytes, countRetries, summarizeOperations } from './operations.ts';
import { summarizePeers } from './peers.ts';
import { percentilesOf } from './percentiles.ts';
import { summarizePhase, wasNeverBusy } from './phase-summary.ts';
import { problemsOf } from './problems.ts';
import { errorsOf, requestMs } from './rows.ts';
import { partsOf, type RunParts } from './run-parts.ts';

export type { PlanOptions } from '../planner/plan.ts';

/**
 * Says what a run comes to. Pure, and never throws: of a run that was cut off after any line, and of none at all, it says what is known.
 *
 * The figures at the top are those of the best step of the sweep: the lowest concurrency whose median throughput lies within 5 % of the highest.
 */
export function summarize(records: readonly RunRecord[], options: PlanOptions): Summary {
  const parts = partsOf(records);
  const { conformance, end, requests } = parts;
  const head = parts.head ?? UNKNOWN_HEAD;
  const phases = parts.phases.map((phase) => ({ phase, summary: summaryOf(phase, parts) }));
  const steps = phases.flatMap(({ phase, summary }) => {
    // What was read by fewer at a time is no figure of this step.
    const isNarrow = wasNeverBusy(phase, parts.requestsOf.get(phase.id) ?? []);
    return isNarrow ? [] : (stepOf(phase, summary) ?? []);
  });
  const best = bestStep(steps);
  const { client, machine, sharesMachine } = head;
  const { maxRequestsInFlight } = client;
  const limit = findLimit(steps, { cores: machine.cores, sharesMachine, maxRequestsInFlight });
  const { backend, model, target } = head;
  const plan = planFor({ backend, target, model, cost: best && loadCost(best, parts) }, options);
  return {
    backend,
    target,
    model: model.name,
    chunkBytes: model.chunkBytes,
    requests: requests.length,
    bytes: countBytes(requests),
    bytesPerSecond: best?.bytesPerSecond.median ?? 0,
    chunkMilliseconds: chunkMilliseconds(best),
    cpuSecondsPerGiB: best?.phase.cpuSecondsPerGiB ?? null,
    limitedBy: limit?.limitedBy ?? null,
    breakEvenTokens: plan.breakEvenTokens,
    errors: errorsOf(requests),
    peers: summarizePeers(parts.peers),
    conformance: conformance === undefined ? null : withoutKind(conformance),
    status: end?.status ?? 'cut off',
    problems: problemsOf(parts, { reading: best === undefined }),
    startedAt: head.startedAt,
    seconds: (end?.endMs ?? parts.lastMs) / 1000,
    store: head.store,
    sharesMachine,
    machine,
    modelFacts: model,
    bounds: head.bounds,
    limitReason: limit?.reason ?? null,
    concurrency: best?.concurrency ?? null,
    retries: countRetries(requests),
    phases: phases.map(({ summary }) => summary),
    operations: summarizeOperations(requests),
    plan,
    notes: [...head.notes, ...windowNotes(parts), ...partNotes(best, parts)],
  };
}

function summaryOf(phase: PhaseRecord, { promptsOf, requestsOf }: RunParts): PhaseSummary {
  return summarizePhase(phase, requestsOf.get(phase.id) ?? [], promptsOf.get(phase.id) ?? []);
}

function chunkMilliseconds(best: Step | undefined): Summary['chunkMilliseconds'] {
  const times = best?.phase.requestMs;
  return times ? { p50: times.p50, p99: times.p99 } : null;
}

/** What loading takes: throughput and first byte are those of the best step, lookups those of prompts. */
function loadCost({ bytesPerSecond, phase }: Step, parts: RunParts): LoadCost {
  return {
    lookupSeconds: medianLookupMs(parts) / 1000,
    firstByteSeconds: (phase.firstByteMs?.p50 ?? 0) / 1000,
    bytesPerSecond: bytesPerSecond.median,
  };
}

/**
 * Median time of a lookup, in milliseconds: of cold prompts that were found in part; else of any that were cold; else of one stat, since the searches of a lookup
 * go side by side; 0 where none was made.
 */
function medianLookupMs({ phases, promptsOf, requests }: RunParts): number {
  const cold = phases
    .filter(({ workload }) => workload.type === 'hit' && workload.temperature === 'cold')
    .flatMap(({ id, warmUntilMs }) => (promptsOf.get(id) ?? []).filter(({ startMs }) => startMs >= warmUntilMs));
  const found = lookups(cold.filter(({ hitTokens }) => hitTokens > 0));
  const stats = requests.filter(({ operation, status }) => operation === 'stat' && status !== 'failed').map(requestMs);
  return [found, lookups(cold), stats].map((times) => percentilesOf(times)?.p50).find((p50) => p50 !== undefined) ?? 0;
}

function lookups(prompts: readonly PromptRow[]): number[] {
  return prompts.flatMap(({ lookedUpMs, startMs }) => (lookedUpMs === null ? [] : [lookedUpMs - startMs]));
}

function windowNotes({ phases, requestsOf }: RunParts): string[] {
  return phases
    .filter((phase) => phase.endedBy !== 'failed' && wasNeverBusy(phase, requestsOf.get(phase.id) ?? []))
    .map(
      ({ id }) =>
        `${id} never had as many requests in flight as it was meant to: its figures are of all that was measured.`,
    );
}

/** Where chunks travel in parts, a request is one part. */
function partNotes(best: Step | undefined, { head, requestsOf }: RunParts): string[] {
  if (best === undefined || head === undefined) return [];
  const rows = (requestsOf.get(best.phase.id) ?? []).filter(({ bytes, operation }) => operation === 'get' && bytes > 0);
  const isWhole = rows.length === 0 || rows.some(({ bytes }) => bytes >= head.model.chunkBytes);
  return isWhole ? [] : ['Chunks of this size travel in parts: the times per chunk are those of one part.'];
}

function withoutKind({
  failed,
  failures,
  level,
  passed,
  skipped,
}: NonNullable<RunParts['conformance']>): Summary['conformance'] {
  return { level, passed, failed, skipped, failures };
}

/** Of a file without its first line. */
const UNKNOWN_HEAD: RunHead = {
  kind: 'run',
  version: 1,
  startedAt: '',
  backend: 'unknown',
  target: 'unknown',
  store: 'unknown',
  sharesMachine: false,
  identity: 'unknown',
  place: 'unknown',
  model: { name: 'unknown', source: 'unknown', dtype: 'unknown', bytesPerToken: 0, chunkTokens: 0, chunkBytes: 0 },
  bounds: { seconds: 0, bytes: 0, objects: 0, requests: 0, dollars: null },
  client: { maxRequestsInFlight: null, ioThreads: null, addressing: null, scheme: null },
  machine: { date: '', node: 'unknown', platform: 'unknown', processor: 'unknown', cores: 0, loadBefore: [] },
  notes: [],
};
