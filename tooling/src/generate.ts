// `npm run generate`: writes every generated file again; with `--check` it only compares. All generators run, so that one
// answer names every file that is not current.
import { runProgram } from './programs.ts';

const generators = ['packages/lmcache/scripts/generate.ts', 'packages/conformance/scripts/generate.ts'];

for (const generator of generators) {
  const code = await runProgram(process.execPath, [generator, ...process.argv.slice(2)]);
  if (code !== 0) process.exitCode = code;
}
