import { type BufferPool, bufferPool, type CallOptions, type KvCache, kvCache } from '@kvferry/core';
import { formatFinding } from '@kvferry/lmcache';
import { type BackendOptions, backendFor } from './backend-for.ts';
import { type ChunkIdentity, chunkIdentity, type EngineMetadata } from './chunk-identity.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';
import { isKv1Format, recordNamespaces } from './namespace-record.ts';

export interface OpenKvCacheOptions extends BackendOptions, CallOptions {
  /**
   * Told what a person should know, a sentence or two at a time: each warning of a configuration that is read here, and how much less memory the
   * cache got than `max_local_cpu_size` asks for. Default: nobody is told.
   */
  readonly onNote?: ((note: string) => void) | undefined;
}

/**
 * Opens the KV cache of one rank of an engine, as a configuration has it: chunks, keys and layout by LMCache's rules, a local tier in memory, and
 * the remote that `remote_url` names; without one, the local tier alone. `config` is the path of an LMCache YAML file, or what `loadConfig` gave.
 *
 * Rejects as `loadConfig`, `chunkIdentity`, `backendFor` and the backend's `open` do; nothing is left open then.
 */
export async function openKvCache(
  config: string | LoadedConfig,
  engine: EngineMetadata,
  options: OpenKvCacheOptions = {},
): Promise<KvCache> {
  const { signal, onNote = () => {}, ...backendOptions } = options;
  const loaded = typeof config === 'string' ? await loadConfig({ file: config }) : config;
  if (loaded !== config) for (const finding of loaded.findings) onNote(formatFinding(finding));
  const { cache, pool } = await cacheFor(loaded, await chunkIdentity(loaded.config, engine), backendOptions);
  const note = poolNote(pool);
  if (note !== undefined) onNote(note);
  try {
    await cache.open({ signal });
  } catch (thrown) {
    await cache.close();
    throw thrown;
  }
  return cache;
}

/** A cache that is not open yet, and the memory it has. Rejects as `backendFor` does. */
export async function cacheFor(
  loaded: LoadedConfig,
  { chunker, keyFormat, scope, stores, layout }: ChunkIdentity,
  options: BackendOptions,
): Promise<{ readonly cache: KvCache; readonly pool: BufferPool }> {
  const { config } = loaded;
  // Whoever says where the store is means one; `backendFor` says that the configuration names none.
  const hasRemote = config.remoteUrl !== undefined || options.endpoint !== undefined;
  const backend = hasRemote ? await backendFor(loaded, options) : undefined;
  const hasPool = config.maxLocalCpuBytes > 0;
  // A cache without a pool keeps nothing, and so never leases the least that a pool has.
  const pool = bufferPool({ maxBytes: hasPool ? config.maxLocalCpuBytes : 1 });
  const cache = kvCache({
    backend,
    chunker,
    keyFormat,
    scope,
    layout,
    pool,
    local: config.localCpu && hasPool ? config.cachePolicy : 'staging-only',
    stores,
    answerMs: config.blockingTimeoutMs,
    pinMs: config.pinTimeoutMs,
    minRetrieveTokens: config.minRetrieveTokens,
    asyncLoading: config.enableAsyncLoading,
  });
  if (backend === undefined || !isKv1Format(keyFormat)) return { cache, pool };
  return { cache: recordNamespaces(cache, { backend, keyFormat, scope, answerMs: config.blockingTimeoutMs }), pool };
}

/** Says how much less memory a pool has than was asked for; `undefined` where it has all of it. */
function poolNote({ maxBytes, requestedBytes }: BufferPool): string | undefined {
  if (maxBytes >= requestedBytes) return undefined;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return `max_local_cpu_size asks for ${gib(requestedBytes)}, and this machine has ${gib(maxBytes)} for the process: that is the budget.`;
}
