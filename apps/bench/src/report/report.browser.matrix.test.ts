import { test } from 'vitest';
import { exampleRecords } from '../results/example-run.ts';
import type { RunRecord } from '../results/records.ts';
import { checkInBrowser, type View } from './testing/check-in-browser.ts';
import { exampleRun, failedRun, recorded, slowerRun } from './testing/example-reports.ts';

const views = [1280, 820, 390].flatMap((width): View[] => [
  { width, colorScheme: 'light' },
  { width, colorScheme: 'dark' },
]);

test('a browser shows every kind of report, whatever the figures', { timeout: 120_000 }, async ({ skip }) => {
  await checkInBrowser(
    {
      'one run': [exampleRun()],
      'two runs': [exampleRun(), slowerRun()],
      'a run that failed': [failedRun()],
      'very slow': [changed(({ startMs, endMs }) => ({ endMs: endMs + 40 * (endMs - startMs) + 30_000 }))],
      'no time at all': [changed(({ startMs }) => ({ endMs: startMs, firstByteMs: null }))],
    },
    views,
    skip,
  );
});

function changed(change: (times: { readonly startMs: number; readonly endMs: number }) => Partial<RunRecord>) {
  const records = exampleRecords().map((record): RunRecord => {
    const isTimed = record.kind === 'request' || record.kind === 'prompt';
    return isTimed ? ({ ...record, ...change(record) } as RunRecord) : record;
  });
  return recorded('changed', records);
}
