import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HitEnd, KvCache } from '@kvferry/core';
import { type Fault, type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openKvCache } from './open-kv-cache.ts';
import { type Relay, startRelay } from './testing/relay.ts';
import { CHUNK_BYTES, smallEngine, tensor } from './testing/small-engine.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';
import { startTicks } from './testing/ticks.ts';

// A cache as a configuration opens it, with breaker and deadline, on a store that becomes unwell.

const BLOCKING_TIMEOUT_MS = 1000;
/** What an answer may take beyond its time limit, to let go of connections and memory. */
const LETTING_GO_MS = 400;
const RETURN_MS = 2000;

const tokens = Array.from({ length: 24 }, (_, index) => index);
const CHUNKS = 6;

const tensors = Array.from({ length: CHUNKS }, (_, index) => tensor(index + 1));

/** A store behind a port, and how it gets well again. */
interface Store {
  readonly simulator: Simulator;
  readonly relay: Relay;
}

/** What goes wrong; the function returned mends it. */
type Break = (store: Store) => Promise<() => unknown>;

const fault =
  (effect: Fault['effect'], match: Fault['match'] = {}): Break =>
  async ({ simulator }) =>
    simulator.addFault({ match, times: Number.POSITIVE_INFINITY, effect });

const outages: Readonly<Record<string, { readonly begin: Break; readonly code: string }>> = {
  'that stalls': { begin: fault({ kind: 'stall', afterBytes: 'head' }), code: 'TIMEOUT' },
  'that fails': { begin: fault({ kind: 'status', status: 500, code: 'InternalError' }), code: 'UNAVAILABLE' },
  'that refuses': { begin: fault({ kind: 'status', status: 403, code: 'AccessDenied' }), code: 'PERMISSION_DENIED' },
  'that drops connections': { begin: fault({ kind: 'reset', afterBytes: 'head' }), code: 'CONNECTION' },
  'that is gone': {
    begin: async ({ relay }) => {
      await relay.vanish();
      return relay.comeBack;
    },
    code: 'CONNECTION',
  },
};

const requests: Readonly<Record<string, (cache: KvCache) => Promise<{ readonly hitTokens: number; end: HitEnd }>>> = {
  lookup: (cache) => cache.lookup(tokens),
  'lookup, exact': (cache) => cache.lookup(tokens, { exact: true }),
  retrieve: async (cache) => {
    using retrieved = await cache.retrieve(tokens);
    return retrieved;
  },
  retrieveInto: (cache) =>
    cache.retrieveInto(
      tokens,
      tensors.map(() => new Uint8Array(CHUNK_BYTES)),
    ),
  prefetch: async (cache) => {
    using prefetch = cache.prefetch(tokens);
    return await prefetch.loaded;
  },
};

async function openStore(): Promise<Store> {
  const simulator = await startSimulator({ buckets: ['my-bucket'] });
  onTestFinished(() => simulator.close());
  return { simulator, relay: await startRelay(simulator.port) };
}

/** Keeps nothing, so that every answer needs the store. */
async function openCache({ simulator, relay }: Store, lines = ''): Promise<KvCache> {
  const file = join(await temporaryFolder(), 'lmcache.yaml');
  const config = [
    'chunk_size: 4',
    lines.includes('local_cpu') ? '' : 'local_cpu: False',
    `blocking_timeout_secs: ${BLOCKING_TIMEOUT_MS / 1000}`,
    `remote_url: "s3://127.0.0.1:${relay.port}"`,
    lines,
    'extra_config:',
    '  s3_region: us-east-1',
    '  disable_tls: True',
    '  kvferry: { bucket: my-bucket, provider: aws }',
  ];
  await writeFile(file, config.join('\n'));
  const cache = await openKvCache(file, smallEngine, { credentials: simulator.credentials });
  onTestFinished(() => cache.close());
  return cache;
}

async function storeAll(cache: KvCache): Promise<void> {
  for (const { result } of await cache.store(tokens, tensors)) expect(result.status).toBe('stored');
}

describe.each(Object.keys(outages))('a store %s', (name) => {
  const { begin, code } = outages[name] as (typeof outages)[string];

  test.each(Object.keys(requests))('costs a %s its time limit at most, and is told as what it is', async (call) => {
    const request = requests[call] as (typeof requests)[string];
    const store = await openStore();
    await storeAll(await openCache(store));
    // One that knows nothing yet.
    const cache = await openCache(store);
    await begin(store);
    const ticks = startTicks();
    const tookMs = await ticks.during(async () => {
      expect(await request(cache)).toMatchObject({ hitTokens: 0, end: { status: 'failed', error: { code } } });
    });
    expect(tookMs).toBeLessThanOrEqual(BLOCKING_TIMEOUT_MS + LETTING_GO_MS);
    expect(cache.stats).toMatchObject({ leasedBytes: 0, loading: 0, misses: 0 });
  });

  test('costs a store of chunks its time limit at most, and each is told of', async () => {
    const store = await openStore();
    const cache = await openCache(store);
    await begin(store);
    const tookMs = await startTicks().during(async () => {
      for (const { result } of await cache.store(tokens, tensors)) {
        expect(result).toMatchObject({ status: 'failed', error: { code } });
      }
    });
    expect(tookMs).toBeLessThanOrEqual(BLOCKING_TIMEOUT_MS + LETTING_GO_MS);
  });

  test('is used again within 2 s of its return, and all it holds is a hit', async () => {
    const store = await openStore();
    const cache = await openCache(store);
    await storeAll(cache);
    const mend = await begin(store);
    // Often enough for the breaker to open, where it does. A lookup alone may be answered out of memory.
    for (const name of ['lookup, exact', 'retrieve', 'retrieveInto', 'prefetch']) {
      expect((await requests[name]?.(cache))?.end.status).toBe('failed');
    }
    await mend();
    const ticks = startTicks();
    const tookMs = await ticks.during(async () => {
      while ((await requests.retrieve?.(cache))?.end.status !== 'complete') await ticks.next();
    });
    expect(tookMs).toBeLessThanOrEqual(RETURN_MS);
    for (const request of Object.values(requests)) {
      expect(await request(cache)).toMatchObject({ hitTokens: 24, end: { status: 'complete' } });
    }
    const stored = await cache.store(tokens, tensors);
    expect(stored.map(({ result }) => result)).toEqual(Array(CHUNKS).fill({ status: 'skipped', reason: 'present' }));
  });
});

describe('a store that stalls in the midst of the bytes', () => {
  const begin = fault({ kind: 'stall', afterBytes: 100 }, { method: 'GET' });

  test.each(['retrieve', 'retrieveInto', 'prefetch'])('costs a %s its time limit at most', async (call) => {
    const request = requests[call] as (typeof requests)[string];
    const store = await openStore();
    const cache = await openCache(store);
    await storeAll(cache);
    await begin(store);
    const ticks = startTicks();
    const tookMs = await ticks.during(async () => {
      expect(await request(cache)).toMatchObject({
        hitTokens: 0,
        end: { status: 'failed', error: { code: 'TIMEOUT' } },
      });
    });
    expect(tookMs).toBeLessThanOrEqual(BLOCKING_TIMEOUT_MS + LETTING_GO_MS);
    // The memory follows when the last writer, in another thread, is known to be quiet.
    while (cache.stats.leasedBytes > 0) await ticks.next();
  });

  test('costs a lookup that loads its time limit at most; what came in order counts', async () => {
    const store = await openStore();
    const cache = await openCache(store, 'enable_async_loading: True');
    const [, , third] = await cache.store(tokens, tensors);
    // The threads that read have started, whatever the machine is busy with.
    (await cache.retrieve(tokens))[Symbol.dispose]();
    await fault({ kind: 'stall', afterBytes: 100 }, { method: 'GET', key: third?.key })(store);
    const tookMs = await startTicks().during(async () => {
      expect(await cache.lookup(tokens)).toMatchObject({
        hitTokens: 8,
        end: { status: 'failed', error: { code: 'TIMEOUT', key: third?.key } },
      });
    });
    expect(tookMs).toBeLessThanOrEqual(BLOCKING_TIMEOUT_MS + LETTING_GO_MS);
    using retrieved = await cache.retrieve(tokens.slice(0, 8));
    expect(retrieved.chunks.map(({ tier }) => tier)).toEqual(['local', 'local']);
  });

  test('costs a store of chunks the time of its bytes beyond it', async () => {
    const store = await openStore();
    const cache = await openCache(store);
    await fault({ kind: 'stall', afterBytes: 100 }, { method: 'PUT' })(store);
    const tookMs = await startTicks().during(async () => {
      for (const { result } of await cache.store(tokens, tensors)) {
        expect(result).toMatchObject({ status: 'failed', error: { code: 'TIMEOUT' } });
      }
    });
    expect(tookMs).toBeLessThanOrEqual(BLOCKING_TIMEOUT_MS + LETTING_GO_MS);
  });
});

test('what lies in the local tier is given while the store is gone', async () => {
  const store = await openStore();
  const cache = await openCache(store, 'local_cpu: True');
  await storeAll(cache);
  await store.relay.vanish();
  using retrieved = await cache.retrieve(tokens);
  expect(retrieved).toMatchObject({ hitTokens: 24, end: { status: 'complete' } });
});
