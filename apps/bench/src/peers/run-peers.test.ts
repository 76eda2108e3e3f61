import { expect, test } from 'vitest';
import { comparePeers } from './run-peers.ts';
import { unableTo } from './start-client.ts';
import { OBJECT_BYTES, startRace } from './testing/start-race.ts';

test('a client that fails in the middle is left out with the reason, and one that reads other bytes; the others go on', async () => {
  const { race, simulator } = await startRace({ rounds: 2 });
  // The last object that node:http reads to prove itself: undici has proved itself before.
  simulator.addFault({
    match: { query: SIGNED },
    after: 2 * race.concurrency - 1,
    effect: { kind: 'flip', atByte: 7 },
  });
  const records = await comparePeers(['kvferry', 'undici', 'node:http'], race, {
    onTurn(client, round) {
      if (client === 'undici' && round === 2)
        simulator.addFault({ match: { query: SIGNED }, effect: { kind: 'status', status: 503 } });
    },
  });

  const [kvferry, undici, nodeHttp] = records;
  expect(undici).toMatchObject({ status: 'left-out', turns: [] });
  expect(undici?.reason).toMatch(/^GET: status 503, /);
  expect(nodeHttp).toMatchObject({ status: 'left-out', turns: [] });
  expect(nodeHttp?.reason).toMatch(/^it read other bytes of run\/object-\d than the others$/);
  expect(kvferry).toMatchObject({ status: 'measured', reason: null });
  expect(kvferry?.turns).toHaveLength(2);
  for (const { bytes, cpuSeconds, requests, seconds } of kvferry?.turns ?? []) {
    expect(requests).toBeGreaterThanOrEqual(race.concurrency);
    expect(bytes).toBe(requests * OBJECT_BYTES);
    expect(seconds).toBeGreaterThan(0);
    expect(cpuSeconds).toBeGreaterThan(0);
  }
});

test('an abort in the middle of a turn ends all processes, and rejects with its reason', async () => {
  const leave = new AbortController();
  // Too long for a warm-up before.
  const { race, simulator } = await startRace({ turnMs: 60_000, maxMs: 100_000, signal: leave.signal });
  const reason = new Error('enough');
  let told = 0;
  const compared = comparePeers(['node:http', 'undici'], race, {
    onTurn() {
      told += 1;
      leave.abort(reason);
    },
  });
  await expect(compared).rejects.toBe(reason);
  expect(told).toBe(1);
  await expect.poll(() => simulator.stats.openConnections).toBe(0);
});

test('no more is read than the bound allows, and nothing where it allows too little', async () => {
  const { race, simulator } = await startRace({ turnMs: 10_000, rounds: 2, maxBytes: 21 * OBJECT_BYTES });
  const [record] = await comparePeers(['node:http'], race, { onTurn() {} });
  expect(record?.turns.map(({ requests }) => requests)).toEqual([5, 5]);
  expect(simulator.requests.length).toBe(4 + 5 + 2 * 5);

  const [none] = await comparePeers(['node:http'], { ...race, maxBytes: OBJECT_BYTES }, { onTurn() {} });
  expect(none).toMatchObject({ status: 'left-out', turns: [] });
  expect(none?.reason).toMatch(/^the bound of 262144 bytes is too little/);
});

test('a client that makes no sessions is left out of a directory bucket', async () => {
  const { race } = await startRace({ maxBytes: 1 }, { bucket: 'my-bucket--use1-az4--x-s3' });
  expect(unableTo('opendal', race.s3)).toMatch(/sessions/);
  expect(unableTo('@aws-sdk/client-s3', race.s3)).toBeUndefined();
  expect(unableTo('opendal', { ...race.s3, isExpress: false })).toBeUndefined();
});

const SIGNED = /X-Amz-Signature/;
