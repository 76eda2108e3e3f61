import { hash } from 'node:crypto';
import { loadForeignClient } from '../clients/load.ts';
import type { BenchClient, NextObject, Session } from '../clients/types.ts';
import { cpuSecondsSince } from '../shared/cpu-clock.ts';
import { leaveSignalsToParent } from '../shared/leave-signals.ts';
import type { ModuleSetup, PeerAnswer, PeerCommand } from './messages.ts';

/**
 * The process of one client. Each has its own, so that its garbage, its threads and its compiled code are billed to nobody else, and
 * `process.cpuUsage` is the whole of what it costs.
 */

let open: OpenClient | undefined;

process.on('message', async (command: PeerCommand) => {
  process.send?.(await obey(command));
});
process.once('disconnect', () => process.exit());
leaveSignalsToParent();

interface OpenClient {
  readonly session: Session;
  readonly setup: ModuleSetup;
  readonly buffers: readonly Uint8Array[];
  /** Objects that it has proved it reads right: its turns go over these. */
  proved: number;
  /** The object that comes next, counted over all turns. */
  cursor: number;
}

async function obey(command: PeerCommand): Promise<PeerAnswer> {
  try {
    if (command.do === 'open') return await openClient(command as ModuleSetup);
    if (open === undefined) throw new Error('no client is open');
    return command.do === 'prove' ? await prove(open, command.objects) : await takeTurn(open, command);
  } catch (error) {
    return { status: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

async function openClient(setup: ModuleSetup): Promise<PeerAnswer> {
  const { client: name, concurrency, keys, objectBytes, plain, store } = setup;
  // kvferry, too, is loaded by itself alone.
  const client: BenchClient =
    name === 'kvferry' ? (await import('./kvferry.ts')).loadKvferry(setup.seat) : await loadForeignClient(name);
  const buffers = Array.from({ length: concurrency }, () => allocate(setup).fill(0xa5));
  const session = await client.open({
    operation: 'GET',
    store,
    keys,
    plain,
    objectBytes,
    concurrency,
    maxAttempts: undefined,
    buffers,
  });
  open = { session, setup, buffers, proved: 0, cursor: 0 };
  return { status: 'open', version: client.version };
}

/** kvferry's users have their memory from its pool, which is shared with its I/O threads. */
function allocate({ client, objectBytes }: ModuleSetup): Buffer {
  return client === 'kvferry' ? Buffer.from(new SharedArrayBuffer(objectBytes)) : Buffer.allocUnsafeSlow(objectBytes);
}

async function prove(client: OpenClient, objects: number): Promise<PeerAnswer> {
  const { buffers, session } = client;
  const hashes: string[] = [];
  const inSlot: (number | undefined)[] = [];
  let begun = 0;
  const next: NextObject = (slot) => {
    const read = inSlot[slot];
    if (read !== undefined) hashes[read] = hash('sha256', buffers[slot] as Uint8Array, 'hex');
    inSlot[slot] = begun < objects ? begun++ : undefined;
    return inSlot[slot];
  };
  const startMs = performance.now();
  await session.run(next);
  client.proved = objects;
  return { status: 'proved', hashes, seconds: (performance.now() - startMs) / 1000 };
}

async function takeTurn(client: OpenClient, { forMs, maxObjects }: PeerCommand & { do: 'turn' }): Promise<PeerAnswer> {
  const { session, setup } = client;
  let requests = 0;
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  // All slots are asked for their first before any time has passed.
  await session.run(() => {
    const isOver = requests >= maxObjects || (requests >= setup.concurrency && performance.now() - startMs >= forMs);
    if (isOver) return undefined;
    requests += 1;
    return client.cursor++ % client.proved;
  });
  const cpuSeconds = cpuSecondsSince(startCpu);
  const seconds = (performance.now() - startMs) / 1000;
  return { status: 'turn', turn: { seconds, cpuSeconds, bytes: requests * setup.objectBytes, requests } };
}
