import { kvferrySession } from '../clients/kvferry.ts';
import { packageVersion } from '../clients/package-version.ts';
import type { BenchClient, Session, SessionOptions } from '../clients/types.ts';
import { bareBackends } from '../stores/seat.ts';
import type { Seat } from '../stores/types.ts';

/** kvferry as a configuration sets it, without the layers that know keys and not objects: the names of the race are those in the bucket. */
export function loadKvferry(seat: Seat): BenchClient {
  return {
    version: packageVersion('kvferry'),
    async open(options: SessionOptions): Promise<Session> {
      const makeBackend = await bareBackends(seat);
      const backend = makeBackend({});
      await backend.open();
      return kvferrySession(backend, options, 'anything');
    },
  };
}
