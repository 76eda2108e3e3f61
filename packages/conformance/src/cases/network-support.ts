import assert from 'node:assert/strict';
import { type Capabilities, type ErrorCode, type Key, KvferryError, type RemoteBackend } from '@kvferry/core';
import type { CaseContext } from '../case.ts';
import type { FaultProxy, ProxyCounts } from '../proxy/types.ts';
import { assertAbsent, assertBytes, assertStored, sameBytes, seen, store } from './support.ts';

/** Small things that the cases with a network need. */

/** Large enough for a fault in the midst of it, whatever the protocol puts around it. */
export const LARGE_BYTES: number = 1024 * 1024;
/** Where a fault strikes a large value. */
export const MIDWAY_BYTES: number = 256 * 1024;
/** Values that are there so that there is something to read. */
const SMALL_BYTES = 2000;

/** How one item, or one listing, ended. */
export type Outcome =
  | { readonly status: 'succeeded'; readonly what: string }
  | { readonly status: 'miss' }
  | { readonly status: 'failed'; readonly error: KvferryError };

/** The keys that calls of one case are made on. */
export interface CaseKeys {
  /** There, with this value. */
  readonly present: Key;
  readonly value: Uint8Array;
  /** There, to be deleted. */
  readonly doomed: Key;
  /** Not there, and never put. */
  readonly absent: Key;
  /** Not there, to be put. */
  readonly fresh: Key;
}

/** One call on one item. */
export interface NetworkCall {
  readonly name: string;
  readonly operation: 'stat' | 'get' | 'put' | 'delete' | 'list';
  /** The key that an error of it names. */
  readonly key: Key | undefined;
  run(backend: RemoteBackend, signal?: AbortSignal): Promise<Outcome>;
}

/** Stores what the calls of {@link callsOn} find. */
export async function prepare({ keys, value }: CaseContext, backend: RemoteBackend): Promise<CaseKeys> {
  const [present = '', doomed = '', absent = '', fresh = ''] = keys(4);
  const bytes = value(SMALL_BYTES);
  await store(backend, present, bytes);
  await store(backend, doomed, bytes);
  return { present, value: bytes, doomed, absent, fresh };
}

/** Every operation that the backend claims, on keys that are there and that are not. */
export function callsOn(
  { present, doomed, absent, fresh, value }: CaseKeys,
  capabilities: Capabilities,
): NetworkCall[] {
  const calls: NetworkCall[] = [];
  for (const [name, key] of [
    ['that is there', present],
    ['that is not there', absent],
  ] as const) {
    calls.push(
      {
        name: `stat of a key ${name}`,
        operation: 'stat',
        key,
        run: async (backend, signal) => outcomeOf(await backend.stat([key], { signal })),
      },
      {
        name: `get of a key ${name}`,
        operation: 'get',
        key,
        run: async (backend, signal) => outcomeOf(await backend.get([{ key, into: new Uint8Array(4096) }], { signal })),
      },
    );
  }
  calls.push({
    name: 'put',
    operation: 'put',
    key: fresh,
    run: async (backend, signal) => outcomeOf(await backend.put([{ key: fresh, parts: [value] }], { signal })),
  });
  if (capabilities.delete) {
    calls.push({
      name: 'delete',
      operation: 'delete',
      key: doomed,
      run: async (backend, signal) => outcomeOf(await backend.delete([doomed], { signal })),
    });
  }
  if (capabilities.list) {
    calls.push({
      name: 'list',
      operation: 'list',
      key: undefined,
      run: (backend, signal) => listingOutcome(backend, present, signal),
    });
  }
  return calls;
}

/** Makes all calls side by side, and gives how each ended. */
export function allAtOnce(
  backend: RemoteBackend,
  calls: readonly NetworkCall[],
): Promise<{ readonly call: NetworkCall; readonly outcome: Outcome }[]> {
  return Promise.all(calls.map(async (call) => ({ call, outcome: await call.run(backend) })));
}

/** Makes all calls side by side, and fails unless each fails with one of these codes and names what it was. */
export async function assertAllFail(
  backend: RemoteBackend,
  calls: readonly NetworkCall[],
  codes: readonly ErrorCode[],
  when: string,
): Promise<KvferryError[]> {
  const outcomes = await allAtOnce(backend, calls);
  return outcomes.map(({ call, outcome }) => {
    const error = assertFailed(outcome, codes, `${when}: ${call.name}`);
    assert.equal(error.operation, call.operation, `${when}: ${call.name}: the error names another operation`);
    assert.equal(error.key, call.key, `${when}: ${call.name}: the error names another key`);
    return error;
  });
}

/** Fails unless it failed with one of these codes; gives the error. */
export function assertFailed(
  outcome: { readonly status: string } | undefined,
  codes: readonly ErrorCode[],
  what: string,
): KvferryError {
  const due = codes.join(' or ');
  assert.equal(outcome?.status, 'failed', `${what} answered ${seen(outcome)}, where a failure with ${due} was due`);
  const { error } = outcome as unknown as { readonly error: unknown };
  assert.ok(KvferryError.is(error), `${what} failed with ${String(error)}, which is no KvferryError`);
  assert.ok(codes.includes(error.code), `${what} failed with ${error.message}, where ${due} was due`);
  return error;
}

/** Fails unless the backend does everything again, and unless what the failed calls were to leave alone is as it was. */
export async function assertWorksAgain(context: CaseContext, backend: RemoteBackend, keys: CaseKeys): Promise<void> {
  const when = 'after the disturbance';
  await assertStored(backend, keys.present, keys.value, when);
  await assertAbsent(backend, keys.absent, when);
  await store(backend, keys.fresh, keys.value);
  await assertStored(backend, keys.fresh, keys.value, when);
  if (context.capabilities.delete) {
    const [deleted] = await backend.delete([keys.doomed]);
    assert.equal(deleted?.status, 'deleted', `${when}: delete answered ${seen(deleted)}`);
    await assertAbsent(backend, keys.doomed, `${when}, and deleted`);
  }
  if (context.capabilities.list) {
    const listing = await listingOutcome(backend, keys.present, undefined);
    assert.equal(listing.status, 'succeeded', `${when}: list answered ${seen(listing)}`);
  }
}

/** Fails unless the key holds the new value or what was there before, whole. Says which. */
export async function assertWhole(
  backend: RemoteBackend,
  key: Key,
  fresh: Uint8Array,
  old: Uint8Array | undefined,
  when: string,
): Promise<'old' | 'new'> {
  const into = new Uint8Array(Math.max(fresh.byteLength, old?.byteLength ?? 0) + 16);
  const [stat] = await backend.stat([key]);
  const [result] = await backend.get([{ key, into }]);
  if (result?.status === 'miss') {
    assert.equal(old, undefined, `${when}: the old value is gone`);
    assert.equal(stat?.status, 'miss', `${when}: get is a miss and stat answered ${seen(stat)}`);
    return 'old';
  }
  assert.equal(result?.status, 'hit', `${when}: get answered ${seen(result)}`);
  const found = into.subarray(0, result.byteLength);
  assert.equal(stat?.status === 'hit' ? stat.byteLength : seen(stat), found.byteLength, `${when}: stat and get differ`);
  if (old !== undefined && sameBytes(found, old)) return 'old';
  assertBytes(found, fresh, `${when}: neither the old value nor the new one is there`);
  return 'new';
}

/** The same of what lies in the store, read past the backend. */
export function assertWholeBytes(
  found: Uint8Array | undefined,
  fresh: Uint8Array,
  old: Uint8Array | undefined,
  when: string,
): void {
  if (found === undefined) assert.equal(old, undefined, `${when}: the old value is gone`);
  else if (old === undefined || !sameBytes(found, old)) {
    assertBytes(found, fresh, `${when}: neither the old value nor the new one is stored`);
  }
}

/** How long what was ended may take to be seen to end, in milliseconds: a store far away answers an end after a round trip. Time limits are longer. */
const ENDING_MS = 250;

/** Fails unless the counts come to meet the condition by themselves, long before any time limit. */
export async function assertSoon(
  proxy: FaultProxy,
  condition: (counts: ProxyCounts) => boolean,
  what: string,
): Promise<void> {
  await proxy.until(condition, AbortSignal.timeout(ENDING_MS)).catch(() => {});
  assert.ok(condition(proxy.counts), `${what}: the proxy counts ${seen(proxy.counts)}`);
}

/** Whether this many bytes of a direction went through the proxy since `before`. */
export function bytesHeld(counts: ProxyCounts, before: ProxyCounts, bytes: number, direction: 'up' | 'down'): boolean {
  return direction === 'up' ? counts.bytesUp - before.bytesUp >= bytes : counts.bytesDown - before.bytesDown >= bytes;
}

/** What a listing came to. It throws what is no KvferryError. */
async function listingOutcome(
  backend: RemoteBackend,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  let entries = 0;
  try {
    for await (const _ of backend.list({ prefix, signal })) entries += 1;
  } catch (thrown) {
    if (!KvferryError.is(thrown) || thrown.code === 'ABORTED') throw thrown;
    return { status: 'failed', error: thrown };
  }
  return { status: 'succeeded', what: `a list of ${entries} entries` };
}

/** The outcome of a batch of one item. */
function outcomeOf(results: readonly { readonly status: string }[]): Outcome {
  assert.equal(results.length, 1, `one item was answered by ${results.length} results`);
  const result = results[0] as { readonly status: string; readonly error?: KvferryError };
  if (result.status === 'miss') return { status: 'miss' };
  if (result.status === 'failed') return { status: 'failed', error: result.error as KvferryError };
  return { status: 'succeeded', what: result.status };
}
