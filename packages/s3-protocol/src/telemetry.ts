import { type Channel, channel } from 'node:diagnostics_channel';
import type { ListEntry } from '@kvferry/core';
import type { PassedOverRecord, RequestRecord } from './types.ts';

/** Name of the diagnostics channel that carries one {@link RequestRecord} per request on the wire. */
export const REQUEST_CHANNEL = 'kvferry:request';

/** Name of the diagnostics channel that carries a {@link PassedOverRecord} for each object that a listing meets and passes over. */
export const PASSED_OVER_CHANNEL = 'kvferry:passed-over';

const requests: Channel = channel(REQUEST_CHANNEL);
const passedOver: Channel = channel(PASSED_OVER_CHANNEL);

/** Whether anybody listens. Where nobody does, no record is built. */
export function recordsWanted(): boolean {
  return requests.hasSubscribers;
}

export function publishRecord(record: RequestRecord): void {
  requests.publish(record);
}

export function publishPassedOver(backend: string, entry: ListEntry): void {
  if (!passedOver.hasSubscribers) return;
  const record: PassedOverRecord = {
    backend,
    name: entry.key,
    byteLength: entry.byteLength,
    modifiedMs: entry.modifiedMs,
  };
  passedOver.publish(record);
}
