import type { ErrorCode } from '@kvferry/core';

/** The exit codes of the command. */
export const EXIT = { done: 0, failed: 1, usage: 2, incomplete: 3, interrupted: 130 } as const;

const faultsOfTheCall: ReadonlySet<ErrorCode> = new Set(['CONFIG_INVALID', 'INVALID_ARGUMENT', 'UNSUPPORTED']);

/** What an error that ends the command is worth: 2 where the call has to change, 1 where it may pass. */
export function exitCodeOf(code: ErrorCode): number {
  return faultsOfTheCall.has(code) ? EXIT.usage : EXIT.failed;
}
