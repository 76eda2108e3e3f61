// Prints the goals of `bench:cache --json`, one line each. A goal that was missed is shown; a benchmark is no test.
import { readFileSync } from 'node:fs';

for (const { what, found, goal, outcome } of JSON.parse(readFileSync(process.argv[2], 'utf8')).goals) {
  const figure = Number.isInteger(found) ? found : found.toFixed(3);
  console.log(`goal ${outcome}: ${what}: ${figure} (at most ${goal})`);
}
