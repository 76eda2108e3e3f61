import { type KeyScope, KvferryError } from '@kvferry/core';

const TAG_PREFIX = 'lmcache.tag.';

/**
 * Takes the tags out of a request's configs (vLLM's `kv_transfer_params`): the entries whose names start with `lmcache.tag.`, without that
 * part, in the order in which they stand.
 *
 * Throws INVALID_ARGUMENT for a tag that is neither text nor an integer: LMCache prints such a value as Python does.
 */
export function requestTags(requestConfigs: Readonly<Record<string, unknown>>): KeyScope['tags'] {
  const tags: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(requestConfigs)) {
    if (!name.startsWith(TAG_PREFIX)) continue;
    if (typeof value !== 'string' && !Number.isSafeInteger(value)) {
      throw new KvferryError('INVALID_ARGUMENT', `${name} is text or an integer; write its value as text`);
    }
    tags.push([name.slice(TAG_PREFIX.length), String(value)]);
  }
  return tags;
}
