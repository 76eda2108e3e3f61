import { orAborted } from './abort.ts';
import type { Limiter, Turn } from './limiter.ts';
import type { CredentialProvider, SigningCredentials } from './types.ts';

/**
 * Takes a slot, and gives the credentials to sign with in it; at once where both are at hand. Whoever waited for the slot gets those that are valid
 * behind the wait. Nobody waits for credentials in a slot: a session is opened by a request that needs one too, and would wait for ever where all are
 * held by those who wait for it.
 *
 * Rejects with ABORTED when the signal fires, and as the provider does, and has then taken no slot.
 */
export function admit(
  limiter: Limiter,
  credentials: CredentialProvider,
  signal: AbortSignal,
  turn: Turn = 'last',
): SigningCredentials | Promise<SigningCredentials> {
  const ready = credentials.get(signal);
  if (!(ready instanceof Promise) && limiter.tryAcquire()) return ready;
  return waitForBoth(ready, limiter, credentials, signal, turn);
}

async function waitForBoth(
  first: SigningCredentials | Promise<SigningCredentials>,
  limiter: Limiter,
  credentials: CredentialProvider,
  signal: AbortSignal,
  turn: Turn,
): Promise<SigningCredentials> {
  let pending = first;
  for (;;) {
    const ready = pending instanceof Promise ? await orAborted(pending, signal) : pending;
    if (limiter.tryAcquire()) return ready;
    await limiter.acquire(signal, turn);
    pending = credentials.get(signal);
    if (!(pending instanceof Promise)) return pending;
    limiter.release();
  }
}
