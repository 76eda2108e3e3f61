export { probe } from './probe/probe.ts';
export type { ProbeFinding, ProbeOptions, ProbeReport, ProbeSubject } from './probe/types.ts';
export type { AddressingStyle, StoreProfile } from './profile.ts';
export { PROVIDERS, type Provider, type ProviderHost, type ProviderName, providerOfHost } from './providers.ts';
export { type S3CompatibleOptions, s3Compatible } from './s3-compatible.ts';
