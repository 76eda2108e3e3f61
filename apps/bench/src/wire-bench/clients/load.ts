import type { ClientName } from '../plan.ts';
import type { BenchClient } from './types.ts';

/** Loads one client and nothing of the others: what a library allocates, compiles and starts is billed to itself. Rejects where it does not load here. */
export async function loadClient(name: ClientName): Promise<BenchClient> {
  switch (name) {
    case 'floor':
      return (await import('./floor.ts')).loadFloor();
    case 'kvferry':
      return (await import('./kvferry.ts')).loadKvferry(0);
    case 'kvferry, 1 I/O thread':
      return (await import('./kvferry.ts')).loadKvferry(1);
    case 'kvferry, 2 I/O threads':
      return (await import('./kvferry.ts')).loadKvferry(2);
    case 'node:http':
      return (await import('./node-http.ts')).loadNodeHttp();
    case 'undici':
      return (await import('./undici.ts')).loadUndici();
    case 'aws-crt':
      return (await import('./aws-crt.ts')).loadAwsCrt();
    case '@aws-sdk/client-s3':
      return (await import('./aws-sdk.ts')).loadAwsSdk();
    case '@aws-sdk/client-s3 unsigned':
      return (await import('./aws-sdk.ts')).loadAwsSdkUnsigned();
  }
}
