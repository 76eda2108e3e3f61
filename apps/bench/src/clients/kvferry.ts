import type { GetResult, PutResult, RemoteBackend, StatResult } from '@kvferry/core';
import { inSlots, type NextObject, type Session, type SessionOptions } from './types.ts';

/** What a read must have been verified by. */
export type Verified = Extract<GetResult, { readonly status: 'hit' }>['verified'];

/**
 * kvferry through an open backend, which it closes. A GET is read into the slot's buffer by the socket itself; where checksums are verified, they are
 * taken as the bytes come, and compared with the store's. A PUT always carries its checksum. `expected` is what reads must have been verified by.
 */
export function kvferrySession(
  backend: RemoteBackend,
  options: SessionOptions,
  expected: Verified | 'anything',
): Session {
  const operations = {
    GET: (next: NextObject) => inSlots(options, next, (slot, object) => get(backend, options, expected, slot, object)),
    PUT: (next: NextObject) => inSlots(options, next, (slot, object) => put(backend, options, slot, object)),
    HEAD: (next: NextObject) => stat(backend, options, next),
  };
  return { run: operations[options.operation], close: () => backend.close() };
}

async function get(
  backend: RemoteBackend,
  { buffers, keys, objectBytes }: SessionOptions,
  expected: Verified | 'anything',
  slot: number,
  object: number,
): Promise<void> {
  const [result] = await backend.get([{ key: keys[object] as string, into: buffers[slot] as Uint8Array }]);
  const isWhole = result?.status === 'hit' && result.byteLength === objectBytes;
  if (!isWhole || (expected !== 'anything' && result.verified !== expected)) throw failure('GET', result);
}

async function put(
  backend: RemoteBackend,
  { buffers, keys }: SessionOptions,
  slot: number,
  object: number,
): Promise<void> {
  const [result] = await backend.put([{ key: keys[object] as string, parts: [buffers[slot] as Uint8Array] }]);
  if (result?.status !== 'stored') throw failure('PUT', result);
}

/** HEADs go in batches, as a lookup sends them; the backend keeps as many in flight as it may. */
async function stat(backend: RemoteBackend, options: SessionOptions, next: NextObject): Promise<void> {
  for (let keys = takeKeys(options, next); keys.length > 0; keys = takeKeys(options, next)) {
    for (const result of await backend.stat(keys)) {
      if (result.status !== 'hit' || result.byteLength !== options.objectBytes) throw failure('HEAD', result);
    }
  }
}

function takeKeys({ concurrency, keys }: SessionOptions, next: NextObject): string[] {
  const taken: string[] = [];
  for (let slot = 0, idle = 0; taken.length < LOOKUP_KEYS && idle < concurrency; slot = (slot + 1) % concurrency) {
    const object = next(slot);
    if (object === undefined) {
      idle += 1;
    } else {
      idle = 0;
      taken.push(keys[object] as string);
    }
  }
  return taken;
}

// A prompt of 128 Ki tokens in chunks of 256.
const LOOKUP_KEYS = 512;

function failure(operation: string, result: GetResult | PutResult | StatResult | undefined): Error {
  if (result?.status === 'failed') return new Error(`${operation}: ${result.error.message}`, { cause: result.error });
  return new Error(`${operation}: ${JSON.stringify(result)}`);
}
