import type { Failed, PutMode } from '../backend.ts';
import type { Verdict } from './judge.ts';
import type { StoredChunk } from './kv-cache.ts';
import type { Remembered } from './presence.ts';

/** Why a chunk is not sent. */
export type SkipReason = Extract<StoredChunk['result'], { readonly status: 'skipped' }>['reason'];

/** What is to be done for a chunk of a `store`. */
export type StoreStep =
  | { readonly do: 'skip'; readonly reason: SkipReason }
  | { readonly do: 'ask' }
  | { readonly do: 'put'; readonly mode: PutMode }
  | { readonly do: 'fail'; readonly result: Failed };

export interface StoreFacts {
  readonly isFull: boolean;
  readonly hasRemote: boolean;
  /** Whether this rank is the one that stores. */
  readonly stores: boolean;
  readonly isSuspect: boolean;
  readonly remembered: Remembered | undefined;
}

/**
 * What is known to do without a question. Only what the remote itself was seen to have is not asked for; that a search took it for stored is no
 * reason, since a hole must be filled. A suspect is replaced whatever the remote says of it.
 */
export function beforeAsking(facts: StoreFacts): StoreStep {
  if (!facts.hasRemote) return { do: 'skip', reason: 'no-remote' };
  if (!facts.isFull) return { do: 'skip', reason: 'short' };
  if (!facts.stores) return { do: 'skip', reason: 'other-rank' };
  if (facts.isSuspect) return { do: 'put', mode: 'replace' };
  return facts.remembered === 'sure' ? { do: 'skip', reason: 'present' } : { do: 'ask' };
}

/** What the remote's answer calls for. A failed question fails the chunk: whether it is there is not known, and a store that is down need not be sent it. */
export function afterAsking(verdict: Verdict, canCreate: boolean): StoreStep {
  if (verdict.status === 'hit') return { do: 'skip', reason: 'present' };
  if (verdict.status === 'absent') return { do: 'put', mode: canCreate ? 'create' : 'replace' };
  if (verdict.status === 'wrong-size') return { do: 'put', mode: 'replace' };
  return { do: 'fail', result: verdict.end };
}
