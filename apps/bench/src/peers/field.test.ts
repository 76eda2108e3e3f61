import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { LMCACHE_CLIENT } from './names.ts';
import { comparePeers } from './run-peers.ts';
import { startRace } from './testing/start-race.ts';

// All that happens takes no time, unless it is said to pass.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

test('the end of the time leaves out nobody who has had a turn: neither who was at it, nor who would have been next', async () => {
  const { race, simulator } = await startRace({ rounds: 2, maxMs: 2000 });
  const compared = comparePeers(['node:http', 'undici'], race, {
    async onTurn(client, round) {
      // In the second round it begins.
      if (client !== 'undici' || round !== 2) return;
      simulator.addFault({ match: { query: /X-Amz-Signature/ }, effect: { kind: 'stall', afterBytes: 'head' } });
      const before = simulator.requests.length;
      while (simulator.requests.length === before) await nextTurn();
      await vi.advanceTimersByTimeAsync(2000);
    },
  });
  for (const record of await compared) {
    expect(record).toMatchObject({ status: 'measured', reason: null });
    expect(record.turns).toHaveLength(1);
  }
});

test('one that hangs as it starts takes half of the time at most', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-bench-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const python = join(folder, 'python3');
  await writeFile(python, '#!/bin/sh\nexec sleep 60\n');
  await chmod(python, 0o755);
  vi.stubEnv('KVFERRY_PYTHON', python);
  const { race } = await startRace({ maxMs: 2000 });
  const compared = comparePeers(['node:http', LMCACHE_CLIENT], race, { onTurn() {} });
  // Both are asked, and one has answered.
  while (vi.getTimerCount() < 2) await nextTurn();
  while (vi.getTimerCount() > 1) await nextTurn();
  await vi.advanceTimersByTimeAsync(1000);
  const [nodeHttp, hung] = await compared;
  expect(nodeHttp).toMatchObject({ status: 'measured', reason: null });
  expect(hung).toMatchObject({ status: 'left-out', turns: [] });
  expect(hung?.reason).toMatch(/did not answer within 1000 ms/);
});
