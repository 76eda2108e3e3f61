import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { KvferryError } from '@kvferry/core';
import type { CommandIo } from './io.ts';

/** What reading an input takes of the process. */
export type InputIo = Pick<CommandIo, 'stdin' | 'signal'>;

/** Reads the text that a flag names, `-` for standard input. Throws INVALID_ARGUMENT that names flag and file, and the signal's reason. */
export async function readInput(flag: string, file: string, { stdin, signal }: InputIo): Promise<string> {
  signal.throwIfAborted();
  // A pipe may never end, also one that is named as a file, and a read of it cannot be taken back.
  const { promise: fired, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  const reading = file === '-' ? text(stdin) : readFile(file, 'utf8');
  try {
    return await Promise.race([reading, fired]);
  } catch (thrown) {
    reading.catch(() => {});
    signal.throwIfAborted();
    throw fileError(flag, file, thrown);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Parses the JSON that a flag names. Throws INVALID_ARGUMENT that names flag and file. */
export function parseInput(flag: string, file: string, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (thrown) {
    throw new KvferryError('INVALID_ARGUMENT', `${flag}: ${shown(file)} is not JSON: ${(thrown as Error).message}`, {
      cause: thrown,
    });
  }
}

/** What the system said of a file that a flag names. */
export function fileError(flag: string, file: string, thrown: unknown): KvferryError {
  const { code, message } = thrown as NodeJS.ErrnoException;
  const reason =
    code === 'ENOENT'
      ? `there is no ${shown(file)}`
      : code === 'EISDIR'
        ? `${shown(file)} is a folder`
        : `${shown(file)}: ${message}`;
  return new KvferryError('INVALID_ARGUMENT', `${flag}: ${reason}`, { cause: thrown });
}

/** A file as messages name it. */
export function shown(file: string): string {
  return file === '-' ? 'standard input' : `file ${file}`;
}
