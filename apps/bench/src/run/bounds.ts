import type { Level } from '@kvferry/conformance';
import { mostRequests } from '../conformance/limits.ts';
import { dollarsFor, MOST_LOOKUP_PROBES } from '../planner/costs.ts';
import { pricesFor } from '../planner/prices.ts';
import type { Bounds, ModelFacts } from '../results/records.ts';
import type { RunLimits, RunPlan } from './run-plan.ts';

export interface BoundedRun {
  readonly backend: string;
  readonly target: string;
  readonly model: ModelFacts;
  readonly plan: RunPlan;
  readonly limits: Omit<RunLimits, 'memoryBytes'>;
  readonly conformance: Level | 'off';
}

/** Attempts of one request, the first included: the default of the S3 backends. */
const ATTEMPTS = 3;
/** Values above 64 MiB go in parts of 16 MiB, with two requests around them. */
const WHOLE_BYTES = 64 * 1024 ** 2;
const PART_BYTES = 16 * 1024 ** 2;

/** What a run takes at most, each request tried as often as it may be. */
export function boundsOf({ backend, target, model, plan, limits, conformance }: BoundedRun): Bounds {
  const { chunkBytes } = model;
  const pieces = chunkBytes <= WHOLE_BYTES ? 1 : Math.ceil(chunkBytes / PART_BYTES) + 2;
  const suite = conformance === 'off' ? { requests: 0, bytes: 0 } : mostRequests(conformance);
  const bytesUp = plan.chunks * chunkBytes;
  const orders = [...plan.hits, ...plan.sweep, plan.openLoop];
  const bytesDown = orders.reduce((sum, { maxBytes }) => sum + maxBytes, plan.peers?.maxBytes ?? 0);
  const puts = plan.chunks * pieces * ATTEMPTS;
  const gets = Math.ceil(bytesDown / chunkBytes) * pieces * ATTEMPTS;
  // One question per chunk before it is stored, and the lookups.
  const lookups = (plan.hits.length + 1) * plan.maxPrompts;
  const others = (plan.chunks + lookups * MOST_LOOKUP_PROBES) * ATTEMPTS;
  const prices = pricesFor(backend, target);
  const dollars =
    prices === null
      ? null
      : // Of the suite's requests a half or so are puts, which cost most.
        dollarsFor(prices, { puts: puts + suite.requests, gets, others, bytesUp: bytesUp + suite.bytes, bytesDown });
  return {
    seconds: limits.seconds,
    bytes: bytesUp + bytesDown + suite.bytes,
    objects: plan.chunks,
    requests: puts + gets + others + suite.requests,
    dollars,
  };
}
