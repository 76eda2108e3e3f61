import { type GetItem, type GetResult, KvferryError } from '@kvferry/core';
import type { WireResponse } from '@kvferry/wire';
import type { Crc32c } from '../checksum.ts';
import type { DataPlane } from '../data-plane.ts';
import { isErrorDocument } from '../error-body.ts';

/**
 * GET: the object into the memory lent for it. With `startCrc` the CRC32C is taken as the bytes arrive, and compared
 * where the store has one.
 */
export function getObject(
  plane: DataPlane,
  item: GetItem,
  startCrc: (() => Crc32c) | undefined,
  signal: AbortSignal,
): Promise<GetResult> {
  return plane.request({
    operation: 'get',
    method: 'GET',
    key: item.key,
    signedHeaders: startCrc === undefined ? none : withChecksum,
    plainHeaders: none,
    into: item.into,
    startCrc,
    signal,
    accept: (response, crc) => accept(response, crc, item.into),
    onMiss: miss,
  });
}

const none: readonly string[] = [];
const withChecksum: readonly string[] = ['x-amz-checksum-mode', 'ENABLED'];
const miss: GetResult = { status: 'miss' };

function accept(response: WireResponse, crc: Crc32c | undefined, into: Uint8Array): GetResult | undefined {
  if (response.status !== 200) return undefined;
  const byteLength = response.bodyBytes;
  refuseErrorDocument(response, into);
  const expected = crc === undefined ? undefined : checksumOf(response.headers);
  if (expected === undefined || crc === undefined) return { status: 'hit', byteLength, verified: 'length' };
  const actual = crc.base64();
  if (actual === expected) return { status: 'hit', byteLength, verified: 'checksum' };
  throw new KvferryError(
    'CORRUPT',
    `the ${byteLength} bytes that came have CRC32C ${actual}, the store keeps ${expected} for them`,
    { httpStatus: response.status, requestId: response.headers.get('x-amz-request-id') },
  );
}

/**
 * The CRC32C of the whole object. That of a multipart upload may be one of its parts' checksums, which says nothing to
 * a reader.
 */
function checksumOf(headers: ReadonlyMap<string, string>): string | undefined {
  const value = headers.get('x-amz-checksum-crc32c');
  if (value === undefined || value.includes('-')) return undefined;
  return headers.get('x-amz-checksum-type') === 'COMPOSITE' ? undefined : value;
}

/** The longest error document looked for behind a 200. S3's own are under 1 KiB. */
const MAX_ERROR_DOCUMENT_BYTES = 8192;

/**
 * Throws UNAVAILABLE where the body is an error document in spite of the 200, and wipes it from the caller's memory. An
 * object always comes with an ETag, an error never does.
 */
function refuseErrorDocument(response: WireResponse, into: Uint8Array): void {
  if (response.bodyBytes > MAX_ERROR_DOCUMENT_BYTES || response.headers.has('etag')) return;
  const body = into.subarray(0, response.bodyBytes);
  // A copy: TextDecoder takes no view on a SharedArrayBuffer.
  if (!isErrorDocument(Buffer.from(body).toString('utf8'))) return;
  body.fill(0);
  throw new KvferryError('UNAVAILABLE', 'the store answered 200 with an error document in place of the object', {
    httpStatus: response.status,
    requestId: response.headers.get('x-amz-request-id'),
  });
}
