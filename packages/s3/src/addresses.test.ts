import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { RemoteBackend } from '@kvferry/core';
import { type Simulator, startSimulator } from '@kvferry/s3-simulator';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type S3Options, s3 } from './s3.ts';

// One name, four addresses, one store behind them: the store says at which of them it was asked.

const { lookup } = vi.hoisted(() => ({ lookup: vi.fn() }));
vi.mock('node:dns/promises', async (original) => ({
  ...(await original<typeof import('node:dns/promises')>()),
  lookup,
}));

const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
const BUCKET = 'my-bucket';
const VALUE = new Uint8Array(5000).fill(7);

beforeEach(() => {
  lookup.mockReset();
  lookup.mockImplementation(async () => ADDRESSES.map((address) => ({ address, family: 4 })));
});

describe('of several addresses behind one name', () => {
  test.each([
    ['side by side', 64],
    ['one after another', 1],
  ])('each carries its share of requests, %s', async (_how, maxRequestsInFlight) => {
    const { backend, requestsByAddress } = await start({ maxRequestsInFlight });
    await work(backend, 200);
    const counts = requestsByAddress();
    const total = counts.reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThanOrEqual(600);
    for (const count of counts) expect(count).toBeGreaterThanOrEqual(total / ADDRESSES.length / 2);
  });

  test('one that dies under load costs no failed request', async () => {
    const { backend, doors, requestsByAddress } = await start({});
    const working = work(backend, 200);
    await until(() => requestsByAddress().every((count) => count > 10));
    const dead = doors[2];
    dead?.close();
    await working;
    // It is not in the way of what comes later either.
    const before = requestsByAddress();
    await work(backend, 100);
    const after = requestsByAddress();
    expect(after.map((count, index) => count > (before[index] ?? 0))).toEqual([true, true, false, true]);
  });

  test('one that goes silent under load costs no failed request', async () => {
    // Few at a time, and long enough for a busy machine: an address that is only slow is not to be taken for the silent one.
    const { backend, doors, requestsByAddress } = await start({
      maxRequestsInFlight: 16,
      timeouts: { connectMs: 3000, firstByteMs: 2000, stallMs: 2000 },
    });
    const working = work(backend, 200);
    await until(() => requestsByAddress().every((count) => count > 10));
    doors[2]?.hush();
    await working;
  });
});

/** Puts, looks at and reads this many values, all at once, as far as the backend lets them. */
async function work(backend: RemoteBackend, count: number): Promise<void> {
  const keys = Array.from({ length: count }, (_, index) => `key-${index}`);
  const [stored, seen, read] = await Promise.all([
    backend.put(keys.map((key) => ({ key: `new-${key}`, parts: [VALUE] }))),
    backend.stat(keys.map(() => 'laid')),
    backend.get(keys.map(() => ({ key: 'laid', into: new Uint8Array(VALUE.byteLength) }))),
  ]);
  const failed = [...stored, ...seen, ...read].flatMap((result) =>
    result.status === 'failed' ? [result.error.message] : [],
  );
  expect(failed).toEqual([]);
  const expected = [...keys.map(() => 'stored'), ...keys.map(() => 'hit'), ...keys.map(() => 'hit')];
  expect([...stored, ...seen, ...read].map(({ status }) => status)).toEqual(expected);
}

interface Started {
  readonly backend: RemoteBackend;
  readonly doors: readonly Door[];
  /** How many requests the store answered, or began to, at each of them. */
  requestsByAddress(): number[];
}

async function start(options: Partial<S3Options>): Promise<Started> {
  const store = await startSimulator({ buckets: [BUCKET], hosts: ['store.example'] });
  onTestFinished(() => store.close());
  await store.putObject(BUCKET, 'laid', VALUE);
  const first = await openDoor(store, ADDRESSES[0], 0);
  const others = await Promise.all(ADDRESSES.slice(1).map((address) => openDoor(store, address, first.port)));
  const doors = [first, ...others];
  const { credentials, region } = store;
  const endpoint = `http://store.example:${first.port}`;
  const backend = s3({ bucket: BUCKET, endpoint, region, credentials, ...options });
  onTestFinished(() => backend.close());
  await backend.open();
  const requestsByAddress = () =>
    doors.map(({ connections }) => store.requests.filter(({ connection }) => connections.has(connection)).length);
  return { backend, doors, requestsByAddress };
}

interface Door {
  readonly port: number;
  /** The store's names, `ip:port`, of the connections that came through here. */
  readonly connections: ReadonlySet<string>;
  /** Ends what came through here, and takes nothing more. */
  close(): void;
  /** Lets nothing through any more, in either direction, and says so to nobody. */
  hush(): void;
}

/** An address of the store: passes on what comes. */
async function openDoor(store: Simulator, address: string, port: number): Promise<Door> {
  const connections = new Set<string>();
  const sockets = new Set<Socket>();
  let hushed = false;
  const server = createServer((outer) => {
    const inner = connect(store.port, '127.0.0.1', () => connections.add(`127.0.0.1:${inner.localPort}`));
    for (const [from, to] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (!hushed) to.write(bytes);
      });
      from.on('error', () => {});
      from.once('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(close);
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    close,
    hush: () => {
      hushed = true;
    },
  };
}

/** Waits until something is so; the test's own time limit ends it otherwise. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}
