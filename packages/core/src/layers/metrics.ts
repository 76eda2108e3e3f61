import { type Channel, channel } from 'node:diagnostics_channel';
import type { BatchOptions, ListEntry, PutItem, RemoteBackend } from '../backend.ts';
import { defineBackend } from '../define-backend.ts';
import type { BackendDriver, Batch, Layer } from '../driver.ts';
import { type ErrorCode, KvferryError, type Operation } from '../errors.ts';
import { forwardTo } from './forward.ts';

/** Name of the diagnostics channel that carries one {@link CallRecord} per call on a backend with the metrics layer. */
export const CALL_CHANNEL = 'kvferry:call';

/** Published on `kvferry:call` for every call, when it has ended. */
export interface CallRecord {
  /** The backend, as `scheme://namespace`. */
  readonly backend: string;
  readonly operation: Operation;
  /** By `performance.now()`. */
  readonly startMs: number;
  /** For `list`: until the listing has ended or was left, the reader's own time included. */
  readonly durationMs: number;
  /** Items of the batch; of `list` the entries given; 0 for `open` and `close`. */
  readonly items: number;
  /** Items by their answer. Of a call that was `rejected`, what had settled by then: the rest of `items` has no answer. */
  readonly hits: number;
  readonly misses: number;
  readonly stored: number;
  readonly exists: number;
  readonly deleted: number;
  readonly failures: number;
  /** `failures` by their code; only the codes that there were, `undefined` where there were none. */
  readonly failuresByCode: Readonly<Partial<Record<ErrorCode, number>>> | undefined;
  /** Bytes of the values that `get` has read and `put` has stored; 0 for the others. */
  readonly bytes: number;
  /** `settled`: with one answer per item. `rejected`: without, such as an abort, or an `open` that failed. */
  readonly outcome: 'settled' | 'rejected';
  /** Why it was rejected. */
  readonly errorCode: ErrorCode | undefined;
}

const calls: Channel = channel(CALL_CHANNEL);

/**
 * Makes a layer that publishes a {@link CallRecord} on the diagnostics channel `kvferry:call` for each call, when it has ended. It counts and prints
 * nothing itself: whoever does subscribes. While nobody does, calls are passed on as they are. What is answered before any I/O (an empty batch, a wrong
 * argument) has no record.
 */
export function metrics(): Layer {
  return (inner) => {
    const plain = forwardTo(inner);
    const recorded = recordingDriver(inner);
    const chosen = (): BackendDriver => (calls.hasSubscribers ? recorded : plain);
    return defineBackend(
      forwardTo(inner, {
        open: (signal) => chosen().open(signal),
        stat: (batch) => chosen().stat(batch),
        get: (batch) => chosen().get(batch),
        put: (batch, mode) => chosen().put(batch, mode),
        delete: (batch) => chosen().delete(batch),
        list: (prefix, signal) => chosen().list(prefix, signal),
        close: () => chosen().close(),
      }),
    );
  };
}

function recordingDriver(inner: RemoteBackend): BackendDriver {
  return forwardTo(inner, {
    open: (signal) => new Recording(inner, 'open', 0).until(inner.open({ signal })),
    close: () => new Recording(inner, 'close', 0).until(inner.close()),
    stat: (batch) => {
      const recording = new Recording(inner, 'stat', batch.items.length);
      return recording.until(
        inner.stat(
          batch.items,
          counted(batch, (_, result) => recording.note(result, 0)),
        ),
      );
    },
    get: (batch) => {
      const recording = new Recording(inner, 'get', batch.items.length);
      const options = counted(batch, (_, result) =>
        recording.note(result, result.status === 'hit' ? result.byteLength : 0),
      );
      return recording.until(inner.get(batch.items, options));
    },
    put: (batch, mode) => {
      const recording = new Recording(inner, 'put', batch.items.length);
      const options = counted(batch, (index, result) =>
        recording.note(result, result.status === 'stored' ? partsBytes(batch.items[index] as PutItem) : 0),
      );
      return recording.until(inner.put(batch.items, { ...options, mode }));
    },
    delete: (batch) => {
      const recording = new Recording(inner, 'delete', batch.items.length);
      return recording.until(
        inner.delete(
          batch.items,
          counted(batch, (_, result) => recording.note(result, 0)),
        ),
      );
    },
    list: (prefix, signal) => listRecorded(inner, prefix, signal),
  });
}

/** The options of a batch that is passed on, with each result noted on its way. */
function counted<Result>(
  batch: Batch<unknown, Result>,
  note: (index: number, result: Result) => void,
): BatchOptions<Result> {
  return {
    signal: batch.signal,
    onSettled: (index, result) => {
      // Before it is passed on: the caller may change what it lent as soon as it is told.
      note(index, result);
      batch.settle(index, result);
    },
  };
}

async function* listRecorded(inner: RemoteBackend, prefix: string, signal: AbortSignal): AsyncGenerator<ListEntry> {
  const recording = new Recording(inner, 'list', 0);
  let failure: unknown;
  try {
    for await (const entry of inner.list({ prefix, signal })) {
      recording.items += 1;
      yield entry;
    }
  } catch (thrown) {
    failure = thrown;
    throw thrown;
  } finally {
    recording.publish(failure);
  }
}

function partsBytes(item: PutItem): number {
  let byteLength = 0;
  for (const part of item.parts) byteLength += part.byteLength;
  return byteLength;
}

type Status = 'hit' | 'miss' | 'stored' | 'exists' | 'deleted' | 'failed';

/** One call that is being counted. */
class Recording {
  items: number;
  readonly #inner: RemoteBackend;
  readonly #operation: Operation;
  readonly #startMs = performance.now();
  readonly #counts: Record<Status, number> = { hit: 0, miss: 0, stored: 0, exists: 0, deleted: 0, failed: 0 };
  #failuresByCode: Partial<Record<ErrorCode, number>> | undefined;
  #bytes = 0;

  constructor(inner: RemoteBackend, operation: Operation, items: number) {
    this.#inner = inner;
    this.#operation = operation;
    this.items = items;
  }

  note(result: { readonly status: Status; readonly error?: KvferryError }, bytes: number): void {
    this.#counts[result.status] += 1;
    this.#bytes += bytes;
    if (result.error === undefined) return;
    this.#failuresByCode ??= {};
    const { code } = result.error;
    this.#failuresByCode[code] = (this.#failuresByCode[code] ?? 0) + 1;
  }

  async until(call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (thrown) {
      this.publish(thrown);
      throw thrown;
    }
    this.publish(undefined);
  }

  /** Ends the recording. `failure`: what the call was rejected with, if it was. */
  publish(failure: unknown): void {
    const { scheme, namespace } = this.#inner.info;
    const { hit, miss, stored, exists, deleted, failed } = this.#counts;
    const record: CallRecord = {
      backend: `${scheme}://${namespace}`,
      operation: this.#operation,
      startMs: this.#startMs,
      durationMs: performance.now() - this.#startMs,
      items: this.items,
      hits: hit,
      misses: miss,
      stored,
      exists,
      deleted,
      failures: failed,
      failuresByCode: this.#failuresByCode,
      bytes: this.#bytes,
      outcome: failure === undefined ? 'settled' : 'rejected',
      errorCode: failure === undefined ? undefined : KvferryError.from(failure).code,
    };
    calls.publish(record);
  }
}
