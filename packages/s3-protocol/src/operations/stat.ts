import type { Key, StatResult } from '@kvferry/core';
import type { WireResponse } from '@kvferry/wire';
import type { DataPlane } from '../data-plane.ts';
import type { S3Profile } from '../types.ts';

/** HEAD: whether the object is there, and its length. By its first byte, where the store is to load it for the reads that follow. */
export function statObject(
  plane: DataPlane,
  key: Key,
  how: S3Profile['stat'],
  signal: AbortSignal,
): Promise<StatResult> {
  const byFirstByte = how === 'head-first-byte';
  return plane.request({
    operation: 'stat',
    method: 'HEAD',
    key,
    signedHeaders: none,
    plainHeaders: byFirstByte ? firstByte : none,
    signal,
    accept: byFirstByte ? acceptFirstByte : accept,
    onMiss: miss,
  });
}

const none: readonly string[] = [];
const firstByte: readonly string[] = ['range', 'bytes=0-0'];
const miss: StatResult = { status: 'miss' };

function accept(response: WireResponse): StatResult | undefined {
  // Without a length nothing can be lent for it: what answers so is not S3.
  const byteLength = Number(response.headers.get('content-length'));
  if (response.status !== 200 || !Number.isSafeInteger(byteLength)) return undefined;
  return { status: 'hit', byteLength, etag: response.headers.get('etag') };
}

function acceptFirstByte(response: WireResponse): StatResult | undefined {
  const { headers, status } = response;
  // Only an object of no bytes has no first one.
  if (status === 416) return { status: 'hit', byteLength: 0, etag: headers.get('etag') };
  if (status !== 206) return accept(response);
  const total = /^bytes 0-0\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
  return total === undefined ? undefined : { status: 'hit', byteLength: Number(total), etag: headers.get('etag') };
}
