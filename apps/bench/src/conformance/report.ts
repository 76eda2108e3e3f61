import type { CaseResult } from '@kvferry/conformance';
import { formatBytes, formatCount, formatSeconds } from 'kvferry/terminal';
import pc from 'picocolors';
import type { ConformanceOutcome, Plan } from './run.ts';

/** What is tried, and where. */
export function headerText({ backend, level, words }: Plan): string {
  return `${pc.bold('Conformance')}: the ${backend} backend at level ${level}\n${pc.bold('Store')}: ${words}\n`;
}

/** What is about to be done, to whose account and where, and what becomes of it. */
export function announcement({ afterwards, counted, identity, most, place, prefix }: Plan): string {
  const load = `at most ${formatCount(most.requests)} ${counted} and ${formatBytes(most.bytes)}`;
  return `About to do ${load}, as: ${identity}. All keys are in ${place}, and begin with ${prefix}. ${afterwards}`;
}

/** Lines for a person as results come: one for each area, and one for each case that failed or was skipped. */
export class CaseLines {
  readonly #print: (line: string) => void;
  #area = '';
  #passed = 0;
  #failed = 0;
  #seconds = 0;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  add(result: CaseResult): void {
    const { id, title, status, reason, seconds } = result;
    if (status === 'skipped') {
      this.#print(pc.dim(`  skipped  ${id} ${title}: ${reason}`));
      return;
    }
    const area = id.slice(0, id.lastIndexOf('-'));
    if (area !== this.#area) this.end();
    this.#area = area;
    this.#seconds += seconds;
    if (status === 'passed') {
      this.#passed += 1;
      return;
    }
    this.#failed += 1;
    const mark = status === 'failed' ? pc.red('FAILED') : pc.yellow('provisional');
    this.#print(`  ${mark}   ${id} ${title}\n${indented(failureReason(result))}`);
  }

  /** Ends the area under way. */
  end(): void {
    if (this.#passed + this.#failed > 0) {
      const all = this.#passed + this.#failed;
      const count = this.#failed === 0 ? pc.green(`${all} passed`) : pc.red(`${this.#failed} of ${all} failed`);
      this.#print(`  ${this.#area.padEnd(12)}${count}, ${formatSeconds(this.#seconds)}`);
    }
    this.#passed = 0;
    this.#failed = 0;
    this.#seconds = 0;
  }
}

/** What came out, in one sentence. */
export function verdictText({ plan, report, seconds }: ConformanceOutcome): string {
  const { contractVersion, failed, passed, provisional, skipped, suiteVersion } = report;
  const tried = passed + failed + provisional;
  const colour = failed === 0 ? pc.green : pc.red;
  const verdict = colour(`${passed} of ${tried} cases passed, ${failed} failed`);
  const others = [`${skipped} skipped`, ...(provisional === 0 ? [] : [`${provisional} provisional`])].join(', ');
  const versions = `contract ${contractVersion}, suite ${suiteVersion}`;
  return `\n${verdict}; ${others}. The ${plan.backend} backend at level ${plan.level}, in ${formatSeconds(seconds)} (${versions}).`;
}

/**
 * The result as one JSON document. A failing case's reason holds the sentence of the contract and what was seen; a provisional one that fails is
 * skipped, with both in its reason, as in the test frameworks.
 */
export function resultJson({ plan, report }: ConformanceOutcome): object {
  return {
    backend: plan.backend,
    target: plan.target,
    level: plan.level,
    passed: report.passed,
    failed: report.failed,
    skipped: report.skipped + report.provisional,
    cases: report.cases.map((result) => {
      const { id, title, status, seconds } = result;
      if (status === 'passed') return { id, title, status, seconds };
      if (status === 'skipped') return { id, title, status, reason: result.reason, seconds };
      const reason = failureReason(result);
      if (status === 'failed') return { id, title, status, reason, seconds };
      return { id, title, status: 'skipped', reason: `provisional, and fails. ${reason}`, seconds };
    }),
  };
}

function failureReason({ sentence, reason }: CaseResult): string {
  return `The contract: ${sentence}\nSeen: ${reason}`;
}

function indented(text: string): string {
  return text.trimEnd().replace(/^(?=.)/gm, '             ');
}
