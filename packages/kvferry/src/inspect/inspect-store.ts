import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { KvferryError, type RemoteBackend } from '@kvferry/core';
import type { ObjectKeyDescription } from '@kvferry/lmcache';
import { PASSED_OVER_CHANNEL, type PassedOverRecord } from '@kvferry/s3-protocol';
import { withDescriptions } from './namespaces.ts';
import { type StoredGroup, StoredSummary } from './stored-group.ts';

/** What lies in a store. Plain data: it survives JSON. */
export interface InspectReport {
  /** As `scheme://namespace`. */
  readonly backend: string;
  /** Only names that start with it were looked at. */
  readonly prefix: string;
  /** `list`: the store was asked for its names. `probe`: it was asked for the names that an engine gives a sequence of tokens. */
  readonly source: 'list' | 'probe';
  /** False where it ended before the store's last name. */
  readonly complete: boolean;
  readonly objects: number;
  readonly bytes: number;
  /** Objects among them whose names no backend takes: another system's. */
  readonly invalidNames: number;
  /** The largest first. */
  readonly groups: readonly StoredGroup[];
}

export interface InspectOptions {
  readonly prefix: string;
  /** What a configuration puts in front of its keys, without a slash at its end; `''`: nothing. */
  readonly keyPrefix: string;
  readonly maxKeys: number;
  /** Ends the listing after so many milliseconds, with what was seen until then. */
  readonly maxMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Told of each object. */
  readonly onObject?: ((name: string, described: ObjectKeyDescription) => void) | undefined;
}

/**
 * Says what lies in a store, by the names of its objects; of the objects themselves only what kvferry's namespaces stand for is read. `backend` is open, and
 * bare: without a layer that hides names. Rejects as its `list` does, and with TIMEOUT where `maxMs` is over before a single name came.
 */
export async function inspectStore(backend: RemoteBackend, options: InspectOptions): Promise<InspectReport> {
  const { keyPrefix, maxKeys, maxMs, onObject, prefix, signal } = options;
  const name = nameOf(backend);
  const summary = new StoredSummary();
  const enough = new AbortController();
  let invalidNames = 0;
  const add = (object: string, byteLength: number, modifiedMs: number | undefined): void => {
    if (enough.signal.aborted) return;
    if (summary.objects === maxKeys) {
      enough.abort();
      return;
    }
    const described = summary.add(object, keyPrefix, byteLength, modifiedMs);
    onObject?.(object, described);
  };
  // Another system's names may be no keys. A listing passes them over, without giving its reader a turn.
  const notePassedOver = (message: unknown): void => {
    const record = message as PassedOverRecord;
    if (record.backend !== name || !record.name.startsWith(prefix)) return;
    const before = summary.objects;
    add(record.name, record.byteLength, record.modifiedMs);
    invalidNames += summary.objects - before;
  };
  const timer = maxMs === undefined ? undefined : setTimeout(() => enough.abort(), maxMs);
  subscribe(PASSED_OVER_CHANNEL, notePassedOver);
  try {
    const entries = backend.list({ prefix, signal: AbortSignal.any([signal, enough.signal]) });
    for await (const { key, byteLength, modifiedMs } of entries) {
      add(key, byteLength, modifiedMs);
      if (enough.signal.aborted) break;
    }
  } catch (thrown) {
    if (signal.aborted || !enough.signal.aborted) throw thrown;
  } finally {
    unsubscribe(PASSED_OVER_CHANNEL, notePassedOver);
    clearTimeout(timer);
  }
  if (enough.signal.aborted && summary.objects === 0) {
    throw new KvferryError('TIMEOUT', `the store gave no name within ${maxMs} ms`, { operation: 'list' });
  }
  return {
    backend: name,
    prefix,
    source: 'list',
    complete: !enough.signal.aborted,
    objects: summary.objects,
    bytes: summary.bytes,
    invalidNames,
    groups: await withDescriptions(backend, summary.groups(), signal),
  };
}

/** A backend as its records and messages name it. */
export function nameOf({ info }: RemoteBackend): string {
  return `${info.scheme}://${info.namespace}`;
}
