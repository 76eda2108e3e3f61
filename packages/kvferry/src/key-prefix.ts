import type { LmcacheConfig } from '@kvferry/lmcache';

/** What a configuration puts in front of its keys, without the slash that stands between; `''`: nothing. */
export function keyPrefixOf({ kvferry }: LmcacheConfig): string {
  return kvferry.keyPrefix?.replace(/\/$/, '') ?? '';
}

/** What stands in front of a key under such a prefix. */
export function frontOf(keyPrefix: string): string {
  return keyPrefix === '' ? '' : `${keyPrefix}/`;
}
