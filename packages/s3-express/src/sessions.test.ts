import { KvferryError, type RemoteBackend } from '@kvferry/core';
import { expect, test, vi } from 'vitest';
import { BUCKET, openBackend, sessionRequests, startZone, ZONAL_HOST } from './testing/open.ts';

const MINUTE_MS = 60_000;
const VALUE = Buffer.alloc(10_000, 'kv');

/** One of each operation. */
async function useOnce(backend: RemoteBackend, key: string): Promise<void> {
  expect(await backend.put([{ key, parts: [VALUE] }])).toEqual([{ status: 'stored' }]);
  expect(await backend.stat([key, `${key}-absent`])).toMatchObject([
    { status: 'hit', byteLength: VALUE.length },
    { status: 'miss' },
  ]);
  const into = new Uint8Array(VALUE.length);
  expect(await backend.get([{ key, into }])).toMatchObject([{ status: 'hit', verified: 'checksum' }]);
  expect(Buffer.compare(VALUE, into)).toBe(0);
}

test('a loaded run outlives its sessions: no request fails, and each expiry costs one CreateSession', async () => {
  let aheadMs = 0;
  const simulator = await startZone({ now: () => Date.now() + aheadMs });
  const backend = await openBackend(simulator, { maxRequestsInFlight: 32 });
  const [workers, rounds] = [16, 30];
  let done = 0;
  const work = async (worker: number): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      await useOnce(backend, `load/${worker}/${round}`);
      done += 1;
      // The session ends for the store, with dozens of requests under way that it has signed.
      if (done === Math.floor((workers * rounds) / 3) || done === Math.floor((workers * rounds * 2) / 3)) {
        aheadMs += 5 * MINUTE_MS;
      }
    }
  };
  const list = async (): Promise<void> => {
    while (done < workers * rounds) {
      for await (const { key } of backend.list({ prefix: 'load/' })) expect(key).toMatch(/^load\//);
      expect(await backend.delete(['load/none/1', 'load/none/2'])).toMatchObject([
        { status: 'deleted' },
        { status: 'deleted' },
      ]);
    }
  };
  await Promise.all([...Array.from({ length: workers }, (_, worker) => work(worker)), list()]);

  expect(aheadMs).toBe(10 * MINUTE_MS);
  expect(sessionRequests(simulator)).toBe(3);
  // The expiries were felt.
  expect(simulator.requests.filter(({ status }) => status === 400).length).toBeGreaterThan(2);
});

test('an expired session costs no attempt, whatever the operation that finds it', async () => {
  let aheadMs = 0;
  const simulator = await startZone({ now: () => Date.now() + aheadMs, sessionMs: MINUTE_MS });
  const backend = await openBackend(simulator, { maxAttempts: 1 });
  await useOnce(backend, 'k');
  const operations: Record<string, () => Promise<unknown>> = {
    stat: () => backend.stat(['k']),
    get: () => backend.get([{ key: 'k', into: new Uint8Array(VALUE.length) }]),
    put: () => backend.put([{ key: 'k', parts: [VALUE] }]),
    list: async () => {
      const entries = [];
      for await (const entry of backend.list()) entries.push({ status: 'listed', ...entry });
      return entries;
    },
    delete: () => backend.delete(['k']),
  };
  let sessions = 1;
  for (const [name, operation] of Object.entries(operations)) {
    aheadMs += MINUTE_MS;
    const results = (await operation()) as { readonly status: string }[];
    expect(results.map(({ status }) => status).join(), name).toMatch(/^(hit|stored|listed|deleted)$/);
    sessions += 1;
    expect(sessionRequests(simulator), name).toBe(sessions);
  }
});

test('everything goes under one session: the SDK behind list and bulk delete makes none of its own', async () => {
  const simulator = await startZone();
  const backend = await openBackend(simulator);
  await useOnce(backend, 'a/1');
  for await (const { key } of backend.list()) expect(key).toBe('a/1');
  expect(await backend.delete(['a/1', 'a/2'])).toEqual([{ status: 'deleted' }, { status: 'deleted' }]);
  expect(sessionRequests(simulator)).toBe(1);
  const tokens = simulator.requests.map(({ headers }) => headers['x-amz-s3session-token']);
  expect(new Set(tokens.slice(1)).size).toBe(1);
});

test('the token of temporary credentials opens the session, and goes nowhere else', async () => {
  const credentials = { accessKeyId: 'ASIATEMPORARY', secretAccessKey: 's3cret', sessionToken: 'base-token' };
  const simulator = await startZone({ credentials: [credentials] });
  const backend = await openBackend(simulator, { credentials });
  await useOnce(backend, 'k');
  const carried = simulator.requests.map(({ headers }) => headers['x-amz-security-token']);
  expect(carried[0]).toBe('base-token');
  expect(new Set(carried.slice(1))).toEqual(new Set([undefined]));
});

test.each(['InvalidToken', 'InvalidAccessKeyId'])(
  'a session that the store does not know is renewed: %s',
  async (code) => {
    const simulator = await startZone();
    const backend = await openBackend(simulator, { maxAttempts: 1 });
    await useOnce(backend, 'k');
    simulator.addFault({ match: { key: 'k' }, effect: { kind: 'status', status: 403, code } });
    await useOnce(backend, 'k');
    expect(sessionRequests(simulator)).toBe(2);
  },
);

test('who may not open sessions hears of it with the first request, and what to grant', async () => {
  const simulator = await startZone();
  simulator.addFault({
    match: { method: 'GET', bucket: BUCKET },
    times: Number.POSITIVE_INFINITY,
    effect: { kind: 'status', status: 403, code: 'AccessDenied' },
  });
  const backend = await openBackend(simulator, {
    credentials: { accessKeyId: 'AKIAEXAMPLE00007Q', secretAccessKey: 's3cret' },
  });
  const [result] = await backend.put([{ key: 'k', parts: [VALUE] }]);
  if (result?.status !== 'failed') throw new Error(`put answered ${result?.status}`);
  expect(result.error).toMatchObject({ code: 'PERMISSION_DENIED', operation: 'put', key: 'k' });
  expect(result.error.message).toContain('the store denies this to static AKIA…7Q');
  expect(result.error.message).toContain(`Grant s3express:CreateSession on ${BUCKET}`);
  expect(result.error.message).not.toContain('s3cret');
});

test('a listing holds no slot that the session it waits for needs', async () => {
  const simulator = await startZone();
  const backend = await openBackend(simulator, { maxRequestsInFlight: 1 });
  await useOnce(backend, 'k');
  // The SDK is loaded: nothing but the slot is waited for.
  for await (const { key } of backend.list()) expect(key).toBe('k');
  simulator.addFault({ match: { key: 'k' }, effect: { kind: 'status', status: 403, code: 'InvalidToken' } });
  const refused = backend.get([{ key: 'k', into: new Uint8Array(VALUE.length) }]);
  const list = async (): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of backend.list()) keys.push(key);
    return keys;
  };
  // Its slot becomes free with the answer that ends the session.
  const listed = list();
  expect(await refused).toMatchObject([{ status: 'hit' }]);
  expect(await listed).toEqual(['k']);
  expect(sessionRequests(simulator)).toBe(2);
});

test('a bucket that is not there is NAMESPACE_NOT_FOUND, for stat too', async () => {
  const backend = await openBackend(await startZone(), { bucket: 'other--use1-az4--x-s3' });
  const results = [
    ...(await backend.stat(['k'])),
    ...(await backend.get([{ key: 'k', into: new Uint8Array(1) }])),
    ...(await backend.delete(['k'])),
  ];
  for (const result of results) {
    expect(result).toMatchObject({ status: 'failed', error: { code: 'NAMESPACE_NOT_FOUND' } });
  }
});

test('a cold backend under load opens one session, within its limit', async () => {
  const simulator = await startZone();
  const backend = await openBackend(simulator, { maxRequestsInFlight: 4 });
  const items = Array.from({ length: 40 }, (_, index) => ({ key: `k${index}`, parts: [VALUE] }));
  expect(await backend.put(items)).toEqual(items.map(() => ({ status: 'stored' })));
  expect(sessionRequests(simulator)).toBe(1);
  expect(simulator.stats.maxOpenRequests).toBeLessThanOrEqual(4);
});

test('an abort, and a close, end a session that is being opened', async () => {
  const simulator = await startZone();
  const backend = await openBackend(simulator);
  const stalled = { match: { method: 'GET' }, times: 2, effect: { kind: 'stall', afterBytes: 'head' } } as const;
  simulator.addFault(stalled);
  const controller = new AbortController();
  const aborted = backend.stat(['k'], { signal: controller.signal });
  await vi.waitFor(() => expect(simulator.stats.openRequests).toBe(1));
  controller.abort();
  await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
  await vi.waitFor(() => expect(simulator.stats.openRequests).toBe(0));

  const [closed] = await Promise.all([
    backend.stat(['k']),
    vi.waitFor(() => expect(simulator.stats.openRequests).toBe(1)).then(() => backend.close()),
  ]);
  expect(closed).toMatchObject([{ status: 'failed', error: { code: 'ABORTED' } }]);
  await vi.waitFor(() => expect(simulator.stats.openConnections).toBe(0));
});

test('over TLS, at the name that AWS gives the zone', async () => {
  const simulator = await startZone({ scheme: 'https' });
  const backend = await openBackend(simulator, {
    endpoint: undefined,
    connectTo: { host: '127.0.0.1', port: simulator.port },
  });
  expect(backend.info.details).toMatchObject({ endpoint: `https://${ZONAL_HOST}`, addressing: 'virtual' });
  await useOnce(backend, 'k');
  for await (const { key } of backend.list()) expect(key).toBe('k');
  expect(await backend.delete(['k'])).toEqual([{ status: 'deleted' }]);
  expect(new Set(simulator.requests.map(({ headers }) => headers.host))).toEqual(new Set([`${BUCKET}.${ZONAL_HOST}`]));
  expect(sessionRequests(simulator)).toBe(1);
});

test('says whose session it is, before it is open and after, and shows no secret', async () => {
  const backend = await openBackend(await startZone());
  expect(backend.info.details.identity).toMatch(/^session of static kvfe…or$/);
  await useOnce(backend, 'k');
  expect(backend.info.details.identity).toMatch(/^session of static kvfe…or$/);
});

test('an error is a KvferryError that names the session, not its secret', async () => {
  const simulator = await startZone();
  const backend = await openBackend(simulator);
  await useOnce(backend, 'k');
  const denied = { kind: 'status', status: 403, code: 'AccessDenied' } as const;
  simulator.addFault({ match: { key: 'k' }, effect: denied });
  const [result] = await backend.get([{ key: 'k', into: new Uint8Array(VALUE.length) }]);
  const error = result?.status === 'failed' ? result.error : undefined;
  expect(KvferryError.is(error)).toBe(true);
  expect(error?.message).toContain('denies this to session of static');
  const token = simulator.requests.at(-1)?.headers['x-amz-s3session-token'] ?? '?';
  expect(error?.message).not.toContain(token);
});
