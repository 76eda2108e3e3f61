import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, KvferryError } from '@kvferry/core';
import type { ReaderJob, ReaderMessage, ReaderResult } from './messages.ts';

/** Runs the reading half in a second process. It is ended when the signal fires. Throws what it failed with. */
export async function readElsewhere(
  job: ReaderJob,
  options: { readonly signal: AbortSignal; readonly onProgress: (chunks: number) => void },
): Promise<ReaderResult> {
  const child = fork(fileURLToPath(new URL('./reader.ts', import.meta.url)), { serialization: 'advanced' });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  options.signal.addEventListener('abort', kill, { once: true });
  let last: ReaderMessage | undefined;
  child.on('message', (message) => {
    last = message as ReaderMessage;
    if (last.kind === 'progress') options.onProgress(last.chunks);
  });
  try {
    options.signal.throwIfAborted();
    child.send(job);
    await once(child, 'exit');
  } finally {
    options.signal.removeEventListener('abort', kill);
    kill();
  }
  options.signal.throwIfAborted();
  if (last?.kind === 'result') return last.result;
  if (last?.kind === 'error') {
    // Its message already names code, operation and key.
    const reason = last.message.replace(/^[A-Z_]+(?: in [^:]*)?: /, '');
    throw new KvferryError(last.code as ErrorCode, reason);
  }
  throw new KvferryError('UNKNOWN', `the reading process ended without a result (exit code ${child.exitCode})`);
}
