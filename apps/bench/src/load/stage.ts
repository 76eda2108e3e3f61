import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  defineBackend,
  forwardTo,
  type Key,
  type KvCache,
  keyPrefix,
  kvCache,
  type Layer,
  layoutBytes,
  type RemoteBackend,
  withLayers,
} from '@kvferry/core';
import { REQUEST_CHANNEL, type RequestRecord } from '@kvferry/s3-protocol';
import { backendFor, type ChunkIdentity, chunkIdentity } from 'kvferry';
import { ChunkMemory } from './chunk-memory.ts';
import { type ItemRow, itemRows } from './item-rows.ts';
import type { LoadSetup, OpenedFacts } from './messages.ts';
import { storedTokens } from './prompts.ts';

/** What phases play on: an open backend, memory, and the prompts that are stored there, or are to be. */
export interface Stage {
  readonly facts: OpenedFacts;
  readonly identity: ChunkIdentity;
  readonly backend: RemoteBackend;
  readonly memory: ChunkMemory;
  readonly prompts: readonly StoredPrompt[];
  /** Keys whose put was answered for, whatever became of the call it was a part of. */
  readonly storedKeys: ReadonlySet<Key>;
  /** Listens to what goes to the store until the function returned is called. */
  listen(listener: TrafficListener): () => void;
  /**
   * Opens a cache over the backend, which stays open when the cache closes. It knows nothing yet. `keeping`: in memory, by the configuration's policy;
   * `staging-only`: nothing.
   */
  openCache(local: 'keeping' | 'staging-only'): Promise<KvCache>;
  close(): Promise<void>;
}

export interface StoredPrompt {
  readonly tokens: Uint32Array;
  readonly chunks: readonly StoredChunk[];
}

export interface StoredChunk {
  readonly hash: string;
  readonly key: Key;
}

/** Told of what goes to the store, by this process's clock: of requests, or where the backend tells of none, of items. */
export interface TrafficListener {
  onRequest(record: RequestRecord): void;
  onItem(row: ItemRow): void;
}

/** Opens the store of a run, and asks it one question, so that what cannot work is known before anything is measured. Rejects as the backend does. */
export async function openStage({ chunks, engine, promptChunks, runFolder, seat }: LoadSetup): Promise<Stage> {
  const { config } = seat.loaded;
  const identity = await chunkIdentity(config, engine);
  const { chunker, keyFormat, layout, scope, stores } = identity;
  const memory = new ChunkMemory(layoutBytes(layout), config.maxLocalCpuBytes);
  memory.assertFits(Math.min(chunks, promptChunks), `a prompt of ${promptChunks} chunks`);

  const named = await backendFor(seat.loaded, { backends: seat.backends, ...seat.overrides });
  const listeners = new Set<TrafficListener>();
  const onItem = (row: ItemRow): void => {
    for (const listener of listeners) listener.onItem(row);
  };
  const storedKeys = new Set<Key>();
  try {
    const inFolder = keyPrefix({ prefix: runFolder })(named);
    await inFolder.open();
    const isTold = await tellsOfRequests(inFolder);
    const backend = withLayers(inFolder, ...(isTold ? [] : [itemRows(onItem)]), noteStored(storedKeys));
    await backend.open();
    const { scheme, namespace, details } = named.info;
    return {
      facts: { scheme, namespace, details, chunkBytes: memory.chunkBytes, chunkTokens: chunker.tokensPerChunk },
      identity,
      backend,
      memory,
      prompts: promptsOf(identity, chunks, promptChunks),
      storedKeys,
      listen(listener) {
        const onRequest = (message: unknown): void => listener.onRequest(message as RequestRecord);
        listeners.add(listener);
        if (isTold) subscribe(REQUEST_CHANNEL, onRequest);
        return () => {
          listeners.delete(listener);
          unsubscribe(REQUEST_CHANNEL, onRequest);
        };
      },
      async openCache(local) {
        const cache = kvCache({
          ...{ backend: leftOpen(backend), chunker, keyFormat, scope, layout, stores },
          pool: memory.pool,
          local: local === 'keeping' ? config.cachePolicy : local,
          answerMs: config.blockingTimeoutMs,
          pinMs: config.pinTimeoutMs,
        });
        await cache.open();
        return cache;
      },
      close: () => backend.close(),
    };
  } catch (thrown) {
    await named.close();
    throw thrown;
  }
}

function promptsOf({ chunker, keyFormat, scope }: ChunkIdentity, chunks: number, promptChunks: number): StoredPrompt[] {
  return Array.from({ length: Math.ceil(chunks / promptChunks) }, (_, prompt) => {
    const count = Math.min(promptChunks, chunks - prompt * promptChunks);
    const tokens = storedTokens(prompt, count * chunker.tokensPerChunk);
    return {
      tokens,
      chunks: chunker.chunk(tokens).map((chunk) => ({ hash: chunk.hash, key: keyFormat.key(chunk, scope) })),
    };
  });
}

/** Whether a backend publishes its requests on the wire, found out by one: a backend of somebody else's may do so, too. */
async function tellsOfRequests(backend: RemoteBackend): Promise<boolean> {
  let isTold = false;
  const notice = (): void => {
    isTold = true;
  };
  subscribe(REQUEST_CHANNEL, notice);
  try {
    const [answer] = await backend.stat(['first-look']);
    if (answer?.status === 'failed') throw answer.error;
    return isTold;
  } finally {
    unsubscribe(REQUEST_CHANNEL, notice);
  }
}

function noteStored(keys: Set<Key>): Layer {
  return (inner) =>
    defineBackend(
      forwardTo(inner, {
        async put(batch, mode) {
          await inner.put(batch.items, {
            signal: batch.signal,
            mode,
            onSettled(index, result) {
              if (result.status !== 'failed') keys.add((batch.items[index] as { readonly key: Key }).key);
              batch.settle(index, result);
            },
          });
        },
      }),
    );
}

/** The same backend for somebody who closes it when done. It is open already. */
function leftOpen(backend: RemoteBackend): RemoteBackend {
  return defineBackend(forwardTo(backend, { open: async () => {}, close: async () => {} }));
}
