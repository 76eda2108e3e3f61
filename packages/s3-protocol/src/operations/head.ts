import type { Key } from '@kvferry/core';
import type { WireResponse } from '@kvferry/wire';
import type { CombinableCrc } from '../crc-combine.ts';
import type { DataPlane } from '../data-plane.ts';
import { type StoredChecksum, storedChecksum } from '../verification.ts';

/** What a HEAD tells of an object that is there. */
export interface ObjectFacts {
  readonly byteLength: number;
  readonly etag: string | undefined;
  /** The first that there is of the checksums asked for. */
  readonly checksum: StoredChecksum | undefined;
}

/** HEAD that asks for checksums of the whole object too, if any; `undefined` where there is no object. */
export async function headObject(
  plane: DataPlane,
  key: Key,
  algorithms: readonly CombinableCrc[],
  signal: AbortSignal,
): Promise<ObjectFacts | undefined> {
  const answer = await plane.request<ObjectFacts | 'miss'>({
    operation: 'get',
    method: 'HEAD',
    key,
    signedHeaders: algorithms.length === 0 ? [] : ['x-amz-checksum-mode', 'ENABLED'],
    plainHeaders: [],
    signal,
    accept: (response) => accept(response, algorithms),
    onMiss: 'miss',
  });
  return answer === 'miss' ? undefined : answer;
}

function accept({ headers, status }: WireResponse, algorithms: readonly CombinableCrc[]): ObjectFacts | undefined {
  const byteLength = Number(headers.get('content-length'));
  if (status !== 200 || !Number.isSafeInteger(byteLength)) return undefined;
  return { byteLength, etag: headers.get('etag'), checksum: storedChecksum(headers, algorithms) };
}
