import type { StatResult } from '../backend.ts';
import type { Key } from '../keys.ts';
import { longestPrefix, type PrefixEnd, type StoredPrefix } from '../longest-prefix.ts';
import type { CacheCore, KeyedChunk } from './core.ts';
import { judgeStat, type ValueSize } from './judge.ts';
import type { ChunkPresence } from './kv-cache.ts';
import { noteVerdict } from './presence.ts';
import type { CacheRequest } from './request.ts';

/**
 * Finds the stored prefix: what leads in memory counts without a question, the rest is searched for. Where the search ends at a chunk that lies in
 * memory, because the remote has a hole there, it goes on behind it.
 */
export async function findPrefix(
  core: CacheCore,
  request: CacheRequest,
  chunks: readonly KeyedChunk[],
): Promise<StoredPrefix> {
  const fullChunks = chunks.at(-1)?.isFull === false ? chunks.length - 1 : chunks.length;
  let length = 0;
  let searchEnd: PrefixEnd | undefined;
  for (;;) {
    const from = length;
    while (isInMemory(core, chunks[length])) length += 1;
    if (length === chunks.length) return { length, end: { status: 'complete' } };
    if (core.backend === undefined || length >= fullChunks) return { length, end: { status: 'miss' } };
    if (searchEnd !== undefined && length === from) return { length, end: searchEnd };
    const found = await search(
      core,
      request,
      chunks.slice(length, fullChunks).map(({ key }) => key),
    );
    length += found.length;
    searchEnd = found.end;
  }
}

/** Asks for every chunk that is not in memory, side by side. */
export async function findEach(
  core: CacheCore,
  request: CacheRequest,
  chunks: readonly KeyedChunk[],
): Promise<ChunkPresence[]> {
  const inMemory = new Set(chunks.filter((chunk) => isInMemory(core, chunk)).map(({ key }) => key));
  const asked = chunks.filter(({ key, isFull }) => isFull && core.backend !== undefined && !inMemory.has(key));
  const answers = await ask(
    core,
    request,
    asked.map(({ key }) => key),
  );
  const byKey = new Map(asked.map(({ key }, position) => [key, answers[position] as StatResult]));
  return chunks.map(({ start, end, hash, key }) => {
    const answer = byKey.get(key);
    if (answer !== undefined) return { start, end, hash, key, found: foundBy(answer, core.valueSize) };
    // Nobody but the local tier keeps a short tail, or any chunk where there is no remote.
    const found = inMemory.has(key) ? ({ status: 'hit', tier: 'local' } as const) : ({ status: 'miss' } as const);
    return { start, end, hash, key, found };
  });
}

/** The prefix that leads to the first chunk that is no hit. */
export function prefixOf(found: readonly ChunkPresence[]): StoredPrefix {
  const length = found.findIndex((chunk) => chunk.found.status !== 'hit');
  if (length === -1) return { length: found.length, end: { status: 'complete' } };
  const first = found[length]?.found;
  return { length, end: first?.status === 'failed' ? first : { status: 'miss' } };
}

/**
 * Asks the remote, and notes what it says. Whatever the remote does, it answers when the request ends at the latest: what was not answered for by then
 * is `failed`.
 */
export async function ask(core: CacheCore, request: CacheRequest, keys: readonly Key[]): Promise<StatResult[]> {
  const { backend, counts, remote } = core;
  const answers = new Array<StatResult | undefined>(keys.length).fill(undefined);
  if (keys.length > 0 && backend !== undefined && request.ending === undefined) {
    counts.probes += keys.length;
    counts.probeRounds += 1;
    const call = backend.stat(keys, {
      signal: request.signal,
      onSettled: (index, result) => {
        answers[index] = result;
        const key = keys[index] as Key;
        noteVerdict(core.presence, core.suspects, key, judgeStat(result, core.valueSize).status);
      },
    });
    try {
      await Promise.race([call, request.ended]);
    } catch (thrown) {
      if (request.ending === undefined) throw thrown;
    }
  }
  return keys.map((key, index) => answers[index] ?? { status: 'failed', error: request.errorOf('stat', key, remote) });
}

function isInMemory({ tier }: CacheCore, chunk: KeyedChunk | undefined): boolean {
  return chunk !== undefined && tier.get(chunk.key) !== undefined;
}

/** What is remembered answers for the keys that lead; a key remembered as absent is only where to look first, so that what another process stores is seen at once. */
async function search(core: CacheCore, request: CacheRequest, keys: readonly Key[]): Promise<StoredPrefix> {
  const { presence, valueSize } = core;
  let known = 0;
  while (known < keys.length && presence.isPresent(keys[known] as Key)) known += 1;
  if (known === keys.length) return { length: known, end: { status: 'complete' } };
  const stat = async (probed: readonly Key[]): Promise<StatResult[]> => {
    const answers = await ask(core, request, probed);
    return answers.map((answer) =>
      judgeStat(answer, valueSize).status === 'wrong-size' ? { status: 'miss' } : answer,
    );
  };
  const guess = presence.get(keys[known] as Key) === 'absent' ? known : undefined;
  const found = await longestPrefix({ stat }, keys, { known, guess });
  for (const key of keys.slice(0, found.length)) presence.infer(key);
  return found;
}

function foundBy(answer: StatResult, valueSize: ValueSize): ChunkPresence['found'] {
  const verdict = judgeStat(answer, valueSize);
  if (verdict.status === 'hit') return { status: 'hit', tier: 'remote' };
  return verdict.status === 'wrong-size' ? { status: 'wrong-size', byteLength: verdict.byteLength } : verdict.end;
}
