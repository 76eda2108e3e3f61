import { expect, it } from 'vitest';
import type { PeerRecord } from '../results/records.ts';
import { summarizePeers } from './peers.ts';

const GIB = 1024 ** 3;

function peer(client: string, ...cpu: readonly number[]): PeerRecord {
  const turns = cpu.map((cpuSeconds) => ({ seconds: 2, cpuSeconds, bytes: GIB, requests: 32 }));
  return { kind: 'peer', client, version: null, status: 'measured', reason: null, turns };
}

it('takes the median of the ratios within each round', () => {
  // The second round was disturbed for all: a ratio of medians would be 3.
  const [own, other] = summarizePeers([peer('kvferry', 1, 10, 2), peer('other', 4, 30, 6)]);
  expect(own).toMatchObject({ cpuRatio: 1, cpuSecondsPerGiB: 2, bytesPerSecond: GIB / 2 });
  expect(other).toMatchObject({ client: 'other', cpuRatio: 3, cpuSecondsPerGiB: 6 });
});

it('counts the rounds that both have', () => {
  const [, other] = summarizePeers([peer('kvferry', 1, 1), peer('other', 4, 2, 100)]);
  expect(other?.cpuRatio).toBe(3);
});

it('has no figures of a client that was left out, and no ratio without kvferry', () => {
  const left: PeerRecord = { ...peer('left'), status: 'left-out', reason: 'it does not install here' };
  expect(summarizePeers([left, peer('other', 1)])).toEqual([
    {
      client: 'left',
      version: null,
      cpuRatio: null,
      cpuSecondsPerGiB: null,
      bytesPerSecond: null,
      reason: 'it does not install here',
    },
    { client: 'other', version: null, cpuRatio: null, cpuSecondsPerGiB: 1, bytesPerSecond: GIB / 2, reason: null },
  ]);
});

it('does not count turns in which nothing was read', () => {
  const empty = { ...peer('other', 1), turns: [{ seconds: 0, cpuSeconds: 1, bytes: 0, requests: 0 }] };
  expect(summarizePeers([peer('kvferry', 1), empty])[1]).toMatchObject({ cpuRatio: null, cpuSecondsPerGiB: null });
});
