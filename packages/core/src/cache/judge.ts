import type { Failed, GetResult, Miss, StatResult } from '../backend.ts';
import { KvferryError } from '../errors.ts';
import type { Key } from '../keys.ts';

/** Length of a full chunk's value: the most it can be, and whether it is always that. */
export interface ValueSize {
  readonly max: number;
  readonly exact: boolean;
}

/** What an answer of the remote means for one chunk. `wrong-size` and `corrupt` make its value suspect. */
export type Verdict =
  | { readonly status: 'hit'; readonly byteLength: number }
  | { readonly status: 'absent'; readonly end: Miss }
  | { readonly status: 'wrong-size'; readonly byteLength: number; readonly end: Miss }
  | { readonly status: 'corrupt'; readonly end: Failed }
  | { readonly status: 'failed'; readonly end: Failed };

/** A chunk that is no hit, and how the prefix ends before it. */
export type NoHit = Exclude<Verdict, { readonly status: 'hit' }>;

export function judgeStat(result: StatResult, size: ValueSize): Verdict {
  if (result.status === 'hit') return judgeLength(result.byteLength, size);
  return result.status === 'miss' ? { status: 'absent', end: result } : { status: 'failed', end: result };
}

export function judgeGet(result: GetResult, size: ValueSize): Verdict {
  if (result.status === 'hit') return judgeLength(result.byteLength, size);
  if (result.status === 'miss') return { status: 'absent', end: result };
  const { code, requiredBytes } = result.error;
  if (code === 'CORRUPT') return { status: 'corrupt', end: result };
  if (code !== 'BUFFER_TOO_SMALL') return { status: 'failed', end: result };
  return { status: 'wrong-size', byteLength: requiredBytes ?? size.max + 1, end: { status: 'miss' } };
}

/** A value that came whole, and of which the serde makes no tensor. */
export function noTensor(thrown: unknown, key: Key): NoHit {
  const error = KvferryError.from(thrown, { operation: 'get', key });
  return { status: 'corrupt', end: { status: 'failed', error } };
}

function judgeLength(byteLength: number, size: ValueSize): Verdict {
  if (byteLength === size.max || (byteLength < size.max && !size.exact)) return { status: 'hit', byteLength };
  return { status: 'wrong-size', byteLength, end: { status: 'miss' } };
}
