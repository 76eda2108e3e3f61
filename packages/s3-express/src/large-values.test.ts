import { expect, test } from 'vitest';
import { BUCKET, openBackend, sessionRequests, startZone } from './testing/open.ts';

const MIB = 1024 ** 2;

test('a large value goes in parts and comes by ranges, though its session ends in the middle', async () => {
  let aheadMs = 0;
  const simulator = await startZone({ now: () => Date.now() + aheadMs });
  const backend = await openBackend(simulator, {
    multipart: { thresholdBytes: 8 * MIB, partBytes: 5 * MIB },
    maxRequestsInFlight: 2,
  });
  const value = Buffer.alloc(22 * MIB, 'a value in five parts ');
  const items = [{ key: 'large', parts: [value.subarray(0, 7 * MIB), value.subarray(7 * MIB)] }];
  const stop = eachTurnUntil(() => {
    if (simulator.requests.filter(({ method, status }) => method === 'PUT' && status === 200).length < 2) return false;
    aheadMs += 5 * 60_000;
    return true;
  });
  expect(await backend.put(items)).toEqual([{ status: 'stored' }]);
  stop();
  expect(aheadMs).toBeGreaterThan(0);
  expect(sessionRequests(simulator)).toBe(2);
  expect(Buffer.compare((await simulator.getObject(BUCKET, 'large'))?.body ?? Buffer.alloc(0), value)).toBe(0);

  // What was put in parts has no checksum of the whole there.
  const into = new Uint8Array(new SharedArrayBuffer(value.length));
  expect(await backend.get([{ key: 'large', into }])).toEqual([
    { status: 'hit', byteLength: value.length, verified: 'length' },
  ]);
  expect(Buffer.compare(into, value)).toBe(0);
});

/** Looks in every turn of the event loop until `done`. */
function eachTurnUntil(done: () => boolean): () => void {
  let stopped = false;
  const look = (): void => {
    if (!stopped && !done()) setImmediate(look);
  };
  look();
  return () => {
    stopped = true;
  };
}
