export { formatFinding } from './config/findings.ts';
export { parseLmcacheConfig } from './config/parse.ts';
export { remoteTarget } from './config/remote-target.ts';
export { type LmcacheChunkerOptions, lmcacheChunker } from './hash/chunker.ts';
export { type ChainIdentity, chainIdentity } from './hash/in-process-chain.ts';
export { MULTI_PROCESS_CHAIN, type MultiProcessChunkerOptions, multiProcessChunker } from './hash/multi-process.ts';
export { noneHash } from './hash/none-hash.ts';
export { describeObjectKey, type ObjectKeyDescription } from './keys/describe.ts';
export { lmcacheDtypeNames } from './keys/dtype-names.ts';
export { lmcacheKeyFormat, lmcacheKeyString } from './keys/in-process.ts';
export {
  type EngineRank,
  keyScope,
  type MultiProcessRank,
  multiProcessScope,
  type RankKeys,
} from './keys/key-scope.ts';
export { type MultiProcessKeyOptions, multiProcessKeyFormat } from './keys/multi-process.ts';
export { requestTags } from './keys/request-tags.ts';
export { kvLayout } from './layout.ts';
export type {
  ConfigEntry,
  ConfigFinding,
  ConfigSource,
  HashSettings,
  KvferryExtension,
  KvShape,
  LmcacheConfig,
  LmcacheS3Config,
  ParsedConfig,
  ParseInput,
  RemoteTarget,
} from './types.ts';
