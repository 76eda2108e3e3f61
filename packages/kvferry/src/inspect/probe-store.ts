import { type Key, KvferryError, type RemoteBackend } from '@kvferry/core';
import type { LmcacheConfig } from '@kvferry/lmcache';
import { chunkIdentity, type EngineMetadata } from '../chunk-identity.ts';
import { guessFirstChunks } from '../guess/first-chunks.ts';
import { frontOf } from '../key-prefix.ts';
import { type InspectOptions, type InspectReport, nameOf } from './inspect-store.ts';
import { withDescriptions } from './namespaces.ts';
import { StoredSummary } from './stored-group.ts';

/** What names are computed from. */
export interface ProbedSequence {
  readonly config: LmcacheConfig;
  readonly engine: EngineMetadata;
  readonly tokens: Uint32Array;
}

/** Settings under which something was found, of which all chunks are then asked for. */
const MOST_SETTINGS = 8;

/**
 * Says what lies in a store that does not give its names, as far as it is of one sequence: asks for its first chunk under each setting that an engine may have,
 * and where that is there, for all its chunks of all ranks.
 */
export async function probeStore(
  backend: RemoteBackend,
  { config, engine, tokens }: ProbedSequence,
  { keyPrefix, maxKeys, signal }: Pick<InspectOptions, 'keyPrefix' | 'maxKeys' | 'signal'>,
): Promise<InspectReport> {
  const front = frontOf(keyPrefix);
  const guesses = (await guessFirstChunks(config, engine, tokens)).slice(0, maxKeys);
  const firsts = await lengthsOf(
    backend,
    guesses.map(({ key }) => front + key),
    signal,
  );
  const found = guesses.filter(({ key }) => firsts.has(front + key)).slice(0, MOST_SETTINGS);
  const keys = new Set<Key>();
  for (const guess of found) {
    // Ranks have the same hashes under names of their own.
    const chunks = guess.chunker.chunk(tokens);
    for (let workerId = 0; workerId < engine.worldSize; workerId += 1) {
      const { keyFormat, scope } = await chunkIdentity(guess.config, { ...engine, workerId });
      for (const chunk of chunks) keys.add(keyFormat.key(chunk, scope));
    }
  }
  const asked = [...keys].slice(0, maxKeys);
  const lengths = await lengthsOf(
    backend,
    asked.map((key) => front + key),
    signal,
  );
  const summary = new StoredSummary();
  for (const key of asked) {
    const byteLength = lengths.get(front + key);
    if (byteLength !== undefined) summary.add(front + key, keyPrefix, byteLength, undefined);
  }
  return {
    backend: nameOf(backend),
    prefix: '',
    source: 'probe',
    complete: asked.length === keys.size,
    objects: summary.objects,
    bytes: summary.bytes,
    invalidNames: 0,
    groups: await withDescriptions(backend, summary.groups(), signal),
  };
}

/**
 * The lengths of those that are there. Whoever may not list is answered 403 for what is absent, by AWS and others: that is absent too. Throws what else the
 * store says.
 */
export async function lengthsOf(
  backend: RemoteBackend,
  keys: readonly Key[],
  signal: AbortSignal,
): Promise<Map<Key, number>> {
  const lengths = new Map<Key, number>();
  const results = await backend.stat(keys, { signal });
  for (const [index, result] of results.entries()) {
    if (result.status === 'hit') lengths.set(keys[index] ?? '', result.byteLength);
    if (result.status === 'failed' && result.error.code !== 'PERMISSION_DENIED') throw KvferryError.from(result.error);
  }
  return lengths;
}
