import { loadForeignClient } from '../clients/load.ts';
import type { BenchClient } from '../clients/types.ts';
import type { ClientName } from './plan.ts';
import type { WireOptions } from './session.ts';

/** Loads one client and nothing of the others. Rejects where it does not load here. */
export async function loadClient(name: ClientName): Promise<BenchClient<WireOptions>> {
  switch (name) {
    case 'floor':
      return (await import('./floor.ts')).loadFloor();
    case 'kvferry':
      return (await import('./kvferry.ts')).loadKvferry(0);
    case 'kvferry, 1 I/O thread':
      return (await import('./kvferry.ts')).loadKvferry(1);
    case 'kvferry, 2 I/O threads':
      return (await import('./kvferry.ts')).loadKvferry(2);
    case '@aws-sdk/client-s3 unsigned':
      return (await import('../clients/aws-sdk.ts')).loadAwsSdk('unsigned');
    default:
      return loadForeignClient(name);
  }
}
