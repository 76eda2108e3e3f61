import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What this process holds of the system. */
export interface Footprint {
  readonly residentBytes: number;
  /** JavaScript's heap, and buffers outside of it. */
  readonly heapBytes: number;
  readonly bufferBytes: number;
  /** Open files, sockets included; `null` where the system does not say. */
  readonly openFiles: number | null;
  /** What keeps the process alive, by kind: sockets, timers, threads. */
  readonly handles: Readonly<Record<string, number>>;
}

/** After garbage was collected. */
export async function takeFootprint(): Promise<Footprint> {
  await collectGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const handles: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
  const files = await readdir('/proc/self/fd').catch(() => undefined);
  return { residentBytes: rss, heapBytes: heapUsed, bufferBytes: external, openFiles: files?.length ?? null, handles };
}

/** What is finalised in one collection goes in the next. As a last resort V8 gives back the pages that it keeps for later. */
async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    await sleep(10);
  }
}

/** Without a flag for the process as a whole: the collector is a global of contexts made while the flag is set. */
const collect: (options: object) => void = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as (options: object) => void;
})();
