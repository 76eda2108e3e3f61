// Prints the goals of `bench:wire --json`, one line each. A goal that was missed is shown; a benchmark is no test.
import { readFileSync } from 'node:fs';

const { goals, threads } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const { outcome, operation, scheme, bytes, verify, against, comparison, goal, ratio } of goals) {
  const what = `${operation} ${scheme} ${bytes / 2 ** 20} MiB, verify ${verify}, against ${against}`;
  console.log(`goal ${outcome}: ${what}: ${ratio?.toFixed(2) ?? 'no figure'} (${comparison} ${goal})`);
}
const ratio = threads.ratio?.toFixed(2) ?? 'no figure';
console.log(
  `goal ${threads.outcome}: two I/O threads against one over https: ${ratio} (at least ${threads.goal}, ${threads.cores} cores)`,
);
