#!/usr/bin/env node
import { outliveOutput } from '../terminal/index.ts';
import { main } from './cli.ts';
import { EXIT } from './exit-code.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
  process.once('SIGINT', () => process.exit(EXIT.interrupted));
});
// May come more than once: when a terminal closes, its shell passes on what the system has sent to all.
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort());
outliveOutput(() => EXIT.failed);

const { stdin, stdout, stderr, env } = process;
const exitCode = await main(process.argv.slice(2), { stdin, stdout, stderr, env, signal: interrupt.signal });
process.exitCode = exitCode;
// A pipe at either end may never move again.
if (exitCode === EXIT.interrupted) process.exit();
// All is done. What goes on by itself, such as a question to a token service that does not answer, does not keep the process; what was said is out first.
const written = (stream: NodeJS.WriteStream) => new Promise<void>((resolve) => void stream.write('', () => resolve()));
await Promise.all([written(stdout), written(stderr)]);
process.exit();
