import { type BufferLease, KvferryError } from '@kvferry/core';
import { wrongBytes } from '../ask-prompt.ts';
import { giveBack } from '../chunk-memory.ts';
import { closedLoop } from '../closed-loop.ts';
import { isSteady } from '../is-steady.ts';
import type { PhaseRun } from '../phase-run.ts';
import type { Stage, StoredChunk } from '../stage.ts';
import { isStamped, unstamp } from '../stamps.ts';
import { ThroughputWindows } from '../throughput-windows.ts';

/** Reads single chunks, so many at a time, each slot into memory of its own, until the throughput is steady. */
export async function sweepChunks(run: PhaseRun, stage: Stage, concurrency: number): Promise<void> {
  const { backend, memory, prompts, storedKeys } = stage;
  const chunks = prompts.flatMap((prompt) => prompt.chunks).filter(({ key }) => storedKeys.has(key));
  if (chunks.length === 0) {
    const way = 'with a longer --max-time or a smaller --model more is stored';
    throw new KvferryError('UNKNOWN', `no chunk is stored that could be read; ${way}`);
  }
  const leases = await memory.lease(concurrency, `reading ${concurrency} chunks at once`);
  const startsMs = new Array<number>(concurrency).fill(Number.POSITIVE_INFINITY);
  let windows: ThroughputWindows | undefined;
  let next = 0;
  try {
    await closedLoop(run, concurrency, async (slot) => {
      if (!run.takeBytes(memory.chunkBytes)) return;
      const chunk = chunks[next % chunks.length] as StoredChunk;
      next += 1;
      const startMs = run.now();
      startsMs[slot] = startMs;
      const isRight = await read(chunk, leases[slot] as BufferLease);
      const endMs = run.now();
      startsMs[slot] = Number.POSITIVE_INFINITY;
      if (!isRight || run.measuredFromMs === undefined) return;
      windows ??= new ThroughputWindows(run.measuredFromMs);
      windows.add(startMs, endMs, memory.chunkBytes);
      if (windows.hasNew(endMs) && isSteady(windows.before(Math.min(endMs, ...startsMs)))) run.finish('steady');
    });
  } finally {
    giveBack(leases);
  }

  async function read({ hash, key }: StoredChunk, { bytes }: BufferLease): Promise<boolean> {
    unstamp(bytes);
    const [result] = await backend.get([{ key, into: bytes }], { signal: run.signal });
    switch (result?.status) {
      case 'hit':
        if (result.byteLength !== bytes.byteLength || !isStamped(bytes, hash)) {
          run.fail(wrongBytes(key));
          return false;
        }
        run.succeeded();
        run.moved(bytes.byteLength);
        return true;
      case 'failed':
        run.failed(result.error);
        return false;
      default: {
        const reason = 'the store does not have what this run stored under this key';
        run.failed(new KvferryError('UNKNOWN', reason, { operation: 'get', key }));
        return false;
      }
    }
  }
}
