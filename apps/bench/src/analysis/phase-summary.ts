import type { PhaseRecord, PromptRow, RequestRow } from '../results/records.ts';
import type { PhaseSummary } from '../results/summary.ts';
import { percentilesOf } from './percentiles.ts';
import { errorsOf, firstByteMs, isAnswered, isCalledOff, promptFlow, requestFlow, requestMs } from './rows.ts';
import { busyWindow, bytesOf, type Flow, measuredWindow, throughputOf, type Window } from './window.ts';

const GIB = 1024 ** 3;

/**
 * Sums up a phase. Rows that begin before it was warm count for errors alone, and for the bytes that its CPU is divided by.
 *
 * Throughput is that of its honest window: of a sweep the stretch in which all its slots were busy, of anything else all that came after the warm-up. Where prompts
 * are stored or loaded, their bytes count, wherever they came from; else those of requests. Latencies are those of the requests that carry values (`get`, else
 * `put`), answered ones only, and of those that began before the window's end, whenever they ended: the longer one takes, the less likely it lies wholly inside, so
 * that of these alone a slow store would look the better. The first byte of a put's answer is its end, and says nothing.
 */
export function summarizePhase(
  phase: PhaseRecord,
  requests: readonly RequestRow[],
  prompts: readonly PromptRow[],
): PhaseSummary {
  const measured = requests.filter(({ startMs }) => startMs >= phase.warmUntilMs);
  const asked = prompts.filter(({ startMs }) => startMs >= phase.warmUntilMs);
  const window = honestWindow(phase, measured);
  const flows = asked.length > 0 ? asked.map(promptFlow) : measured.map(requestFlow);
  const timed = timedRequests(measured, window);
  return {
    id: phase.id,
    workload: phase.workload,
    endedBy: phase.endedBy,
    error: phase.error,
    seconds: (window.endMs - window.startMs) / 1000,
    requests: measured.filter(({ endMs }) => endMs >= window.startMs && endMs <= window.endMs).length,
    bytes: Math.round(bytesOf(flows, window)),
    bytesPerSecond: throughputOf(flows, window),
    timedRequests: timed.length,
    requestMs: percentilesOf(timed.map(requestMs)),
    firstByteMs: percentilesOf(firstByteMs(timed.filter(({ operation }) => operation !== 'put'))),
    promptMs: percentilesOf(waited(asked).map(({ dueMs, endMs }) => endMs - dueMs)),
    lookupMs: percentilesOf(asked.flatMap(lookupMs)),
    prompts: asked.length,
    hitShare: hitShare(phase, asked),
    cpuSecondsPerGiB: cpuSecondsPerGiB(phase, prompts.length > 0 ? prompts.map(promptFlow) : requests.map(requestFlow)),
    process: phase.process,
    errors: errorsOf(requests),
  };
}

/** Throughput of what was moved: what a warm cache hands out lies in its own memory, and how fast it does is no figure of a store. */
export function movedRate({ bytesPerSecond, workload }: PhaseSummary): PhaseSummary['bytesPerSecond'] {
  return workload.type === 'hit' && workload.temperature === 'warm' ? null : bytesPerSecond;
}

/** Latencies of requests of one kind: of those that were answered, and began after the warm-up and before the end of the phase's honest window. */
export function latencies(rows: readonly RequestRow[], phase: PhaseRecord): number[] {
  const measured = rows.filter(({ startMs }) => startMs >= phase.warmUntilMs);
  return begunIn(measured.filter(isAnswered), honestWindow(phase, measured)).map(requestMs);
}

/** Whether a sweep never had as many requests in flight as it was meant to, so that its window is all that was measured. */
export function wasNeverBusy(phase: PhaseRecord, requests: readonly RequestRow[]): boolean {
  if (phase.workload.type !== 'sweep') return false;
  const measured = requests.filter(({ startMs }) => startMs >= phase.warmUntilMs);
  return busyWindow(reads(measured), phase.workload.concurrency) === undefined;
}

function honestWindow(phase: PhaseRecord, measured: readonly RequestRow[]): Window {
  const { workload } = phase;
  const busy = workload.type === 'sweep' ? busyWindow(reads(measured), workload.concurrency) : undefined;
  return busy ?? measuredWindow(phase);
}

function reads(rows: readonly RequestRow[]): RequestRow[] {
  return rows.filter(({ operation }) => operation === 'get');
}

function timedRequests(measured: readonly RequestRow[], window: Window): readonly RequestRow[] {
  const answered = measured.filter(isAnswered);
  const carriers = ['get', 'put'].map((operation) => answered.filter((row) => row.operation === operation));
  return begunIn(carriers.find(({ length }) => length > 0) ?? [], window);
}

/** Of what was measured, what began before the window's end. Before its beginning all slots but the last had begun their first. */
function begunIn(rows: readonly RequestRow[], window: Window): readonly RequestRow[] {
  return rows.filter(({ startMs }) => startMs <= window.endMs);
}

/** Those that were answered, and those that still waited when the phase ended: they took that long at least, and left out they would flatter a slow store. */
function waited(prompts: readonly PromptRow[]): PromptRow[] {
  return prompts.filter((prompt) => prompt.error === null || isCalledOff(prompt));
}

function lookupMs({ lookedUpMs, startMs }: PromptRow): number[] {
  return lookedUpMs === null ? [] : [lookedUpMs - startMs];
}

/** A store asks for nothing. */
function hitShare({ workload }: PhaseRecord, prompts: readonly PromptRow[]): number | null {
  if (workload.type === 'store') return null;
  const asked = prompts.filter((prompt) => !isCalledOff(prompt));
  const tokens = asked.reduce((sum, prompt) => sum + prompt.tokens, 0);
  return tokens === 0 ? null : asked.reduce((sum, { hitTokens }) => sum + hitTokens, 0) / tokens;
}

/** The CPU was measured from when the phase was warm to its end: so are the bytes, of whatever began before. */
function cpuSecondsPerGiB(phase: PhaseRecord, flows: readonly Flow[]): number | null {
  const bytes = bytesOf(flows, measuredWindow(phase));
  return phase.process === null || bytes <= 0 ? null : phase.process.cpuSeconds / (bytes / GIB);
}
