import { setImmediate } from 'node:timers/promises';
import {
  type BackendPlugin,
  type Batch,
  defineBackend,
  type ErrorCode,
  forwardTo,
  KvferryError,
  memoryBackend,
  type RemoteBackend,
} from '@kvferry/core';
import { type Fault, startSimulator } from '@kvferry/s3-simulator';
import type { OpenKvCacheOptions } from 'kvferry';
import type { Random } from '../shared/random.ts';

/** A remote that goes wrong now and then. */
export interface SoakStore {
  /** What makes a configuration's cache go there. */
  readonly remoteUrl: string;
  readonly options: OpenKvCacheOptions;
  /** Before each operation: may make something go wrong. */
  disturb(): void;
  /** Behind the cache's back. */
  remove(key: string): Promise<void>;
  /** Leaves a value there that is not what it should be: another length, or a wrong byte. */
  spoil(key: string, value: Uint8Array): Promise<void>;
  /** Connections that are open at the store's side; 0 where there are none. */
  readonly openConnections: number;
  close(): Promise<void>;
}

export type StoreName = 'memory' | 's3';

export function openStore(name: StoreName, random: Random): Promise<SoakStore> {
  return name === 'memory' ? openMemoryStore(random) : openSimulatedStore(random);
}

/** A store in memory, between which and the cache answers come late, wrong or never. */
async function openMemoryStore(random: Random): Promise<SoakStore> {
  const backend = memoryBackend();
  await backend.open();
  const plugin: BackendPlugin = { scheme: 'soak', open: () => faulty(backend, random) };
  return {
    remoteUrl: 'soak://store',
    options: { plugins: [plugin] },
    disturb() {},
    async remove(key) {
      await backend.delete([key]);
    },
    async spoil(key, value) {
      await backend.put([{ key, parts: [value.subarray(1)] }]);
    },
    openConnections: 0,
    close: () => backend.close(),
  };
}

function faulty(inner: RemoteBackend, random: Random): RemoteBackend {
  const before = async (signal: AbortSignal, codes: readonly ErrorCode[]): Promise<void> => {
    if (random.once(4)) await setImmediate();
    if (random.once(5000)) await untilAborted(signal);
    if (random.once(60)) throw new KvferryError(random.pick(codes), 'made to fail');
  };
  const one = <Result>(results: readonly Result[]): Result => results[0] as Result;
  const each = <Item, Result>(
    batch: Batch<Item, Result>,
    codes: readonly ErrorCode[],
    run: (item: Item) => Promise<Result>,
  ): Promise<void> =>
    batch.each(64, async (item) => {
      await before(batch.signal, codes);
      return run(item);
    });
  const troubles: readonly ErrorCode[] = ['UNAVAILABLE', 'CONNECTION', 'THROTTLED', 'TIMEOUT', 'PERMISSION_DENIED'];
  return defineBackend(
    forwardTo(inner, {
      stat: (batch) => each(batch, troubles, async (key) => one(await inner.stat([key]))),
      get: (batch) => each(batch, [...troubles, 'CORRUPT'], async (item) => one(await inner.get([item]))),
      put: (batch, mode) => each(batch, troubles, async (item) => one(await inner.put([item], { mode }))),
      // It is there for many caches.
      open: async () => {},
      close: async () => {},
    }),
  );
}

function untilAborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}

const BUCKET = 'soak';

/** The S3 backend on a simulator with faults on the wire. */
async function openSimulatedStore(random: Random): Promise<SoakStore> {
  const simulator = await startSimulator({ buckets: [BUCKET] });
  const { accessKeyId, secretAccessKey } = simulator.credentials;
  return {
    remoteUrl: `s3://127.0.0.1:${simulator.port}`,
    options: {
      bucket: BUCKET,
      region: simulator.region,
      endpoint: simulator.url,
      credentials: { accessKeyId, secretAccessKey },
      timeouts: { connectMs: 1000, firstByteMs: 300, stallMs: 300 },
    },
    disturb() {
      // Its log of requests is no part of what is measured.
      if (random.once(100)) simulator.clearRequests();
      if (!random.once(25)) return;
      simulator.addFault({
        match: { method: random.pick(['GET', 'GET', 'HEAD', 'PUT']) },
        // Three attempts do not get past more than two.
        times: random.pick([1, 1, 2, 6]),
        effect: random.once(50) ? random.pick(stalls) : random.pick(effects),
      });
    },
    async remove(key) {
      simulator.deleteObject(BUCKET, key);
    },
    async spoil(key, value) {
      if (random.once(2)) return simulator.putObject(BUCKET, key, value.subarray(1));
      const wrong = Uint8Array.from(value, (byte, index) => (index === 100 ? byte ^ 1 : byte));
      const stored = await simulator.getObject(BUCKET, key);
      const base64 = stored?.checksums['x-amz-checksum-crc32c'];
      // Its checksum stays, where it has one.
      if (base64 !== undefined) await simulator.putObject(BUCKET, key, wrong, { crc32c: { base64 } });
    },
    get openConnections() {
      return simulator.stats.openConnections;
    },
    close: () => simulator.close(),
  };
}

const effects: readonly Fault['effect'][] = [
  { kind: 'status', status: 500, code: 'InternalError' },
  { kind: 'status', status: 503, code: 'SlowDown' },
  { kind: 'status', status: 403, code: 'AccessDenied' },
  { kind: 'status-after-success', status: 500, code: 'InternalError' },
  { kind: 'delay', delayMs: 5 },
  { kind: 'reset', afterBytes: 'head' },
  { kind: 'reset', afterBytes: 1000 },
  { kind: 'truncate', afterBytes: 1000 },
  { kind: 'shorten', toBytes: 1000 },
  { kind: 'flip', atByte: 1000 },
];

const stalls: readonly Fault['effect'][] = [
  { kind: 'stall', afterBytes: 'head' },
  { kind: 'stall', afterBytes: 1000 },
];
