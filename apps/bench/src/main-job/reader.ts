/**
 * The reading half of the main job, in a process of its own: it computes the keys from configuration, model and tokens, as an engine on another machine
 * would, and compares every byte with what those tokens' KV must be.
 */
import { type Chunk, KvferryError, layoutBytes, longestPrefix, naiveSerde, type RemoteBackend } from '@kvferry/core';
import { backendFor, type ChunkIdentity, chunkIdentity, loadConfig } from 'kvferry';
import { CpuClock, transferCost } from '../shared/cpu-clock.ts';
import { collectLatencies } from '../shared/latencies.ts';
import { openChunkWindow, runsOf } from './chunk-window.ts';
import { fillChunk } from './kv-data.ts';
import type { ReaderJob, ReaderMessage, ReaderResult } from './messages.ts';

// Ctrl-C is the parent's to handle: it ends this process when it must.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(1));
process.once('message', (job) => {
  read(job as ReaderJob).then(
    (result) => finish({ kind: 'result', result }),
    (thrown: unknown) => {
      const error = KvferryError.from(thrown);
      finish({ kind: 'error', code: error.code, message: error.message });
    },
  );
});

function tell(message: ReaderMessage): void {
  process.send?.(message);
}

function finish(message: ReaderMessage): void {
  process.send?.(message, undefined, undefined, () => process.exit(0));
}

async function read(job: ReaderJob): Promise<ReaderResult> {
  const loaded = await loadConfig({ file: job.configFile, placeholders: job.placeholders });
  const identity = chunkIdentity(loaded.config, job.engine);
  const chunks = identity.chunker.chunk(job.tokens);
  const { backends, credentials, endpoint } = job;
  const backend = await backendFor(loaded, { backends, credentials, endpoint });
  await backend.open();
  try {
    const keys = chunks.map((chunk) => identity.keyFormat.key(chunk, identity.scope));
    const byteLength = layoutBytes(identity.layout);
    const started = performance.now();
    const found = await longestPrefix(backend, keys, { byteLength });
    const seconds = (performance.now() - started) / 1000;
    if (found.end.status === 'failed') throw found.end.error;
    const hitTokens = chunks[found.length - 1]?.end ?? 0;
    const lookup = { hitTokens, seconds, end: found.end.status };
    return { lookup, ...(await retrieve(backend, identity, chunks.slice(0, found.length))) };
  } finally {
    await backend.close();
  }
}

async function retrieve(
  backend: RemoteBackend,
  identity: ChunkIdentity,
  chunks: readonly Chunk[],
): Promise<Omit<ReaderResult, 'lookup'>> {
  const { layout } = identity;
  const byteLength = layoutBytes(layout);
  const window = await openChunkWindow(byteLength, chunks.length);
  const expected = new Uint8Array(byteLength);
  const clock = new CpuClock();
  const latencies = collectLatencies('GET');
  let verifiedBytes = 0;
  let mismatches = 0;
  let read = 0;
  try {
    for (const run of runsOf(chunks, window.buffers.length)) {
      const items = run.map((chunk, index) => ({
        key: identity.keyFormat.key(chunk, identity.scope),
        into: window.buffers[index] as Uint8Array,
      }));
      clock.start();
      const results = await backend.get(items, {
        onSettled: () => {
          read += 1;
          tell({ kind: 'progress', chunks: read });
        },
      });
      clock.stop();
      for (const [index, chunk] of run.entries()) {
        const result = results[index];
        const into = (items[index] as { into: Uint8Array }).into;
        if (result?.status === 'failed') throw result.error;
        if (result?.status !== 'hit') {
          mismatches += 1;
          continue;
        }
        const tensor = naiveSerde.deserialize(into.subarray(0, result.byteLength), layout, new Uint8Array(0));
        fillChunk(expected, chunk.hash, layout.dtype);
        if (Buffer.compare(tensor.bytes, expected) === 0) verifiedBytes += byteLength;
        else mismatches += 1;
      }
    }
  } finally {
    window[Symbol.dispose]();
  }
  return {
    retrieve: transferCost(clock, chunks.length * byteLength),
    latencies: latencies.stop(),
    verifiedBytes,
    mismatches,
  };
}
