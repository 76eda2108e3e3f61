import { KvferryError } from '@kvferry/core';
import type { LmcacheConfig, RemoteTarget } from '../types.ts';
import { decideAddress } from './store-address.ts';

/**
 * Says which store a configuration names, without opening anything: its kind, bucket, endpoint, region and scheme. A host's known suffix
 * decides first, else its first label is the bucket; `endpoint`, `bucket`, `provider` and `addressing` of `extra_config.kvferry` go before
 * both. `kind: 'none'` where `remote_url` is not set, `'plugin'` for any scheme but `s3`.
 *
 * Throws CONFIG_INVALID for a configuration that names no address; one that `parseLmcacheConfig` gave without an error never does.
 */
export function remoteTarget(config: LmcacheConfig): RemoteTarget {
  if (config.remoteUrl === undefined) return { kind: 'none' };
  const decision = decideAddress({
    remoteUrl: config.remoteUrl,
    region: config.s3.region,
    disableTls: config.s3.disableTls,
    kvferry: config.kvferry,
  });
  if (decision.status === 'refused') {
    throw new KvferryError('CONFIG_INVALID', `${decision.key}: ${decision.problem} ${decision.fix}`);
  }
  return decision.target;
}
