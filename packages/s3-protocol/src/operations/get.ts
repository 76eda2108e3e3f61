import { type GetItem, type GetResult, KvferryError } from '@kvferry/core';
import type { WireResponse } from '@kvferry/wire';
import type { DataPlane } from '../data-plane.ts';
import { isErrorDocument } from '../error-body.ts';
import { checksumOfDigest, corruptValue, storedChecksum, type Verification } from '../verification.ts';

/** GET: the object into the memory lent for it. Its checksum is taken as the bytes arrive, and compared where the store has one. */
export function getObject(
  plane: DataPlane,
  item: GetItem,
  verification: Verification,
  signal: AbortSignal,
): Promise<GetResult> {
  return plane.request({
    operation: 'get',
    method: 'GET',
    key: item.key,
    signedHeaders: verification.digest === undefined ? none : withChecksum,
    plainHeaders: none,
    into: item.into,
    digest: verification.digest,
    signal,
    accept: (response) => accept(response, item.into, verification),
    onMiss: miss,
  });
}

const none: readonly string[] = [];
const withChecksum: readonly string[] = ['x-amz-checksum-mode', 'ENABLED'];
const miss: GetResult = { status: 'miss' };

function accept(response: WireResponse, into: Uint8Array, verification: Verification): GetResult | undefined {
  if (response.status !== 200) return undefined;
  const byteLength = response.bodyBytes;
  refuseErrorDocument(response, into);
  const stored = storedChecksum(response.headers, verification.algorithms);
  if (stored === undefined) return { status: 'hit', byteLength, verified: 'length' };
  const actual = checksumOfDigest(verification.digest ?? '', response.digest ?? '', stored.algorithm);
  if (actual === stored.value) return { status: 'hit', byteLength, verified: 'checksum' };
  throw corruptValue(byteLength, stored, actual, {
    httpStatus: response.status,
    requestId: response.headers.get('x-amz-request-id'),
  });
}

/** The longest error document looked for behind a 200. S3's own are under 1 KiB. */
const MAX_ERROR_DOCUMENT_BYTES = 8192;

/**
 * Throws UNAVAILABLE where the body is an error document in spite of the 200, and wipes it from the caller's memory. An
 * object always comes with an ETag, an error never does.
 */
export function refuseErrorDocument(response: WireResponse, into: Uint8Array): void {
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
