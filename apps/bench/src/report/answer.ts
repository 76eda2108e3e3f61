import { formatBytes, formatCount } from 'kvferry/terminal';
import type { Summary } from '../results/summary.ts';
import { durationText, rateText } from './units.ts';
import { limitText, sentence } from './words.ts';

/** The throughput and the latency alone, as a heading. */
export function headline({ bytesPerSecond, chunkMilliseconds, chunkBytes, concurrency }: Summary): string {
  if (chunkMilliseconds === null || concurrency === null) return 'Nothing could be read';
  const each = `p99 ${durationText(chunkMilliseconds.p99)} per chunk of ${formatBytes(chunkBytes)}`;
  return `${rateText(bytesPerSecond)} sustained, ${each}, ${concurrency} at a time`;
}

/** What a store must do for loading to win, where it does not. */
export function neededText(neededBytesPerSecond: number | null): string {
  return neededBytesPerSecond === null ? 'no store' : `more than ${rateText(neededBytesPerSecond)}`;
}

/** What was moved in all. */
export function movedText({ requests, bytes, retries, seconds }: Summary): string {
  const repeated = retries === 1 ? '1 retry' : `${formatCount(retries)} retries`;
  return `${formatCount(requests)} requests, ${formatBytes(bytes)} and ${repeated} in ${Math.round(seconds)} s`;
}

/** What a run says, in sentences: the same in a terminal and in a report. */
export interface Answer {
  /** How the run ended, where it did not end well; `null` where it did. */
  readonly trouble: string | null;
  readonly throughput: string;
  readonly breakEven: string;
  /** `null` where nothing could be read. */
  readonly limit: string | null;
  readonly conformance: string;
}

export function answerOf(summary: Summary): Answer {
  return {
    trouble: troubleText(summary),
    throughput: throughputText(summary),
    breakEven: breakEvenText(summary),
    limit: limitSentence(summary),
    conformance: conformanceText(summary),
  };
}

/** Whether anything is wrong with the run itself. */
function troubleText({ status, problems }: Summary): string | null {
  switch (status) {
    case 'complete':
      return problems.length === 0 ? null : 'The run is complete, but not all went well';
    case 'failed':
      return 'The run failed: what follows is of the part before';
    case 'interrupted':
      return 'The run was interrupted: what follows is of the part before';
    case 'cut off':
      return 'The run was cut off before its end: what follows is of what it had written down';
  }
}

function throughputText({ bytesPerSecond, chunkMilliseconds, chunkBytes, model, concurrency }: Summary): string {
  if (chunkMilliseconds === null || concurrency === null) return 'Nothing could be read, so there is no figure';
  const each = `p99 ${durationText(chunkMilliseconds.p99)} per chunk of ${formatBytes(chunkBytes)} (${model})`;
  return `${rateText(bytesPerSecond)} sustained, ${each}, ${concurrency} at a time`;
}

function breakEvenText({ breakEvenTokens, chunkMilliseconds, plan }: Summary): string {
  if (chunkMilliseconds === null || plan.prefillTokensPerSecond === 0) return plan.reason.replace(/\.$/, '');
  const rate = `${formatCount(Math.round(plan.prefillTokensPerSecond))} tokens/s`;
  if (breakEvenTokens !== null) {
    return `Loading beats recomputing from ${formatCount(breakEvenTokens)} tokens on (${plan.hardware} at ${rate})`;
  }
  return `On this store, loading does not beat recomputing on ${plan.hardware} (${rate})`;
}

function limitSentence({ limitedBy, limitReason }: Summary): string | null {
  if (limitedBy === null) return null;
  const reason = limitReason === null ? '' : ` ${sentence(limitReason)}`;
  return `Limited by ${limitText(limitedBy)}.${reason}`;
}

function conformanceText({ conformance }: Summary): string {
  if (conformance === null) return 'Conformance: the suite was not run';
  const { level, passed, failed, skipped } = conformance;
  return `Conformance (level ${level}): ${passed} passed, ${failed} failed, ${skipped} skipped`;
}
