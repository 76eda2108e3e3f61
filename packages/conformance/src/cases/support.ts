import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import {
  type ErrorCode,
  type GetResult,
  type Key,
  KvferryError,
  type ListEntry,
  type RemoteBackend,
  type StatResult,
} from '@kvferry/core';

/** Small things that cases of several areas need. */

/** Puts one value, in one part. */
export async function store(backend: RemoteBackend, key: Key, value: Uint8Array): Promise<void> {
  const results = await backend.put([{ key, parts: [value] }]);
  assert.deepEqual(results, [{ status: 'stored' }], `put of ${value.byteLength} bytes answered ${seen(results)}`);
}

/** Puts many values in one call, in one part each. */
export async function storeAll(backend: RemoteBackend, values: ReadonlyMap<Key, Uint8Array>): Promise<void> {
  const results = await backend.put([...values].map(([key, value]) => ({ key, parts: [value] })));
  const wrong = results.find((result) => result.status !== 'stored');
  assert.equal(wrong, undefined, `of ${values.size} puts, one answered ${seen(wrong)}`);
  assert.equal(results.length, values.size, `${values.size} puts were answered by ${results.length} results`);
}

/** Reads a key, and fails unless it holds exactly this value. The memory lent has room for more. */
export async function assertStored(backend: RemoteBackend, key: Key, value: Uint8Array, when: string): Promise<void> {
  await assertAllStored(backend, new Map([[key, value]]), when);
}

export async function assertAllStored(
  backend: RemoteBackend,
  values: ReadonlyMap<Key, Uint8Array>,
  when: string,
): Promise<void> {
  const items = [...values].map(([key, value]) => ({ key, into: new Uint8Array(value.byteLength + 16) }));
  const results = await backend.get(items);
  for (const [index, { key, into }] of items.entries()) {
    const result = results[index];
    const where = `${when}: get of ${JSON.stringify(key)}`;
    assert.equal(result?.status, 'hit', `${where} answered ${seen(result)}`);
    assertBytes(into.subarray(0, result?.status === 'hit' ? result.byteLength : 0), values.get(key), where);
  }
}

/** Fails unless nothing is stored under the key, by `stat` and by `get`. */
export async function assertAbsent(backend: RemoteBackend, key: Key, when: string): Promise<void> {
  const [stat] = await backend.stat([key]);
  assert.equal(stat?.status, 'miss', `${when}: stat answered ${seen(stat)}`);
  const [get] = await backend.get([{ key, into: new Uint8Array(16) }]);
  assert.equal(get?.status, 'miss', `${when}: get answered ${seen(get)}`);
}

/** Compares bytes; says where they part instead of printing them. */
export function assertBytes(actual: Uint8Array, expected: Uint8Array | undefined, what: string): void {
  assert.ok(expected !== undefined, `${what}: nothing to compare with`);
  const difference = firstDifference(actual, expected);
  if (difference === undefined) return;
  assert.fail(
    `${what}: ${actual.byteLength} bytes for ${expected.byteLength}; at ${difference} stands ${actual[difference] ?? 'nothing'} in place of ${expected[difference] ?? 'nothing'}`,
  );
}

function firstDifference(one: Uint8Array, other: Uint8Array): number | undefined {
  if (Buffer.compare(one, other) === 0) return undefined;
  const shorter = Math.min(one.byteLength, other.byteLength);
  for (let index = 0; index < shorter; index += 1) if (one[index] !== other[index]) return index;
  return shorter;
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** Bytes that stand around the memory lent. */
const GUARD_BYTES = 64;
const GUARD = 0xa5;

/** Memory to lend, with guard bytes around it. */
export interface GuardedMemory {
  readonly into: Uint8Array;
  /** Fails when a byte outside `into` was written. */
  assertUntouched(when: string): void;
}

export function guarded(byteLength: number, kind: 'private' | 'shared' = 'private'): GuardedMemory {
  const whole = byteLength + 2 * GUARD_BYTES;
  const memory = new Uint8Array(kind === 'shared' ? new SharedArrayBuffer(whole) : new ArrayBuffer(whole)).fill(GUARD);
  return {
    into: memory.subarray(GUARD_BYTES, GUARD_BYTES + byteLength),
    assertUntouched(when) {
      for (const [index, byte] of memory.entries()) {
        const offset = index - GUARD_BYTES;
        if (byte === GUARD || (offset >= 0 && offset < byteLength)) continue;
        assert.fail(`${when}: a byte outside the ${byteLength} lent was written, ${byte} at offset ${offset}`);
      }
    },
  };
}

/** What is written over memory that should have been given back. */
const MARK = 0x5c;

export function mark(memory: Uint8Array): void {
  memory.fill(MARK);
}

/** Fails when memory was written since it was marked. */
export function assertMarked(memory: Uint8Array, when: string): void {
  const written = memory.findIndex((byte) => byte !== MARK);
  assert.equal(written, -1, `${when}: byte ${written} of ${memory.byteLength} was written after it was given back`);
}

/** Lets what a backend left running go on: turns of the event loop, not time. */
export async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await setImmediate();
}

/** A promise that is waited for later: what it rejects with before is not an unhandled rejection. */
export function handled<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => {});
  return promise;
}

/** Fails unless the promise rejects with this code; gives the error. */
export async function rejection(promise: Promise<unknown>, code: ErrorCode, what: string): Promise<KvferryError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) assert.fail(`${what} resolved to ${seen(outcome.value)}, where ${code} was due`);
  const { error } = outcome;
  assert.ok(KvferryError.is(error), `${what} rejected with ${String(error)}, which is no KvferryError`);
  assert.equal(error.code, code, `${what} rejected with ${error.message}, where ${code} was due`);
  return error;
}

/** Fails unless the item failed with this code; gives the error. */
export function failure(result: { readonly status: string } | undefined, code: ErrorCode, what: string): KvferryError {
  assert.equal(result?.status, 'failed', `${what} answered ${seen(result)}, where a failure with ${code} was due`);
  const { error } = result as unknown as { readonly error: unknown };
  assert.ok(KvferryError.is(error), `${what} failed with ${String(error)}, which is no KvferryError`);
  assert.equal(error.code, code, `${what} failed with ${error.message}, where ${code} was due`);
  return error;
}

export function statusesOf(results: readonly { readonly status: string }[]): string[] {
  return results.map((result) => result.status);
}

/** The length of each hit, and the status of what is none. */
export function lengthsOf(results: readonly (StatResult | GetResult)[]): (number | string)[] {
  return results.map((result) => {
    if (result.status === 'failed') return result.error.message;
    return result.status === 'hit' ? result.byteLength : result.status;
  });
}

/** All entries of a listing, by key. Fails when a key comes twice. */
export async function listed(entries: AsyncIterable<ListEntry>): Promise<Map<Key, number>> {
  const found = new Map<Key, number>();
  for await (const { key, byteLength } of entries) {
    assert.ok(!found.has(key), `the listing names ${JSON.stringify(key)} twice`);
    found.set(key, byteLength);
  }
  return found;
}

/** Fails unless a listing gave exactly these keys and lengths; says what is missing and what is too much. */
export function assertListed(found: ReadonlyMap<Key, number>, expected: ReadonlyMap<Key, number>): void {
  const missing = [...expected.keys()].filter((key) => !found.has(key));
  const surplus = [...found.keys()].filter((key) => !expected.has(key));
  assert.deepEqual(missing, [], `the listing lacks ${missing.length} of ${expected.size} keys: ${seen(missing)}`);
  assert.deepEqual(surplus, [], `the listing has ${surplus.length} keys too many: ${seen(surplus)}`);
  for (const [key, byteLength] of expected) {
    assert.equal(found.get(key), byteLength, `${JSON.stringify(key)} is listed with ${found.get(key)} bytes`);
  }
}

export function entriesOf(values: ReadonlyMap<Key, Uint8Array>): Map<Key, number> {
  return new Map([...values].map(([key, value]) => [key, value.byteLength]));
}

/** One call of every operation, on one item or on none, as far as the types allow. */
export interface AnyCall {
  readonly name: string;
  readonly run: (backend: RemoteBackend, key: Key, signal?: AbortSignal) => Promise<unknown>;
}

export const callsOnOneItem: readonly AnyCall[] = [
  { name: 'stat', run: (backend, key, signal) => backend.stat([key], { signal }) },
  { name: 'get', run: (backend, key, signal) => backend.get([{ key, into: new Uint8Array(8) }], { signal }) },
  { name: 'put', run: (backend, key, signal) => backend.put([{ key, parts: [new Uint8Array(8)] }], { signal }) },
  {
    name: "put with mode 'create'",
    run: (backend, key, signal) => backend.put([{ key, parts: [new Uint8Array(8)] }], { mode: 'create', signal }),
  },
  { name: 'delete', run: (backend, key, signal) => backend.delete([key], { signal }) },
  { name: 'list', run: (backend, prefix, signal) => listed(backend.list({ prefix, signal })) },
];

export const callsOnNone: readonly AnyCall[] = [
  { name: 'stat of no key', run: (backend) => backend.stat([]) },
  { name: 'get of no item', run: (backend) => backend.get([]) },
  { name: 'put of no item', run: (backend) => backend.put([]) },
  { name: "put of no item with mode 'create'", run: (backend) => backend.put([], { mode: 'create' }) },
  { name: 'delete of no key', run: (backend) => backend.delete([]) },
];

/** Passes what the types forbid, as a caller without them might. */
export function untyped<T>(value: unknown): T {
  return value as T;
}

/** Numbers from 0 to below `bound` that follow from `seed` (a linear congruential generator with the constants of Numerical Recipes). */
export function randomNumbers(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** A short text of what came, for messages. */
export function seen(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) => (KvferryError.is(inner) ? inner.message : inner));
  return text === undefined ? String(value) : text.slice(0, 400);
}
