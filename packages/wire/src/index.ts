export { createWireClient } from './client.ts';
export { WireError } from './errors.ts';
export { usualTrust } from './trust.ts';
export type {
  Digest,
  DigestSource,
  Origin,
  ResolvedAddress,
  ResponseHeaders,
  WireClient,
  WireClientOptions,
  WireErrorCode,
  WireErrorFacts,
  WireRequest,
  WireResponse,
  WireStats,
  WireTimeouts,
} from './types.ts';
