import { type CallOptions, KvferryError } from '@kvferry/core';
import {
  checkChoice,
  checkConnectionOptions,
  credentialProvider,
  endpointUrl,
  resolveAddressing,
  type S3Endpoint,
  type SignedRequests,
  signedRequests,
} from '@kvferry/s3-protocol';
import { checkBucket, fail, onlyRegionOf, regionOf, storeOf } from '../address.ts';
import type { AddressingStyle, StoreProfile } from '../profile.ts';
import { PROVIDERS } from '../providers.ts';
import { findWays } from './addressing.ts';
import { Bench, type Check } from './check.ts';
import { checksumCheck } from './check-checksum.ts';
import { createCheck } from './check-create.ts';
import { deleteCheck } from './check-delete.ts';
import { keysCheck } from './check-keys.ts';
import { listCheck } from './check-list.ts';
import { multipartCheck } from './check-multipart.ts';
import { rangeCheck } from './check-range.ts';
import { transportCheck } from './check-transport.ts';
import { Trial } from './trial.ts';
import { PROBE_SUBJECTS, type ProbeFinding, type ProbeOptions, type ProbeReport, type ProbeSubject } from './types.ts';

const DEFAULT_MAX_MS = 120_000;
const TIDY_UP_MS = 30_000;
/** The longest that a timer of Node takes; of anything more it makes 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Finds out by trying what a store does, and gives a profile of it to paste into the options. It writes some 20 small keys and one or two values of 5 MiB
 * under a prefix of its own, and removes what it wrote, also when it is aborted; it lists nothing but that prefix, and touches no other key. Nothing runs it but you.
 *
 * Rejects where nothing can be found out: with the error that a backend would give for credentials, a bucket or a store that cannot be used, with TIMEOUT
 * where the time is over before the store was reached, and with ABORTED for the caller's signal. What may be left behind stands in the message.
 */
export async function probe(options: ProbeOptions, call: CallOptions = {}): Promise<ProbeReport> {
  const { connection, endpoint, maxMs, styles } = targetOf(options);
  const credentials = credentialProvider(options.credentials ?? 'default');
  const startMs = performance.now();
  const limit = AbortSignal.timeout(maxMs);
  const signal = call.signal === undefined ? limit : AbortSignal.any([limit, call.signal]);
  const trial = new Trial(signal);
  const opened: SignedRequests[] = [];
  const open = async (addressing: AddressingStyle, http2: 'prefer' | 'never'): Promise<SignedRequests> => {
    const way = await signedRequests({ ...endpoint, addressing }, credentials, { ...connection, http2 }, signal);
    opened.push(way);
    return way;
  };
  const findings = new Map<ProbeSubject, ProbeFinding>();
  let outcome: { readonly profile: StoreProfile } | { readonly error: KvferryError };
  try {
    const found = await findWays(
      trial,
      styles,
      async (style) => obstacleTo(style, endpoint) ?? (await open(style, 'never')),
    );
    for (const finding of found.findings) findings.set(finding.subject, finding);
    const [{ style, way }] = found.ways as [(typeof found.ways)[number]];
    const bench = new Bench(trial, way, findings);
    const checks: readonly Check[] = [
      transportCheck(endpoint.scheme, () => open(style, 'prefer')),
      checksumCheck,
      createCheck,
      rangeCheck,
      multipartCheck,
      listCheck,
      deleteCheck,
      keysCheck,
    ];
    for (const check of checks) await bench.run(check, () => outOfTime(signal, maxMs));
    const addressing = found.ways.map((each) => each.style);
    outcome = { profile: { ...PROVIDERS.generic.profile, ...bench.learned, id: 'probed', addressing } };
  } catch (thrown) {
    outcome = { error: errorOf(thrown, limit, maxMs) };
  }
  const leftovers = await trial.removeAll(AbortSignal.timeout(TIDY_UP_MS));
  await Promise.all(opened.map((way) => way.close()));

  if (call.signal?.aborted)
    outcome = { error: new KvferryError('ABORTED', 'the call was aborted', { cause: call.signal.reason }) };
  if ('error' in outcome) throw withLeftovers(outcome.error, leftovers);
  return {
    endpoint: endpointUrl(endpoint),
    bucket: endpoint.bucket,
    region: endpoint.region,
    identity: credentials.describe(),
    profile: outcome.profile,
    findings: PROBE_SUBJECTS.flatMap((subject) => findings.get(subject) ?? []),
    requests: trial.requests,
    bytes: trial.bytes,
    seconds: (performance.now() - startMs) / 1000,
    leftovers,
  };
}

interface ProbeTarget {
  readonly endpoint: Omit<S3Endpoint, 'addressing'>;
  readonly connection: ProbeOptions;
  readonly styles: readonly AddressingStyle[];
  readonly maxMs: number;
}

function targetOf(options: ProbeOptions): ProbeTarget {
  checkConnectionOptions(options, 'probe', ['endpoint', 'region', 'addressing', 'maxMs']);
  checkChoice(options.addressing, 'addressing', ['virtual', 'path'], fail);
  const { addressing, bucket, connectTo, maxMs = DEFAULT_MAX_MS } = options;
  if (!Number.isInteger(maxMs) || maxMs < 1 || maxMs > MAX_TIMER_MS)
    fail(`\`maxMs\` is a whole number from 1 to ${MAX_TIMER_MS}, not ${JSON.stringify(maxMs)}`);
  checkBucket(bucket);
  const store = storeOf(options);
  const region = regionOf(options, onlyRegionOf(store.host));
  return {
    endpoint: { ...store, bucket, region, connectTo },
    connection: options,
    styles: addressing === undefined ? ['virtual', 'path'] : [addressing],
    maxMs,
  };
}

/** Why a way cannot be tried; `undefined` where it can. */
function obstacleTo(style: AddressingStyle, endpoint: Omit<S3Endpoint, 'addressing'>): string | undefined {
  try {
    resolveAddressing(style, endpoint, endpoint.bucket);
    return undefined;
  } catch (thrown) {
    return `not tried: ${KvferryError.from(thrown).reason.replace(/\. Use .*$/, '')}`;
  }
}

function outOfTime(signal: AbortSignal, maxMs: number): string | undefined {
  return signal.aborted ? `not found out within ${maxMs} ms` : undefined;
}

function errorOf(thrown: unknown, limit: AbortSignal, maxMs: number): KvferryError {
  if (!limit.aborted) return KvferryError.from(thrown);
  return new KvferryError('TIMEOUT', `the bucket was not reached within ${maxMs} ms (maxMs)`, { cause: thrown });
}

function withLeftovers(error: KvferryError, leftovers: readonly string[]): KvferryError {
  if (leftovers.length === 0) return error;
  const { httpStatus, requestId, retry } = error;
  return new KvferryError(error.code, `${error.reason}. What may be left in the bucket: ${leftovers.join('; ')}`, {
    httpStatus,
    requestId,
    retry,
    cause: error,
  });
}
