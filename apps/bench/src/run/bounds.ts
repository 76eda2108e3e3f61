import type { Level } from '@kvferry/conformance';
import { mostObjects, mostRequests } from '../conformance/limits.ts';
import { dollarsFor, MOST_LOOKUP_PROBES, readsOf } from '../planner/costs.ts';
import { pricesFor } from '../planner/prices.ts';
import type { Bounds, ModelFacts } from '../results/records.ts';
import { type RunLimits, type RunPlan, suiteBytesOf } from './run-plan.ts';

export interface BoundedRun {
  readonly backend: string;
  readonly target: string;
  /** Of an S3 store, for its prices. */
  readonly region: string | undefined;
  readonly model: ModelFacts;
  readonly plan: RunPlan;
  readonly limits: Omit<RunLimits, 'memoryBytes'>;
  readonly conformance: Level | 'off';
}

/** Attempts of one request, the first included: the default of the S3 backends. */
const ATTEMPTS = 3;
/** LMCache's client reads in ranges of this length; opendal asks for the size before. */
const PEER_RANGE_BYTES = 8 * 1024 ** 2;
/** Names that one listing of the removal gives. */
const LISTED = 100;
/** What goes before and after: the bucket itself, the first look, sessions of each process. */
const AROUND = 30;

/** What a run takes at most, each request tried as often as it may be. */
export function boundsOf({ backend, target, region, model, plan, limits, conformance }: BoundedRun): Bounds {
  const { chunkBytes } = model;
  const reads = readsOf(chunkBytes);
  // What goes in parts has a request before them and one after.
  const pieces = reads === 1 ? 1 : reads + 2;
  const peerPieces = Math.max(pieces, Math.ceil(chunkBytes / PEER_RANGE_BYTES) + 1);
  const suite = conformance === 'off' ? { requests: 0, bytes: 0 } : mostRequests(conformance);
  const bytesUp = plan.chunks * chunkBytes;
  const orders = [...plan.hits, ...plan.sweep, plan.openLoop];
  const peerBytes = plan.peers?.maxBytes ?? 0;
  const ownBytes = orders.reduce((sum, { maxBytes }) => sum + maxBytes, 0);
  const bytesDown = ownBytes + peerBytes;
  const puts = plan.chunks * pieces * ATTEMPTS;
  const gets = (Math.ceil(ownBytes / chunkBytes) * pieces + Math.ceil(peerBytes / chunkBytes) * peerPieces) * ATTEMPTS;
  // One question per chunk before it is stored, and the lookups, those of the warm-up included.
  const lookups = [...plan.hits, plan.openLoop].reduce((sum, { maxPrompts }) => sum + maxPrompts * 2, 0);
  const others = (plan.chunks + lookups * Math.min(plan.promptChunks, MOST_LOOKUP_PROBES)) * ATTEMPTS;
  // Where the suite is cut short, its objects are among what is removed.
  const objects = plan.chunks + (conformance === 'off' ? 0 : mostObjects(conformance));
  const lists = (Math.ceil(objects / LISTED) + AROUND) * ATTEMPTS;
  const deletes = objects * ATTEMPTS;
  const prices = pricesFor(backend, target, region);
  const dollars =
    prices === null
      ? null
      : // Of the suite's requests a half or so are puts, which cost most.
        dollarsFor(prices, {
          puts: puts + lists + suite.requests,
          ...{ gets, others },
          bytesUp: bytesUp * ATTEMPTS + suite.bytes,
          bytesDown: bytesDown * ATTEMPTS,
        });
  return {
    seconds: limits.seconds,
    bytes: bytesUp + bytesDown + suiteBytesOf(conformance),
    objects,
    requests: puts + gets + others + lists + deletes + suite.requests,
    dollars,
  };
}
