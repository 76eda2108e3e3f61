import type { Workload } from '../results/records.ts';
import type { Limit, PhaseSummary } from '../results/summary.ts';
import { percentText, threeDigits } from './units.ts';

/** What was done in a phase, as a table names it. */
export function workloadText(workload: Workload): string {
  switch (workload.type) {
    case 'store':
      return 'store prompts';
    case 'hit':
      return `hit ${percentText(workload.share)}, ${workload.temperature}`;
    case 'sweep':
      return `read, ${workload.concurrency} at a time`;
    case 'open-loop':
      return `open loop, ${threeDigits(workload.promptsPerSecond)} prompts/s`;
    case 'peers':
      return 'clients compared';
  }
}

/** How a phase ended. */
export function endText({ endedBy, error }: Pick<PhaseSummary, 'endedBy' | 'error'>): string {
  switch (endedBy) {
    case 'steady':
      return 'figure steady';
    case 'done':
      return 'done';
    case 'time':
      return 'time was up';
    case 'bytes':
      return 'bytes were up';
    case 'left-out':
      return 'left out';
    case 'failed':
      return error === null ? 'failed' : `failed: ${error.code}`;
    case 'interrupted':
      return 'interrupted';
  }
}

/** What a run was limited by, with its article. */
export function limitText(limit: Limit): string {
  const texts: Readonly<Record<Limit, string>> = {
    'client CPU': 'the client’s CPU',
    'event loop': 'the client’s event loop',
    'request limit': 'the number of requests in flight',
    store: 'the store',
  };
  return texts[limit];
}

/** Text with a full stop at its end, whoever wrote it. It may begin with a name, so that its first letter stays as it is. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
