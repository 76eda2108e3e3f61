import { KvferryError } from '@kvferry/core';

/** How something ended that had only so long. */
export type Outcome<Value> =
  | { readonly status: 'done'; readonly value: Value }
  | { readonly status: 'failed'; readonly error: KvferryError };

/** Runs something for so long at most, also where it does not listen to its signal. Rejects only when the caller's own signal fires. */
export async function within<Value>(
  limitMs: number,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<Value>,
): Promise<Outcome<Value>> {
  signal.throwIfAborted();
  const limit = AbortSignal.timeout(limitMs);
  const either = AbortSignal.any([signal, limit]);
  const { promise: fired, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(either.reason);
  either.addEventListener('abort', onAbort, { once: true });
  const running = run(either);
  try {
    return { status: 'done', value: await Promise.race([running, fired]) };
  } catch (thrown) {
    signal.throwIfAborted();
    // What goes on all the same has nobody to tell.
    running.catch(() => {});
    if (limit.aborted) return failed(new KvferryError('TIMEOUT', `no answer within ${limitMs / 1000} s`));
    return failed(KvferryError.from(thrown));
  } finally {
    either.removeEventListener('abort', onAbort);
  }
}

function failed(error: KvferryError): { readonly status: 'failed'; readonly error: KvferryError } {
  return { status: 'failed', error };
}
