export { type BackendOptions, backendFor, describeRemote } from './backend-for.ts';
export { type ChunkIdentity, chunkIdentity, type EngineMetadata } from './chunk-identity.ts';
export { keyPrefixOf } from './key-prefix.ts';
export { type LoadConfigOptions, type LoadedConfig, loadConfig } from './load-config.ts';
export { findModel, type ModelShape, modelByName, modelNames } from './models.ts';
export { type OpenKvCacheOptions, openKvCache } from './open-kv-cache.ts';
export { credentialSource, openS3, type S3Overrides, type S3Target } from './open-s3.ts';
export { type PluginSources, pluginFor } from './plugins.ts';
