import type { BenchClient, NextObject, Session } from '../clients/types.ts';
import { cpuSecondsSince } from '../shared/cpu-clock.ts';
import { loadClient } from './load-client.ts';
import type { ClientAnswer, ClientCommand, Target } from './messages.ts';
import { fillObject, firstWrongByte } from './objects.ts';
import type { Cell, Sample, Verify } from './plan.ts';
import { type WireOptions, wireOptions } from './session.ts';

/**
 * The process of one client. Each has its own, so that its garbage, its threads and its compiled code are billed to nobody else, and
 * `process.cpuUsage` is the whole of what it costs.
 */

let client: BenchClient<WireOptions>;
let target: Target;
let open: { readonly session: Session; readonly cell: Cell; turnMs: number } | undefined;

process.on('message', async (command: ClientCommand) => {
  process.send?.(await obey(command));
});
process.once('disconnect', () => process.exit());

async function obey(command: ClientCommand): Promise<ClientAnswer> {
  try {
    switch (command.do) {
      case 'load':
        target = command.target;
        try {
          client = await loadClient(command.client);
        } catch (error) {
          const isOurs = command.client.startsWith('kvferry') || command.client === 'floor';
          return { status: isOurs ? 'failed' : 'unavailable', reason: describe(error) };
        }
        return { status: 'done' };
      case 'open':
        open = await openCell(command);
        return { status: 'done' };
      case 'measure':
        return { status: 'measured', sample: await measure(command.windowMs) };
      case 'close':
        await open?.session.close();
        open = undefined;
        return { status: 'done' };
    }
  } catch (error) {
    return { status: 'failed', reason: describe(error) };
  }
}

async function openCell({ cell, verify }: ClientCommand & { do: 'open' }): Promise<NonNullable<typeof open>> {
  const buffers = cell.operation === 'HEAD' ? [] : Array.from({ length: cell.concurrency }, () => allocate(cell));
  for (const [index, buffer] of buffers.entries()) {
    if (cell.operation === 'PUT') {
      fillObject(buffer, index);
    } else {
      buffer.fill(0xa5);
    }
  }
  await prove(cell, verify, buffers);
  const session = await client.open(wireOptions(target, cell, verify, 'counted', buffers));
  return { session, cell, turnMs: await warm(session, cell) };
}

function allocate({ bytes, memory }: Cell): Buffer {
  return memory === 'shared' ? Buffer.from(new SharedArrayBuffer(bytes)) : Buffer.allocUnsafeSlow(bytes);
}

/** Does every operation once and looks at every byte: here those that were read, in the server those that were sent. */
async function prove(cell: Cell, verify: Verify, buffers: readonly Uint8Array[]): Promise<void> {
  const session = await client.open(wireOptions(target, cell, verify, 'checked', buffers));
  try {
    await session.run(timesPerSlot(1, cell));
  } finally {
    await session.close();
  }
  for (const [index, buffer] of buffers.entries()) {
    const offset = firstWrongByte(buffer, index);
    if (offset >= 0) {
      throw new Error(`${cell.operation} of object ${index}: byte ${offset} of ${cell.bytes} is wrong`);
    }
  }
}

/** Works until the process has used so much CPU, and gives the wall time of one operation in every slot. */
async function warm(session: Session, cell: Cell): Promise<number> {
  const { operation, warmCpuMs } = cell;
  // HEADs in runs as long as those that are measured, or what gets compiled is the beginning and the end of a run.
  const perSlot = operation === 'HEAD' ? 16 : 1;
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  for (let turns = 1; ; turns += 1) {
    await session.run(timesPerSlot(perSlot, cell));
    if (cpuSecondsSince(startCpu) * 1000 >= warmCpuMs) {
      return (performance.now() - startMs) / (turns * perSlot);
    }
  }
}

async function measure(windowMs: number): Promise<Sample> {
  if (open === undefined) {
    throw new Error('no cell is open');
  }
  const { session, cell, turnMs } = open;
  // The window is a whole number of operations in every slot, so that what was begun before it or ends after it blurs nothing.
  const perSlot = Math.max(1, Math.round(windowMs / turnMs));
  // No collection is forced before it. One in an idle process takes the hidden classes of whatever is made per request, and with them the code
  // that was compiled for these: kvferry's HEADs lost that of 10 to 30 functions before every window, and without it lose none.
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  await session.run(timesPerSlot(perSlot, cell));
  const cpuSeconds = cpuSecondsSince(startCpu);
  const seconds = (performance.now() - startMs) / 1000;
  open.turnMs = (seconds * 1000) / perSlot;
  const operations = perSlot * cell.concurrency;
  return {
    operations,
    bytes: cell.operation === 'HEAD' ? 0 : operations * cell.bytes,
    seconds,
    cpuSeconds,
  };
}

/** So many operations in each slot, on the object of that slot. */
function timesPerSlot(times: number, { concurrency }: Cell): NextObject {
  const left = new Array<number>(concurrency).fill(times);
  return (slot) => {
    const more = left[slot] as number;
    left[slot] = more - 1;
    return more > 0 ? slot % target.objectsPerSize : undefined;
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
