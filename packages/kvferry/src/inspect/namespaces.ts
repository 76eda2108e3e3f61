import { hash } from 'node:crypto';
import type { RemoteBackend } from '@kvferry/core';
import { frontOf } from '../key-prefix.ts';
import type { StoredGroup } from './stored-group.ts';

/** Descriptions that are read at most; the largest groups come first. */
const MOST_READ = 200;
/** A description is some hundred bytes, and more with many tags. */
const DESCRIPTION_BYTES = 16_384;

/**
 * Adds to groups of kvferry's own names what the store says that their namespaces stand for. One that cannot be read, or is not what its name says, stays
 * without.
 */
export async function withDescriptions(
  backend: RemoteBackend,
  groups: readonly StoredGroup[],
  signal: AbortSignal,
): Promise<StoredGroup[]> {
  const asked = groups.filter(({ namespace }) => namespace !== null).slice(0, MOST_READ);
  if (asked.length === 0) return [...groups];
  const items = asked.map(({ keyPrefix, namespace }) => ({
    key: `${frontOf(keyPrefix ?? '')}kv1/_ns/${namespace}.json`,
    into: new Uint8Array(DESCRIPTION_BYTES),
  }));
  const results = await backend.get(items, { signal });
  const descriptions = new Map<StoredGroup, Readonly<Record<string, unknown>>>();
  for (const [index, result] of results.entries()) {
    const group = asked[index];
    if (group === undefined || result.status !== 'hit') continue;
    const text = Buffer.from(items[index]?.into ?? []).toString('utf8', 0, result.byteLength);
    const description = parsed(group.namespace ?? '', text);
    if (description !== undefined) descriptions.set(group, description);
  }
  return groups.map((group) => described(group, descriptions.get(group)));
}

/** The id is the digest of the text, so what somebody else put there is told. */
function parsed(id: string, text: string): Readonly<Record<string, unknown>> | undefined {
  if (hash('sha256', text, 'hex').slice(0, 16) !== id) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function described(group: StoredGroup, description: Readonly<Record<string, unknown>> | undefined): StoredGroup {
  if (description === undefined) return group;
  const { dtype, model, worker_id, world_size } = description;
  return {
    ...group,
    model: typeof model === 'string' ? model : null,
    worldSize: typeof world_size === 'number' ? world_size : null,
    rank: typeof worker_id === 'number' ? worker_id : null,
    dtype: typeof dtype === 'string' ? dtype : null,
    description,
  };
}
