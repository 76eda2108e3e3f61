import { expect, test } from 'vitest';
import { conformanceReport, failureText, reportMarkdown } from './report.ts';
import { CONTRACT_VERSION, SUITE_VERSION } from './versions.ts';

const failed = {
  id: 'GET-02',
  title: 'a title',
  status: 'failed',
  reason: 'seen\n  this | that',
  sentence: 'It holds.',
  seconds: 0.1,
} as const;

test('the Markdown names versions, figures, failures with their sentence, and skips with their reason', () => {
  const report = conformanceReport(
    'foo://bar',
    'network',
    [
      { id: 'GET-01', title: 'fine', status: 'passed', seconds: 0.1 },
      failed,
      { id: 'GET-03', title: 'other', status: 'skipped', reason: 'needs delete', seconds: 0 },
    ],
    [],
  );
  expect(reportMarkdown(report)).toBe(
    [
      '**kvferry conformance: 1 of 2 cases passed** for `foo://bar` at level `network`.',
      `Contract ${CONTRACT_VERSION}, suite ${SUITE_VERSION}; 1 failed, 0 provisional, 1 skipped.`,
      '',
      'Failed:',
      '',
      '| case | title | sentence of the contract | seen |',
      '| --- | --- | --- | --- |',
      '| GET-02 | a title | It holds. | seen this \\| that |',
      '',
      'Skipped:',
      '',
      '| case | title | reason |',
      '| --- | --- | --- |',
      '| GET-03 | other | needs delete |',
      '',
    ].join('\n'),
  );
});

test('a failure is told with case, sentence and what was seen', () => {
  expect(failureText(failed)).toBe('GET-02 a title\nThe contract: It holds.\nSeen: seen\n  this | that');
});
