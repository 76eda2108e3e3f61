import type { PeerRecord, PeerTurn } from '../results/records.ts';
import type { PeerSummary } from '../results/summary.ts';
import { medianOf } from './percentiles.ts';

const GIB = 1024 ** 3;

/**
 * Compares the clients by their CPU per byte. A client's ratio is the median of the rounds' ratios: what disturbed the machine in a round disturbed all of
 * them, so that a ratio within a round says more than one of two medians. Only rounds that both have count; `null` where there is none.
 */
export function summarizePeers(peers: readonly PeerRecord[]): PeerSummary[] {
  const own = peers.find(({ client }) => client === 'kvferry')?.turns ?? [];
  return peers.map(({ client, reason, turns, version }) => {
    const moved = turns.filter(({ bytes, seconds }) => bytes > 0 && seconds > 0);
    return {
      client,
      version,
      cpuRatio: medianOf(ratios(turns, own)),
      cpuSecondsPerGiB: medianOf(moved.map((turn) => cpuPerByte(turn) * GIB)),
      bytesPerSecond: medianOf(moved.map(({ bytes, seconds }) => bytes / seconds)),
      reason,
    };
  });
}

function ratios(theirs: readonly PeerTurn[], own: readonly PeerTurn[]): number[] {
  return theirs.flatMap((turn, round) => {
    const ours = own[round];
    if (ours === undefined || turn.bytes === 0 || ours.bytes === 0 || ours.cpuSeconds === 0) return [];
    return [cpuPerByte(turn) / cpuPerByte(ours)];
  });
}

function cpuPerByte({ bytes, cpuSeconds }: PeerTurn): number {
  return cpuSeconds / bytes;
}
