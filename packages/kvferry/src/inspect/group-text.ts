import type { StoredGroup, StoredSystem } from './stored-group.ts';

const SYSTEMS: Readonly<Record<StoredSystem, string>> = {
  lmcache: 'LMCache',
  'lmcache-multi-process': 'LMCache multi-process',
  'lmcache-v2': 'LMCache, draft names',
  'lmcache-health-check': 'LMCache health check',
  kvferry: 'kvferry',
  'kvferry-namespaces': 'kvferry, namespaces',
  'vllm-object-tier': 'vLLM object tier',
  'vllm-probe': 'vLLM connection test',
  'sglang-nixl': 'SGLang HiCache, NIXL',
  'sglang-unified': 'SGLang HiCache, unified names',
  'sglang-seaweedfs': 'SGLang HiCache, SeaweedFS',
  other: 'other',
};

/** Whose a group's objects are, for a person: system, and the releases where they matter. */
export function systemText({ releases, system }: Pick<StoredGroup, 'releases' | 'system'>): string {
  return releases === null ? SYSTEMS[system] : `${SYSTEMS[system]} ${releases}`;
}

/** What a group is, in a few words: `LMCache 0.3.13 and later: org_m, world size 2, rank 1, half`. */
export function groupText(group: StoredGroup): string {
  const { cacheSalt, dtype, keyPrefix, model, namespace, rank, worldSize } = group;
  const parts = [
    model,
    worldSize === null ? null : `world size ${worldSize}`,
    rank === null ? null : `rank ${rank}`,
    dtype,
    cacheSalt === null ? null : `salt ${cacheSalt}`,
    namespace === null ? null : `namespace ${namespace}`,
    keyPrefix === null ? null : `under ${keyPrefix}/`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? systemText(group) : `${systemText(group)}: ${parts.join(', ')}`;
}
