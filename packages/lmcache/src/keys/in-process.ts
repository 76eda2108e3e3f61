import { type Chunk, type Key, type KeyFormat, type KeyScope, KvferryError, keyProblem } from '@kvferry/core';
import { lmcacheDtypeNames } from './dtype-names.ts';

/**
 * LMCache's own name of a chunk, `model@world_size@worker_id@hash@dtype` and `@name%value` for each tag in the order given, as its logs show
 * it; in a bucket the object is called what `lmcacheKeyFormat.key` gives.
 *
 * Throws INVALID_ARGUMENT for a scope that no engine has (see `lmcacheKeyFormat`).
 */
export function lmcacheKeyString(chunk: Chunk, scope: KeyScope): string {
  checkHash(chunk.hash);
  checkScope(scope);
  let text = `${scope.modelName}@${scope.worldSize}@${scope.workerId}@${chunk.hash}@${lmcacheDtypeNames[scope.dtype]}`;
  for (const [name, value] of scope.tags) text += `@${name}%${value}`;
  return text;
}

/**
 * The object keys of the in-process LMCache from 0.3.13 on: the key string with `_` for every `/`, in tags too.
 *
 * Not injective, as LMCache's form is not: the models `a/b` and `a_b` share their keys, and an `@` in a tag's value can look like another tag.
 *
 * `key` throws INVALID_ARGUMENT for what cannot be such a key: a hash that is neither a 64-bit integer in unpadded hex nor 64 hex digits, an
 * empty model name, ranks that are no integers or out of range, an unknown dtype, a tag without a name or given twice, a lone surrogate or
 * control character, and whatever is longer than 255 bytes altogether.
 */
export const lmcacheKeyFormat: KeyFormat = {
  id: 'lmcache',
  injective: false,
  key(chunk: Chunk, scope: KeyScope): Key {
    const key = lmcacheKeyString(chunk, scope).replaceAll('/', '_');
    const problem = keyProblem(key);
    if (problem !== undefined) {
      throw new KvferryError(
        'INVALID_ARGUMENT',
        `${problem}. Model name and tags make up this one: ${JSON.stringify(key.slice(0, 120))}`,
      );
    }
    return key;
  },
};

/** A signed or unsigned 64-bit integer without padding, or a digest of 32 bytes. */
const hashText = /^(?:0|-?[1-9a-f][0-9a-f]{0,15}|[0-9a-f]{64})$/;

function checkHash(hash: string): void {
  if (!hashText.test(hash)) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `a chunk hash of LMCache is at most 16 hex digits without padding or 64 of them, not ${JSON.stringify(hash)}`,
    );
  }
}

function checkScope(scope: KeyScope): void {
  if (scope.modelName === '') throw new KvferryError('INVALID_ARGUMENT', 'scope.modelName is empty');
  if (!Number.isSafeInteger(scope.worldSize) || scope.worldSize < 1) {
    throw new KvferryError('INVALID_ARGUMENT', `scope.worldSize is a positive integer, not ${scope.worldSize}`);
  }
  if (!Number.isSafeInteger(scope.workerId) || scope.workerId < 0 || scope.workerId >= scope.worldSize) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `scope.workerId is an integer from 0 to ${scope.worldSize - 1}, below the world size, not ${scope.workerId}`,
    );
  }
  if (!Object.hasOwn(lmcacheDtypeNames, scope.dtype)) {
    throw new KvferryError(
      'INVALID_ARGUMENT',
      `scope.dtype ${JSON.stringify(scope.dtype)} has no name in LMCache; known are ${Object.keys(lmcacheDtypeNames).join(', ')}`,
    );
  }
  if (scope.tags.length > 0) checkTags(scope.tags);
}

function checkTags(tags: KeyScope['tags']): void {
  const names = new Set<string>();
  for (const [name] of tags) {
    if (name === '') throw new KvferryError('INVALID_ARGUMENT', 'scope.tags: a tag has a name');
    if (names.has(name)) {
      throw new KvferryError('INVALID_ARGUMENT', `scope.tags: ${JSON.stringify(name)} is there twice`);
    }
    names.add(name);
  }
}
