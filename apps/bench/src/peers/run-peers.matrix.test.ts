import { expect, test } from 'vitest';
import { LMCACHE_CLIENT, PEER_CLIENTS } from './names.ts';
import { runPeers } from './run-peers.ts';
import { OBJECT_BYTES, startRace } from './testing/start-race.ts';

test.each([
  ['s3', 'http', 'my-bucket'],
  ['s3', 'https', 'my-bucket'],
  ['s3-express', 'http', 'my-bucket--use1-az4--x-s3'],
] as const)('every client that can reads the same objects: %s over %s', async (_, scheme, bucket) => {
  const { race } = await startRace({ rounds: 2 }, { bucket, scheme });
  const told: string[] = [];
  const records = await runPeers(race, { onTurn: (client, round, of) => told.push(`${client} ${round}/${of}`) });

  expect(records.map(({ client }) => client)).toEqual(PEER_CLIENTS);
  for (const { client, reason, status, turns, version } of records) {
    const unable = reasonToBeOut(client, scheme, race.s3.isExpress);
    if (status === 'left-out' && unable !== undefined) {
      expect(reason).toMatch(unable);
      continue;
    }
    expect({ client, reason }).toEqual({ client, reason: null });
    expect(version).toMatch(/^\d+\.\d+/);
    expect(turns).toHaveLength(2);
    for (const { bytes, cpuSeconds, requests, seconds } of turns) {
      expect(requests).toBeGreaterThanOrEqual(race.concurrency);
      expect(bytes).toBe(requests * OBJECT_BYTES);
      expect(seconds).toBeGreaterThan(0);
      expect(cpuSeconds).toBeGreaterThan(0);
    }
  }
  const measured = records.filter(({ status }) => status === 'measured').map(({ client }) => client);
  expect(measured).toContain('kvferry');
  // Each round begins with another.
  expect(told).toEqual([
    ...measured.map((client) => `${client} 1/2`),
    ...[...measured.slice(1), ...measured.slice(0, 1)].map((client) => `${client} 2/2`),
  ]);
});

/** What may keep a client out; Python and its library are not everywhere. */
function reasonToBeOut(client: string, scheme: 'http' | 'https', isExpress: boolean): RegExp | undefined {
  if (isExpress && client !== 'kvferry' && client !== '@aws-sdk/client-s3') return /wants one/;
  if (client === LMCACHE_CLIENT) return /No module named 'awscrt'.*KVFERRY_PYTHON|does not start/;
  return client === 'opendal' && scheme === 'https' ? /public authorities alone/ : undefined;
}
