export { parseLmcacheConfig } from './config/parse.ts';
export { formatFinding } from './config/findings.ts';
export { remoteTarget } from './config/remote-target.ts';
export { lmcacheChunker } from './hash/chunker.ts';
export { lmcacheKeyFormat, lmcacheKeyString } from './keys/in-process.ts';
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
  ParseInput,
  ParsedConfig,
  RemoteTarget,
} from './types.ts';
