import type { Readable, Writable } from 'node:stream';

/** What a run of the command has of its process. */
export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires when the person at the keyboard has had enough. */
  readonly signal: AbortSignal;
}

/** Writes a line. */
export function say(to: Writable, text: string): void {
  to.write(`${text}\n`);
}
