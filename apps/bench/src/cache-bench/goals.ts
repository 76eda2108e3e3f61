import type { HashMilliseconds } from './hashing.ts';
import type { LookupCost } from './lookup-cost.ts';
import type { RetrieveCost } from './retrieve-cost.ts';

/** What a run found. */
export interface Figures {
  readonly retrieve: RetrieveCost;
  readonly hashMilliseconds: HashMilliseconds;
  readonly lookup: LookupCost;
}

/** A goal, and what became of it. All are upper bounds. */
export interface GoalResult {
  readonly what: string;
  readonly found: number;
  readonly goal: number;
  readonly outcome: 'ok' | 'missed';
}

export function judge({ retrieve, hashMilliseconds, lookup }: Figures): GoalResult[] {
  return [
    atMost(1.05, 'retrieve, local tier off: CPU over the batch get', retrieve.overBatchGet['tier off']),
    atMost(15, 'hashing 131,072 tokens by sha256_cbor, ms', hashMilliseconds.sha256_cbor),
    atMost(15, 'hashing 131,072 tokens by blake3, ms', hashMilliseconds.blake3),
    atMost(24, 'lookup of 512 chunks: probes, at worst', lookup.probes),
    atMost(3, 'lookup of 512 chunks: round trips, at worst', lookup.roundTrips),
  ];
}

function atMost(goal: number, what: string, found: number): GoalResult {
  return { what, found, goal, outcome: found <= goal ? 'ok' : 'missed' };
}
