import type { Level } from '@kvferry/conformance';

/** What a run asks of a store. */
export interface Load {
  /** Requests on the wire or, of a backend that is none of ours, operations on single items. */
  readonly requests: number;
  /** Bytes of values, both ways together. */
  readonly bytes: number;
}

interface Counted extends Load {
  readonly items: number;
  /** At once. */
  readonly objects: number;
}

/** Attempts of one request, the first included: the default of the S3 backends. */
const ATTEMPTS = 3;

/**
 * What was counted at each level, with a tenth more and rounded: requests, bytes and objects by the simulator under the S3 backend, items by the metrics layer over the memory backend.
 * `limits.test.ts` and the matrices count again.
 */
const counted: Readonly<Record<Level, Counted>> = {
  core: { requests: 10_500, items: 15_000, bytes: 68_000_000, objects: 1_200 },
  network: { requests: 13_000, items: 18_000, bytes: 188_000_000, objects: 1_200 },
  stress: { requests: 50_000, items: 78_000, bytes: 326_000_000, objects: 11_000 },
};

/** The most that a run of this level may send to an S3 store, with all attempts of each request. */
export function mostRequests(level: Level): Load {
  const { requests, bytes } = counted[level];
  return { requests: requests * ATTEMPTS, bytes: bytes * ATTEMPTS };
}

/** The most objects that a run of this level has in the store at once. */
export function mostObjects(level: Level): number {
  return counted[level].objects;
}

/** The most that a run of this level may ask of a backend. */
export function mostOperations(level: Level): Load {
  const { items, bytes } = counted[level];
  return { requests: items, bytes };
}
