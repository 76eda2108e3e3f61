import type { PhaseRecord, Workload } from '../results/records.ts';
import { errorsOf, isCalledOff } from './rows.ts';
import type { RunParts } from './run-parts.ts';

/** What a summary was found to lack, for which a problem is said. */
export interface Lack {
  /** No step of the sweep has read anything. */
  readonly reading: boolean;
}

/** What went wrong in a run, a sentence each, in the order in which it happened. Empty where nothing did. */
export function problemsOf(parts: RunParts, lack: Lack): string[] {
  return [
    ...parts.phases.flatMap((phase) => phaseProblems(phase, parts)),
    ...leftOutProblems(parts),
    ...runProblems(parts),
    ...(lack.reading ? [readingProblem(parts)] : []),
  ];
}

function phaseProblems(phase: PhaseRecord, { promptsOf, requestsOf }: RunParts): string[] {
  const { endedBy, error, id, workload } = phase;
  const prompts = promptsOf.get(id) ?? [];
  const words = workloadWords(workload);
  if (endedBy === 'failed' || error !== null) {
    const why = error === null ? '' : `: ${withoutStop(errorText(error))}`;
    return [`The store failed while ${words}${why}. What was measured before stands.`];
  }
  if (endedBy === 'interrupted') return [`The run was interrupted while ${words}. What was measured before stands.`];
  const isUnmeasured = [...prompts, ...(requestsOf.get(id) ?? [])].every(({ startMs }) => startMs < phase.warmUntilMs);
  if (endedBy === 'bytes' && isUnmeasured) {
    return [`Nothing was measured while ${words}: the bytes were up before. A larger --max-bytes has room for it.`];
  }
  const failed = prompts.filter((prompt) => prompt.error !== null && !isCalledOff(prompt));
  const waiting = prompts.filter(isCalledOff);
  const all = prompts.length;
  const chunks = (requestsOf.get(id) ?? []).filter(({ operation }) => operation === carrierOf(workload));
  const late = chunks.filter(isCalledOff);
  return [
    ...(late.length === 0
      ? []
      : [
          `${late.length} of ${chunks.length} requests were still under way at the end while ${words}: the store did not keep up.`,
        ]),
    ...(failed.length === 0
      ? []
      : [`${failed.length} of ${all} prompts failed while ${words} (${counted(errorsOf(failed))}).`]),
    ...(waiting.length === 0
      ? []
      : [
          `${waiting.length} of ${all} prompts were still waiting at the end while ${words}: the store did not keep up.`,
        ]),
  ];
}

function leftOutProblems({ phases }: RunParts): string[] {
  const ids = phases.filter(({ endedBy }) => endedBy === 'left-out').map(({ id }) => id);
  if (ids.length === 0) return [];
  return [
    `The store took so long that of no prompt enough was stored. Left out: ${ids.join(', ')}. A longer --max-time or a smaller --model has room for it.`,
  ];
}

/** What the requests of a workload are whose answers nobody but the end of the phase calls off; `undefined` where a prompt may do so. */
function carrierOf({ type }: Workload): 'get' | 'put' | undefined {
  return type === 'sweep' ? 'get' : type === 'store' ? 'put' : undefined;
}

/** What was under way, in words: `chunks were read 16 at a time`. */
function workloadWords(workload: Workload): string {
  switch (workload.type) {
    case 'store':
      return 'prompts were stored';
    case 'hit':
      return `prompts that are stored to ${Math.round(workload.share * 100)} % were loaded by a ${workload.temperature} cache`;
    case 'sweep':
      return workload.concurrency === 1
        ? 'chunks were read one at a time'
        : `chunks were read ${workload.concurrency} at a time`;
    case 'open-loop':
      return `prompts arrived at ${Number(workload.promptsPerSecond.toPrecision(3))} per second`;
    case 'peers':
      return 'clients were compared';
  }
}

function runProblems({ end, head, lastMs, phases, requestsOf, promptsOf }: RunParts): string[] {
  if (head === undefined) return ['There are no records of a run.'];
  if (end === undefined) {
    const ended = new Set(phases.map(({ id }) => id));
    const cut = [...requestsOf.keys(), ...promptsOf.keys()].find((id) => !ended.has(id));
    const where = cut === undefined ? '' : `, in the phase ${cut}`;
    const left = `What it had stored may still be there: ${head.place}.`;
    return [`The run was cut off after ${(lastMs / 1000).toFixed(1)} s${where}. ${left}`];
  }
  const failed = end.error === null ? [] : [`The run failed: ${withoutStop(end.error)}.`];
  const interrupted = end.status === 'interrupted' && !phases.some(({ endedBy }) => endedBy === 'interrupted');
  const stopped = interrupted ? ['The run was interrupted. What was measured before stands.'] : [];
  const skipped =
    end.skipped.length === 0
      ? []
      : [
          `Time was up before everything was done. Left out: ${end.skipped.join(', ')}. A longer --max-time has room for it.`,
        ];
  const left = end.removed ? [] : [`Not all of what the run had stored could be removed: ${head.place}.`];
  return [...failed, ...stopped, ...skipped, ...left];
}

function readingProblem({ phases }: RunParts): string {
  const sweeps = phases.filter(({ workload }) => workload.type === 'sweep');
  const why =
    sweeps.length === 0
      ? 'no chunks were read at a steady concurrency'
      : 'no step of the sweep read anything and ended well';
  return `There is no figure for sustained reading: ${why}.`;
}

/** An error with its code once: most messages begin with it. */
function errorText({ code, message }: NonNullable<PhaseRecord['error']>): string {
  return message.startsWith(code) ? message : `${code}: ${message}`;
}

function counted(errors: Readonly<Record<string, number>>): string {
  return Object.entries(errors)
    .map(([code, count]) => `${code}: ${count}`)
    .join(', ');
}

function withoutStop(sentence: string): string {
  return sentence.replace(/[.\s]+$/, '');
}
