import type { Key, StatResult } from '@kvferry/core';
import type { WireResponse } from '@kvferry/wire';
import type { DataPlane } from '../data-plane.ts';

/** HEAD: whether the object is there, and its length. */
export function statObject(plane: DataPlane, key: Key, signal: AbortSignal): Promise<StatResult> {
  return plane.request({
    operation: 'stat',
    method: 'HEAD',
    key,
    signedHeaders: none,
    plainHeaders: none,
    signal,
    accept,
    onMiss: miss,
  });
}

const none: readonly string[] = [];
const miss: StatResult = { status: 'miss' };

function accept(response: WireResponse): StatResult | undefined {
  // Without a length nothing can be lent for it: what answers so is not S3.
  const byteLength = Number(response.headers.get('content-length'));
  if (response.status !== 200 || !Number.isSafeInteger(byteLength)) return undefined;
  return { status: 'hit', byteLength, etag: response.headers.get('etag') };
}
