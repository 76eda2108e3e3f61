export { type BackendOptions, backendFor, describeRemote } from './backend-for.ts';
export { type ChunkIdentity, chunkIdentity, type EngineMetadata } from './chunk-identity.ts';
export { type LoadConfigOptions, type LoadedConfig, loadConfig } from './load-config.ts';
export { type PluginSources, pluginFor } from './plugins.ts';
