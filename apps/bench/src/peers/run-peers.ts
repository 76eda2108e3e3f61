import type { PeerRecord } from '../results/records.ts';
import { shareBytes } from './budget.ts';
import { Field } from './field.ts';
import { PEER_CLIENTS, type PeerClient } from './names.ts';
import type { PeerListener, PeerRace, RunPeers } from './types.ts';

/** Runs the comparison between all clients. Each has `concurrency` objects in memory. */
export const runPeers: RunPeers = (race, listener) => comparePeers(PEER_CLIENTS, race, listener);

/**
 * Proves once that all these clients read the same bytes, warms up, then goes round after round, each client in turn, each round begun by another. What
 * happens to the machine or the store meanwhile happens to all of them. The records come in the order of the clients.
 *
 * Rejects with the signal's reason when that fires, all processes ended.
 */
export async function comparePeers(
  clients: readonly PeerClient[],
  race: PeerRace,
  listener: PeerListener,
): Promise<readonly PeerRecord[]> {
  const { signal } = race;
  signal.throwIfAborted();
  const field = new Field(clients, race);
  const onAbort = (): void => void field.stop();
  signal.addEventListener('abort', onAbort);
  try {
    await field.open();
    const budget = shareBytes({
      clients: field.size,
      objects: race.objects.length,
      objectBytes: race.objectBytes,
      concurrency: race.concurrency,
      rounds: race.rounds,
      maxBytes: race.maxBytes,
    });
    if (budget === undefined) {
      field.disband(`the bound of ${race.maxBytes} bytes is too little for each client to read one of them twice`);
    } else {
      await field.prove(budget.proof);
      await field.warmUp(budget.warmUp, budget.turn);
      for (let round = 0; round < budget.rounds && field.hasTimeFor(round); round += 1) {
        await field.takeTurns(round, budget, listener);
      }
    }
    signal.throwIfAborted();
    return field.records();
  } finally {
    signal.removeEventListener('abort', onAbort);
    await field.stop();
  }
}
