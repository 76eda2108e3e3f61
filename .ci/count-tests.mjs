// Reads vitest's JSON report and prints its numbers as shell assignments, for .ci/run.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const passed = report.numPassedTests;
// A file that fails to load has no tests: its failure counts once.
const failed =
  report.numFailedTests +
  report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
const skipped = report.numPendingTests + report.numTodoTests;
if (passed + failed + skipped === 0) throw new Error('no test ran');
const text = `${passed} tests passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
console.log(`count_passed=${passed} count_failed=${failed} count_text='${text}'`);
