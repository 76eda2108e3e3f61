import type { PeerRecord } from '../results/records.ts';
import type { S3Access, Seat } from '../stores/types.ts';

/** A comparison: every client reads the same objects, in turns, each in a process of its own. */
export interface PeerRace {
  readonly s3: S3Access;
  /** For kvferry itself. */
  readonly seat: Seat;
  /** Names of the objects in the bucket, all of the same size. */
  readonly objects: readonly string[];
  readonly objectBytes: number;
  readonly concurrency: number;
  readonly rounds: number;
  /** Length that one turn is planned for. */
  readonly turnMs: number;
  /** For all of it, warm-up included: no round is begun that would not fit. */
  readonly maxMs: number;
  /** Read by all clients together at most. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface PeerListener {
  onTurn(client: string, round: number, rounds: number): void;
}

/** Runs the comparison. A client that does not load, or fails, is left out with the reason, and the others go on. */
export type RunPeers = (race: PeerRace, listener: PeerListener) => Promise<readonly PeerRecord[]>;
