// `npm run check`: everything that can be said about the sources without running them. `npm run check -- lint types` does
// only those. All checks run, so that one answer names everything there is to mend.
import { runProgram } from './programs.ts';

const checks: Readonly<Record<string, readonly (readonly [command: string, ...args: string[]])[]>> = {
  lint: [['biome', 'check', '--error-on-warnings']],
  types: [['tsc', '-b']],
  // Who may import whom stands as tags in turbo.json; biome adds that a source file takes no development dependency.
  boundaries: [['turbo', 'boundaries']],
  unused: [['knip']],
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(checks, name));
if (unknown.length > 0) {
  console.error(`No check is called ${unknown.join(', ')}. There are ${Object.keys(checks).join(', ')}.`);
  process.exit(2);
}

const failed: string[] = [];
for (const [name, programs] of Object.entries(checks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  for (const [command, ...args] of programs) {
    console.error(`\n${name}: ${command} ${args.join(' ')}`);
    if ((await runProgram(command, args)) !== 0) failed.push(name);
  }
}
if (failed.length > 0) console.error(`\nFailed: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;
