import { randomBytes } from 'node:crypto';
import { type Key, KvferryError, type RemoteBackend } from '@kvferry/core';
import { type Check, ok, problem, unknown, warning } from './check.ts';
import type { FirstAnswer } from './first-answer.ts';
import { type Outcome, within } from './within.ts';

/** Each request of the doctor's has so long. */
export const REQUEST_MS = 10_000;

/** A key that nobody else has. */
export function ownKey(front: string): Key {
  return `${front}kvferry-doctor-${randomBytes(8).toString('hex')}`;
}

/** Asks for a value, and for at most a byte of it. A key that is absent was answered for too. */
export async function getOne(backend: RemoteBackend, key: Key, signal: AbortSignal): Promise<Outcome<void>> {
  return within(REQUEST_MS, signal, async (limit) => {
    const [result] = await backend.get([{ key, into: new Uint8Array(1) }], { signal: limit });
    if (result?.status === 'failed' && result.error.code !== 'BUFFER_TOO_SMALL') throw result.error;
  });
}

/** GET, by all that was tried of it: the first key, that nobody has; one that the listing named; one that was written. */
export async function getCheck(
  first: Exclude<FirstAnswer, { readonly status: 'refused' }>,
  backend: RemoteBackend,
  tried: { readonly listed: Key | undefined; readonly written: WriteChecks | undefined },
  signal: AbortSignal,
): Promise<Check> {
  const read = tried.written?.read;
  if (read?.status === 'done' && !read.value) return problem('get', 'what was written is not what is read');
  if (first.status === 'answered') return ok('get', 'allowed; a key that nobody has is answered as absent');
  const { error } = first;
  const isAllowed =
    read?.status === 'done' ||
    (tried.listed !== undefined && (await getOne(backend, tried.listed, signal)).status === 'done');
  if (!isAllowed) return problem('get', error.reason, rightOf(error, 's3:GetObject'));
  const found = 'allowed, but a key that nobody has is answered as denied, so that every miss is an error';
  return problem('get', found, rightOf(error, 's3:ListBucket'));
}

/** LIST, by what asking for it came to. `missIsTold`: an absent key is answered as absent all the same. */
export function listCheck(listed: Outcome<{ readonly objects: number }>, missIsTold: boolean): Check {
  if (listed.status === 'done') return ok('list', 'allowed');
  const { error } = listed;
  if (error.code === 'UNSUPPORTED') return unknown('list', 'the store lists nothing');
  const fix = rightOf(error, 's3:ListBucket');
  // A cache never lists. Where the store tells misses, only tools like this one lack it.
  const harmless = error.code === 'PERMISSION_DENIED' && missIsTold;
  return harmless
    ? warning('list', `${error.reason}; a cache lists nothing, and works without`, fix)
    : problem('list', error.reason, fix);
}

/** What writing and removing one key showed. */
export interface WriteChecks {
  readonly put: Check;
  readonly delete: Check;
  /** Whether what was written was read, where it was written. */
  readonly read: Outcome<boolean> | undefined;
}

const OWN_BYTES = 64;

/** Writes a key of its own, reads it and removes it, whatever happens in between. */
export async function tryToWrite(backend: RemoteBackend, front: string, signal: AbortSignal): Promise<WriteChecks> {
  const key = ownKey(front);
  const value = randomBytes(OWN_BYTES);
  let put: Outcome<unknown>;
  let read: Outcome<boolean> | undefined;
  let removed: Outcome<unknown>;
  try {
    put = await within(REQUEST_MS, signal, async (limit) => {
      const [result] = await backend.put([{ key, parts: [value] }], { signal: limit });
      if (result?.status === 'failed') throw result.error;
    });
    if (put.status === 'done') {
      read = await within(REQUEST_MS, signal, async (limit) => {
        const into = new Uint8Array(OWN_BYTES);
        const [result] = await backend.get([{ key, into }], { signal: limit });
        if (result?.status === 'failed') throw result.error;
        return result?.status === 'hit' && Buffer.compare(into, value) === 0;
      });
    }
  } finally {
    // Also where the caller has had enough, and where the put was not answered: it may have come through.
    removed = await remove(backend, key);
  }
  return { put: putCheck(put), delete: deleteCheck(removed, key, put.status === 'done'), read };
}

async function remove(backend: RemoteBackend, key: Key): Promise<Outcome<unknown>> {
  return within(REQUEST_MS, new AbortController().signal, async (limit) => {
    const [result] = await backend.delete([key], { signal: limit });
    if (result?.status === 'failed') throw result.error;
    const [left] = await backend.stat([key], { signal: limit });
    if (left?.status === 'hit') throw new KvferryError('UNKNOWN', 'the store says that it is removed, and it is there');
  });
}

function putCheck(put: Outcome<unknown>): Check {
  if (put.status === 'done') return ok('put', 'a key of its own was written');
  return problem('put', put.error.reason, rightOf(put.error, 's3:PutObject'));
}

function deleteCheck(removed: Outcome<unknown>, key: Key, isThere: boolean): Check {
  if (removed.status === 'done')
    return ok('delete', isThere ? 'it was removed' : 'a key that is not there may be removed');
  const left = isThere ? `; left in the store: ${key}` : '';
  if (removed.error.code === 'UNSUPPORTED') return unknown('delete', `the store removes nothing${left}`);
  return problem('delete', `${removed.error.reason}${left}`, rightOf(removed.error, 's3:DeleteObject'));
}

/** The right to grant, where that is what is missing. The reason says on which bucket. */
function rightOf({ code }: KvferryError, right: string): string | null {
  return code === 'PERMISSION_DENIED' ? `policy of whoever asks: allow ${right}` : null;
}
