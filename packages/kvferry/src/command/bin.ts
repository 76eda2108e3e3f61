#!/usr/bin/env node
import { main } from './cli.ts';
import { EXIT } from './exit-code.ts';
import { say } from './io.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
  process.once('SIGINT', () => process.exit(EXIT.interrupted));
});
process.once('SIGTERM', () => interrupt.abort());
// Whoever reads the output may leave early, as `head` does: the write that meets it says so. What a full disk did not take is an error.
let lost: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') lost = error;
});
process.stderr.on('error', () => {});
process.once('exit', () => {
  if (lost === undefined || process.exitCode !== EXIT.done) return;
  process.exitCode = EXIT.failed;
  say(process.stderr, `cannot write standard output: ${lost.message}`);
});

const { stdin, stdout, stderr, env } = process;
const exitCode = await main(process.argv.slice(2), { stdin, stdout, stderr, env, signal: interrupt.signal });
process.exitCode = exitCode;
// A pipe at either end may never move again.
if (exitCode === EXIT.interrupted) process.exit();
stdin.destroy();
