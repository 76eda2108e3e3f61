// `npm run build`: what gets published, into each public package's dist. That package's own script builds it (JavaScript by tsup,
// declarations by tsc -b); turbo runs those scripts in the order of their dependencies and skips what has not changed.
import { runWithPnpm } from './programs.ts';

process.exitCode = await runWithPnpm('turbo', ['run', 'build', ...process.argv.slice(2)]);
