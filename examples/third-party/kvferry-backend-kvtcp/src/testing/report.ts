import { reportMarkdown, runConformance } from '@kvferry/conformance';
import { suite } from './suite.ts';

/** `npm run report`: the section of the README. */
const report = await runConformance(suite);
// The store of a run has a name that changes each time.
console.log(reportMarkdown({ ...report, backend: 'kvtcp://127.0.0.1:…/cache' }));
process.exitCode = report.failed === 0 ? 0 : 1;
