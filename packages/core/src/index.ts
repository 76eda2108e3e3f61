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
export { fileBackend, type FileBackendOptions } from './backends/file.ts';
export { memoryBackend, type MemoryBackendOptions } from './backends/memory.ts';
export { bufferPool, type BufferLease, type BufferPool, type BufferPoolOptions } from './buffer-pool.ts';
export {
  type Chunk,
  type Chunker,
  type ChunkLayout,
  type ChunkTensor,
  type Dtype,
  DTYPE_BYTES,
  type KeyFormat,
  type KeyScope,
  layoutBytes,
  type Tokens,
} from './chunks.ts';
export { defineBackend } from './define-backend.ts';
export type { BackendDriver, BackendPlugin, Batch, Layer } from './driver.ts';
export { defaultRetry, type ErrorCode, type ErrorFacts, KvferryError, type Operation, type Retry } from './errors.ts';
export { assertKey, type Key, keyProblem, MAX_KEY_BYTES, MAX_KEY_SEGMENT_BYTES } from './keys.ts';
export { deadline, type DeadlineOptions } from './layers/deadline.ts';
export { forwardTo } from './layers/forward.ts';
export { withLayers } from './layers/with-layers.ts';
export { longestPrefix, type LongestPrefixOptions, type PrefixEnd, type StoredPrefix } from './longest-prefix.ts';
export { memoryLimitBytes } from './memory-limit.ts';
export { naiveSerde, type Serde } from './serde.ts';
