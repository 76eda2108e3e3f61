import { type Footprint, takeFootprint } from './footprint.ts';
import { type PartResult, type PartSettings, runPart } from './part.ts';

export interface SoakResult {
  readonly operations: number;
  readonly seconds: number;
  readonly parts: readonly PartResult[];
  /** After a first run of every part, when all code had run and everything was closed again. */
  readonly before: Footprint;
  /** When everything was closed at the end. */
  readonly after: Footprint;
  /** What did not end where it began, in words. Empty when all is well. */
  readonly problems: readonly string[];
}

const parts: readonly Pick<PartSettings, 'store' | 'cache'>[] = [
  { store: 'memory', cache: 'cache_policy: "LRU"' },
  { store: 'memory', cache: 'local_cpu: False\nenable_async_loading: True\npin_timeout_sec: 1' },
  { store: 's3', cache: 'cache_policy: "LFU"\nenable_async_loading: True\npin_timeout_sec: 1' },
  { store: 's3', cache: 'local_cpu: False' },
];

/** Shares of the operations: the wire costs ten times what memory does. */
const shares = [0.3, 0.3, 0.2, 0.2];

/** What a heap may grow by beyond noise, such as code that is compiled late. A leak of 100 bytes for each of 100,000 operations is 10 MB. */
const HEAP_BYTES = 4 * 2 ** 20;
/**
 * The C library keeps what a thread or a socket has given back: 47 MB more after 100,000 operations, while parts that follow each other end with the same to
 * within 3 MB from the second on. A leak of 1 kB for each is 100 MB.
 */
const RESIDENT_BYTES = 64 * 2 ** 20;

/** Runs random operations on caches over remotes that go wrong, and compares what the process holds before and after. */
export async function soak(operations: number, seed: number, progress: (text: string) => void): Promise<SoakResult> {
  const startMs = performance.now();
  for (const [index, part] of parts.entries()) {
    await runPart({ ...part, operations: Math.min(2000, Math.ceil(operations / 10)), seed: seed + index });
  }
  const before = await takeFootprint();
  const results: PartResult[] = [];
  for (const [index, part] of parts.entries()) {
    const share = Math.ceil(operations * (shares[index] as number));
    progress(`${part.store}, ${part.cache.replaceAll('\n', ', ')}: ${share} operations`);
    results.push(await runPart({ ...part, operations: share, seed: seed + 100 + index }));
  }
  const after = await takeFootprint();
  return {
    operations: results.reduce((sum, part) => sum + part.operations, 0),
    seconds: (performance.now() - startMs) / 1000,
    parts: results,
    before,
    after,
    problems: problemsOf(results, before, after),
  };
}

function problemsOf(results: readonly PartResult[], before: Footprint, after: Footprint): string[] {
  const problems: string[] = [];
  const grown = (what: string, from: number, to: number, by: number): void => {
    if (to - from > by) problems.push(`${what} grew from ${from} to ${to}`);
  };
  grown('resident memory', before.residentBytes, after.residentBytes, RESIDENT_BYTES);
  grown('the heap', before.heapBytes, after.heapBytes, HEAP_BYTES);
  grown('buffers', before.bufferBytes, after.bufferBytes, HEAP_BYTES);
  grown('open files', before.openFiles ?? 0, after.openFiles ?? 0, 0);
  for (const kind of new Set([...Object.keys(before.handles), ...Object.keys(after.handles)])) {
    grown(`handles of kind ${kind}`, before.handles[kind] ?? 0, after.handles[kind] ?? 0, 0);
  }
  for (const { store, cache, heapGrowthBytes } of results) {
    if (heapGrowthBytes > HEAP_BYTES) problems.push(`the heap grew by ${heapGrowthBytes} with ${store}, ${cache}`);
  }
  return problems;
}
