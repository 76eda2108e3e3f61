import type { RemoteBackend } from '@kvferry/core';
import { s3 } from '@kvferry/s3';
import { BUCKET } from '../objects.ts';
import { keyOf, originOf } from './requests.ts';
import { type BenchClient, inSlots, type Session, type SessionOptions } from './types.ts';

/**
 * kvferry as a user has it: the backend of `@kvferry/s3`, signing every request. A GET is read into the slot's buffer by the socket itself; with
 * `crc32c` its checksum is taken as the bytes come, and compared with the store's. A PUT always carries its checksum.
 */
export async function loadKvferry(ioThreads: number): Promise<BenchClient> {
  return {
    async open(options: SessionOptions): Promise<Session> {
      const { cell, target, verify } = options;
      const backend = s3({
        bucket: BUCKET,
        region: 'us-east-1',
        endpoint: originOf(options),
        credentials: { accessKeyId: 'wire-bench', secretAccessKey: 'wire-bench-secret' },
        ...(cell.scheme === 'https' ? { tls: { ca: target.ca } } : {}),
        maxRequestsInFlight: cell.concurrency,
        ioThreads,
        verify: verify === 'crc32c' ? 'fast' : 'length',
        maxAttempts: 1,
      });
      await backend.open();
      const operations = {
        GET: (perSlot: number) => inSlots(cell.concurrency, perSlot, (slot) => get(backend, options, slot)),
        PUT: (perSlot: number) => inSlots(cell.concurrency, perSlot, (slot) => put(backend, options, slot)),
        HEAD: (perSlot: number) => stat(backend, options, perSlot * cell.concurrency),
      };
      return { run: operations[cell.operation], close: () => backend.close() };
    },
  };
}

async function get(backend: RemoteBackend, options: SessionOptions, slot: number): Promise<void> {
  const [result] = await backend.get([{ key: keyOf(options, slot), into: options.buffers[slot] as Uint8Array }]);
  const verified = options.verify === 'crc32c' ? 'checksum' : 'length';
  if (result?.status !== 'hit' || result.byteLength !== options.cell.bytes || result.verified !== verified) {
    throw failure('GET', result);
  }
}

async function put(backend: RemoteBackend, options: SessionOptions, slot: number): Promise<void> {
  const [result] = await backend.put([{ key: keyOf(options, slot), parts: [options.buffers[slot] as Uint8Array] }]);
  if (result?.status !== 'stored') {
    throw failure('PUT', result);
  }
}

/** HEADs go in batches, as a lookup sends them; the backend keeps as many in flight as the cell says. */
async function stat(backend: RemoteBackend, options: SessionOptions, count: number): Promise<void> {
  for (let done = 0; done < count; done += LOOKUP_KEYS) {
    const keys = Array.from({ length: Math.min(LOOKUP_KEYS, count - done) }, (_, index) => keyOf(options, index));
    for (const result of await backend.stat(keys)) {
      if (result.status !== 'hit' || result.byteLength !== options.cell.bytes) {
        throw failure('HEAD', result);
      }
    }
  }
}

// A prompt of 128 Ki tokens in chunks of 256.
const LOOKUP_KEYS = 512;

function failure(operation: string, result: { readonly status: string } | undefined): Error {
  return new Error(`${operation}: ${JSON.stringify(result)}`, { cause: result });
}
