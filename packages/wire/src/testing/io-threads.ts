import type { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import type { WireClient, WireClientOptions } from '../types.ts';
import { loadDigests } from './crc-digests.ts';
import { openClient } from './open-client.ts';

/** A client with I/O threads that know `crc32`, closed when the test has finished. */
export async function openThreadedClient(options: WireClientOptions = {}): Promise<WireClient> {
  const digestModule = new URL('./crc-digests.ts', import.meta.url).href;
  return openClient({ ioThreads: 2, digests: await loadDigests(), digestModule, ...options });
}

/** Every thread that this process starts from now until the test has finished. */
export function watchThreads(): readonly Worker[] {
  const started: Worker[] = [];
  const note = (worker: Worker): void => void started.push(worker);
  process.on('worker', note);
  onTestFinished(() => void process.off('worker', note));
  return started;
}

/** Shared memory with this in it. */
export function shared(content: Uint8Array | number): Uint8Array {
  if (typeof content === 'number') return new Uint8Array(new SharedArrayBuffer(content));
  const bytes = new Uint8Array(new SharedArrayBuffer(content.length));
  bytes.set(content);
  return bytes;
}
