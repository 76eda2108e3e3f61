import type { Level } from './types.ts';
import { CONTRACT_VERSION, SUITE_VERSION } from './versions.ts';

/** How a case ended. `provisional`: it failed, and came too lately to count. */
export type CaseStatus = 'passed' | 'failed' | 'skipped' | 'provisional';

/** What one case came to. */
export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly status: CaseStatus;
  /** Why it was skipped, or what was seen when it failed. */
  readonly reason?: string | undefined;
  /** The sentence of the contract that does not hold: of failed cases. */
  readonly sentence?: string | undefined;
  readonly seconds: number;
}

/** What a run came to. Plain data: `JSON.stringify` makes a file of it. */
export interface ConformanceReport {
  /** The backend, as `scheme://namespace`. */
  readonly backend: string;
  readonly level: Level;
  readonly contractVersion: string;
  readonly suiteVersion: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly provisional: number;
  readonly cases: readonly CaseResult[];
  /** What could not be cleaned up behind the cases, in words. Empty when all went well. */
  readonly leftovers: readonly string[];
}

/** Makes the report of these results. */
export function conformanceReport(
  backend: string,
  level: Level,
  cases: readonly CaseResult[],
  leftovers: readonly string[],
): ConformanceReport {
  const count = (status: CaseStatus): number => cases.filter((result) => result.status === status).length;
  return {
    backend,
    level,
    contractVersion: CONTRACT_VERSION,
    suiteVersion: SUITE_VERSION,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped'),
    provisional: count('provisional'),
    cases,
    leftovers,
  };
}

/** Says what is wrong with a case that failed: its id and title, the sentence of the contract that it stands for, and what was seen. */
export function failureText({ id, title, reason, sentence }: CaseResult): string {
  return [`${id} ${title}`, `The contract: ${sentence}`, `Seen: ${reason}`].join('\n');
}

/** Writes a report as Markdown for a README: a line of figures, then what failed, what is provisional and what was skipped, and why. */
export function reportMarkdown(report: ConformanceReport): string {
  const { backend, level, contractVersion, suiteVersion, passed, failed, skipped, provisional } = report;
  const tried = passed + failed + provisional;
  const lines = [
    `**kvferry conformance: ${passed} of ${tried} cases passed** for \`${backend}\` at level \`${level}\`.`,
    `Contract ${contractVersion}, suite ${suiteVersion}; ${failed} failed, ${provisional} provisional, ${skipped} skipped.`,
  ];
  const section = (status: CaseStatus, heading: string, columns: readonly string[]): void => {
    const results = report.cases.filter((result) => result.status === status);
    if (results.length === 0) return;
    lines.push('', heading, '', row(columns), row(columns.map(() => '---')));
    for (const { id, title, reason = '', sentence = '' } of results) {
      lines.push(row(status === 'skipped' ? [id, title, reason] : [id, title, sentence, reason]));
    }
  };
  const failure = ['case', 'title', 'sentence of the contract', 'seen'];
  section('failed', 'Failed:', failure);
  section('provisional', 'Failed, and not counted before the next major version of the suite:', failure);
  section('skipped', 'Skipped:', ['case', 'title', 'reason']);
  return `${lines.join('\n')}\n`;
}

/** A cell of a table says what happened; the whole of it, with the two values compared, is in the JSON. */
const CELL_CHARACTERS = 300;

/** One row of a table; a cell is one line, and a bar in it is no border. */
function row(cells: readonly string[]): string {
  return `| ${cells.map(cellOf).join(' | ')} |`;
}

function cellOf(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const short = line.length <= CELL_CHARACTERS ? line : `${line.slice(0, CELL_CHARACTERS)}…`;
  return short.replaceAll('|', '\\|');
}
