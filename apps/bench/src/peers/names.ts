import type { ForeignClient } from '../clients/load.ts';

/** Clients of a comparison that are a module of ours in a process of Node. */
export type ModuleClient = 'kvferry' | ForeignClient;

/** LMCache's own client, in a process of Python. */
export const LMCACHE_CLIENT = 'awscrt (Python), as LMCache has it';

export type PeerClient = ModuleClient | typeof LMCACHE_CLIENT;

/** Who takes part, in the order of the tables. */
export const PEER_CLIENTS: readonly PeerClient[] = [
  'kvferry',
  'node:http',
  'undici',
  'aws-crt',
  '@aws-sdk/client-s3',
  'opendal',
  LMCACHE_CLIENT,
];

/** What a reader of the comparison has to know, a sentence each. */
export const PEER_NOTES: readonly string[] = [
  'kvferry verifies what it reads against the CRC32C that the store keeps, where it keeps one; the others verify nothing, the AWS SDK included, which is told not to.',
  'kvferry, the AWS SDK, opendal and awscrt sign each request; node:http, undici and aws-crt know no S3 and read by URLs that were signed before.',
  'Each client leaves an object in memory that it was lent; opendal asks for its size before it reads it, and awscrt reads one of more than 8 MiB in ranges, so both send more requests than are counted.',
  "LMCache's own HEAD of an object before its first GET is left out.",
];
