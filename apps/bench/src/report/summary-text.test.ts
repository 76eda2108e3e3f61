import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { compareSummaries } from '../analysis/comparison.ts';
import { summarize } from '../analysis/summarize.ts';
import { exampleRecords } from '../results/example-run.ts';
import { comparisonText } from './comparison-text.ts';
import { summaryText } from './summary-text.ts';
import { exampleRun, failedRun, recorded, slowerRun } from './testing/example-reports.ts';

function linesOf(text: string): string[] {
  return stripVTControlCharacters(text).split('\n');
}

describe('a summary', () => {
  const lines = linesOf(summaryText(exampleRun().summary));

  test('opens with the answer', () => {
    expect(lines[0]).toMatch(
      /^[\d.]+ GB\/s sustained, p99 \d+ ms per chunk of 32 MiB \(llama-3\.1-8b\), 16 at a time$/,
    );
    expect(lines[1]).toMatch(/^Loading beats recomputing from [\d,]+ tokens on \(h100-sxm at [\d,]+ tokens\/s\)$/);
    expect(lines).toContainEqual(expect.stringMatching(/^Limited by the store\. /));
    expect(lines).toContain('Conformance (level full): 141 passed, 1 failed, 3 skipped');
    expect(lines).toContainEqual(expect.stringContaining('✗ list tells when a value was stored (list.modified)'));
  });

  test('has a row for each phase, prompt workload, client, price and error', () => {
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}read, 16 at a time .*steady$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}hit 95 %, warm +12 +94 %/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}undici +8\.13\.1 +0\.7\d +4\.4\d/));
    expect(lines).toContainEqual(expect.stringContaining('left out: opendal: it does not install here'));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}S3 Standard, us-east-1 +8,192 +\$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}CONNECTION +1$/));
  });

  test('shows no range of a single second, and no throughput of what lay in memory', () => {
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}hit 50 %, cold +3\.15 +– /));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}read, 16 at a time +4\.18 +4\.17–4\.21 /));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}hit 95 %, warm +– +– +– +– +– /));
  });

  test('is no wider than a terminal', () => {
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(120);
  });
});

test('loading that never wins is so on this store, and the throughput that it takes is said', () => {
  const { summary } = exampleRun();
  const { plan } = summarize(exampleRecords(), { hardware: 'my-own', prefillTokensPerSecond: 64_476 });
  const text = summaryText({ ...summary, plan, breakEvenTokens: plan.breakEvenTokens });
  const lines = linesOf(text);
  expect(lines).toContain('On this store, loading does not beat recomputing on my-own (64,476 tokens/s)');
  expect(text.replace(/\s+/g, ' ')).toMatch(/above 8\.5\d GB\/s loading would win/);
});

test('a run that was read from nothing has no break-even, not even never', () => {
  const nothing = recorded('nothing', []).summary;
  const lines = linesOf(comparisonText(compareSummaries(exampleRun().summary, nothing)));
  expect(lines).toContainEqual(expect.stringMatching(/^ +break-even +[\d,]+ tokens +– +– {2}unknown$/));
});

test('what went wrong comes first', () => {
  const lines = linesOf(summaryText(failedRun().summary));
  expect(lines[0]).toBe('The run failed: what follows is of the part before.');
  expect(lines[1]).toContain('The store failed while chunks were read 16 at a time');
});

test('of a run that has read nothing there is no figure, and no made-up one', () => {
  const text = stripVTControlCharacters(summaryText(recorded('nothing', []).summary));
  expect(text).toContain('Nothing could be read, so there is no figure');
  expect(text).toContain('Conformance: the suite was not run');
  expect(text).not.toMatch(/NaN|Infinity|undefined|null/);
});

test('a comparison says first what sets the runs apart, then figure by figure', () => {
  const lines = linesOf(comparisonText(compareSummaries(exampleRun().summary, slowerRun().summary)));
  expect(lines[0]).toBe('These runs differ in more than their figures');
  expect(lines[1]).toContain('Not the same target: embedded before, minio after.');
  expect(lines).toContainEqual(expect.stringMatching(/^the whole run +throughput +[\d.]+ GB\/s +[\d.]+ GB\/s/));
  expect(lines).toContainEqual(expect.stringMatching(/^ +chunk p99 +\d+ ms +\d+ ms +1\.50 {2}worse$/));
});
