import { type Channel, channel } from 'node:diagnostics_channel';
import type { RequestRecord } from './types.ts';

/** Name of the diagnostics channel that carries one {@link RequestRecord} per request on the wire. */
export const REQUEST_CHANNEL = 'kvferry:request';

const requests: Channel = channel(REQUEST_CHANNEL);

/** Whether anybody listens. Where nobody does, no record is built. */
export function recordsWanted(): boolean {
  return requests.hasSubscribers;
}

export function publishRecord(record: RequestRecord): void {
  requests.publish(record);
}
