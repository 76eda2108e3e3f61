import pc from 'picocolors';

/**
 * Keeps a command alive whose reader leaves early, as `head` does, or whose terminal is closed: what it has stored is still to be removed. A pipe that was closed on
 * purpose is nothing to complain of; what a full disk did not take is a failure, of the exit code that `exitCodeOf` gives, at the end of a command that had none.
 */
export function outliveOutput(exitCodeOf: (lost: Error) => number): void {
  let lost: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') lost = error;
  });
  process.stderr.on('error', () => {});
  process.once('exit', () => {
    if (lost === undefined || process.exitCode !== 0) return;
    process.exitCode = exitCodeOf(lost);
    process.stderr.write(`${pc.red(`Standard output cannot be written: ${lost.message}`)}\n`);
  });
}
