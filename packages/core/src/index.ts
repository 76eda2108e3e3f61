export { type BackOffRequest, backOffMs } from './back-off.ts';
export type {
  BackendInfo,
  BackendState,
  BatchOptions,
  CallOptions,
  Capabilities,
  DeleteResult,
  Failed,
  GetItem,
  GetResult,
  ListEntry,
  ListOptions,
  Miss,
  PutItem,
  PutMode,
  PutOptions,
  PutResult,
  RemoteBackend,
  StatResult,
} from './backend.ts';
export { type FileBackendOptions, fileBackend } from './backends/file.ts';
export { type MemoryBackendOptions, memoryBackend } from './backends/memory.ts';
export { type BufferLease, type BufferPool, type BufferPoolOptions, bufferPool } from './buffer-pool.ts';
export { commonHit } from './cache/common-hit.ts';
export { kvCache } from './cache/create-cache.ts';
export type {
  CacheInfo,
  CachePolicy,
  CacheRequestOptions,
  CacheStats,
  ChunkPresence,
  HitEnd,
  KvCache,
  KvCacheOptions,
  LoadedChunk,
  Lookup,
  LookupOptions,
  Prefetch,
  Retrieved,
  RetrieveOptions,
  StoredChunk,
} from './cache/kv-cache.ts';
export {
  type Chunk,
  type Chunker,
  type ChunkLayout,
  type ChunkTensor,
  DTYPE_BYTES,
  type Dtype,
  type KeyFormat,
  type KeyScope,
  layoutBytes,
  type Tokens,
} from './chunks.ts';
export { defineBackend } from './define-backend.ts';
export type { BackendDriver, BackendPlugin, Batch, Layer } from './driver.ts';
export { defaultRetry, type ErrorCode, type ErrorFacts, KvferryError, type Operation, type Retry } from './errors.ts';
export { assertKey, type Key, keyProblem, MAX_KEY_BYTES, MAX_KEY_SEGMENT_BYTES } from './keys.ts';
export {
  describeKv1Key,
  type Kv1KeyDescription,
  type Kv1KeyFormat,
  type Kv1Namespace,
  type Kv1Options,
  kv1KeyFormat,
} from './kv1-key-format.ts';
export { BREAKER_CHANNEL, type BreakerRecord } from './layers/breaker-state.ts';
export { type CircuitBreakerOptions, circuitBreaker } from './layers/circuit-breaker.ts';
export { type DeadlineOptions, deadline, type LimitedOperation } from './layers/deadline.ts';
export { forwardTo, type LayerMethods } from './layers/forward.ts';
export { type KeyPrefixOptions, keyPrefix } from './layers/key-prefix.ts';
export { CALL_CHANNEL, type CallRecord, metrics } from './layers/metrics.ts';
export { type RetryOptions, retry } from './layers/retry.ts';
export { withLayers } from './layers/with-layers.ts';
export { type LongestPrefixOptions, longestPrefix, type PrefixEnd, type StoredPrefix } from './longest-prefix.ts';
export { memoryLimitBytes } from './memory-limit.ts';
export { nearestName } from './nearest-name.ts';
export { naiveSerde, type Serde } from './serde.ts';
