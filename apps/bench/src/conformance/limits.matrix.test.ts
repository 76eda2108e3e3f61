import { type ConformanceCase, type ConformanceSuite, cases, type Level, runConformance } from '@kvferry/conformance';
import { s3 } from '@kvferry/s3';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { expect, test } from 'vitest';
import { type Load, mostRequests } from './limits.ts';

test.each([
  ['network', 'core'],
  ['stress', 'network'],
] as const)(
  'what is said to be the most at level %s is more than what is sent, and not by far',
  async (level, below) => {
    const ofLevel = cases.filter((one) => one.level === level);
    // They wait for time limits: side by side they take as long as the slowest share of them.
    const shares = Array.from({ length: 6 }, (_, share) => ofLevel.filter((_, index) => index % 6 === share));
    const counts = await Promise.all(shares.map((share) => countedByTheSimulator(level, share)));
    const [less, more] = [mostRequests(below), mostRequests(level)];
    expectNear({ requests: more.requests - less.requests, bytes: more.bytes - less.bytes }, total(counts), 3);
  },
  180_000,
);

/** Says that `most` covers `attempts` times what was counted, and is less than twice as much. */
function expectNear(most: Load, counted: Load, attempts: number): void {
  for (const what of ['requests', 'bytes'] as const) {
    expect(counted[what] * attempts, what).toBeLessThanOrEqual(most[what]);
    expect(counted[what] * attempts * 2, what).toBeGreaterThan(most[what]);
  }
}

/** What the S3 backend sends in these cases. */
async function countedByTheSimulator(level: Level, chosen: readonly ConformanceCase[]): Promise<Load> {
  const store = await startSimulator({ buckets: ['my-bucket'] });
  // Counted at the end: a request that is under way has bytes to come.
  const requests = new Set<Simulator['requests'][number]>();
  const note = (): void => {
    for (const request of store.requests) requests.add(request);
    // It keeps no more than the latest 10,000.
    store.clearRequests();
  };
  const often = setInterval(note, 20);
  await runConformance(suiteOn(store), { level, filter: (one) => chosen.includes(one), onCase: note });
  clearInterval(often);
  note();
  await store.close();
  return loadOf([...requests]);
}

function suiteOn({ credentials, region, url }: Simulator): ConformanceSuite {
  const timeouts = { connectMs: 1000, firstByteMs: 1000, stallMs: 1000 };
  const options = { bucket: 'my-bucket', region, endpoint: url, credentials, timeouts };
  const { capabilities } = s3(options);
  const createTarget: ConformanceSuite['createTarget'] = ({ connectTo }) => ({
    create: () => s3({ ...options, connectTo }),
    rawRead: async () => undefined,
  });
  return { capabilities, upstream: url, createTarget };
}

function loadOf(requests: Simulator['requests']): Load {
  return {
    requests: requests.length,
    bytes: requests.reduce((sum, { bytesIn, bytesOut }) => sum + bytesIn + bytesOut, 0),
  };
}

function total(loads: readonly Load[]): Load {
  return {
    requests: loads.reduce((sum, { requests }) => sum + requests, 0),
    bytes: loads.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
