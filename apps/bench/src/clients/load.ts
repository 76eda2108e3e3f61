import type { BenchClient } from './types.ts';

/** Clients of other makes that take part in more than one comparison. */
export type ForeignClient = 'node:http' | 'undici' | 'aws-crt' | '@aws-sdk/client-s3' | 'opendal';

/** Loads one client and nothing of the others: what a library allocates, compiles and starts is billed to itself. Rejects where it does not load here. */
export async function loadForeignClient(name: ForeignClient): Promise<BenchClient> {
  switch (name) {
    case 'node:http':
      return (await import('./node-http.ts')).loadNodeHttp();
    case 'undici':
      return (await import('./undici.ts')).loadUndici();
    case 'aws-crt':
      return (await import('./aws-crt.ts')).loadAwsCrt();
    case '@aws-sdk/client-s3':
      return (await import('./aws-sdk.ts')).loadAwsSdk('as it comes');
    case 'opendal':
      return (await import('./opendal.ts')).loadOpendal();
  }
}
