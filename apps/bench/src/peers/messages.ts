import type { PlainAccess } from '../clients/types.ts';
import type { PeerTurn } from '../results/records.ts';
import type { S3Access, Seat } from '../stores/types.ts';
import type { ModuleClient } from './names.ts';

/** To the process of a client, one at a time, each answered by one {@link PeerAnswer}. */
export type PeerCommand =
  /** Loads the library, and takes memory; connects to nothing. */
  | ({ readonly do: 'open' } & (ModuleSetup | LmcacheSetup))
  /** Reads each of the first so many objects once, and tells of their bytes. Turns go over these alone. */
  | { readonly do: 'prove'; readonly objects: number }
  /** Reads for so long, with all slots busy, or until so many objects are read: whole ones, and one per slot at the least that the number allows. */
  | { readonly do: 'turn'; readonly forMs: number; readonly maxObjects: number };

/** What is read, and how much of it at a time. */
export interface ObjectSetup {
  readonly store: S3Access;
  readonly keys: readonly string[];
  readonly objectBytes: number;
  readonly concurrency: number;
}

export interface ModuleSetup extends ObjectSetup {
  readonly client: ModuleClient;
  readonly plain: PlainAccess;
  /** For kvferry. */
  readonly seat: Seat;
}

/** For LMCache's client: what its connector is told beside. */
export interface LmcacheSetup extends ObjectSetup {
  readonly ioThreads: number;
  readonly preferHttp2: boolean;
}

export type PeerAnswer =
  | { readonly status: 'open'; readonly version: string | null }
  /** SHA-256 of each object, in hexadecimal. */
  | { readonly status: 'proved'; readonly hashes: readonly string[]; readonly seconds: number }
  | { readonly status: 'turn'; readonly turn: PeerTurn }
  | { readonly status: 'failed'; readonly reason: string };
